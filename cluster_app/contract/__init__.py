"""The job file that goes in and the job result that comes out: the one definition of both.

Standard library only, Python 3.9 to 3.13: the host and the cluster import it alike.
"""

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job, parse_job
from cluster_app.contract.result import JobResult, parse_result
from cluster_app.contract.rows import COLUMNS, STATUSES

__all__ = ["COLUMNS", "STATUSES", "ContractError", "Job", "JobResult", "parse_job", "parse_result"]
