"""`make reproduce`: the paper's whole workflow (Fig. 18), models to report, in one command that can be resumed."""
