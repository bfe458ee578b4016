"""The error of the job that is the user's to mend."""


class BadInput(Exception):
    """The job file is right, and what it names is not there, or is there already: status 2."""
