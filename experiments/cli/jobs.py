"""Commands on jobs: submit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job, parse_job
from experiments.cli.output import progress
from experiments.cluster import lifecycle, staging, submit
from experiments.errors import RunFailed, UserError
from experiments.host.paths import LOGS


def register(app: typer.Typer) -> None:
    app.command(name="submit")(submit_)


def submit_(
    cluster: Annotated[str, typer.Argument(help="The name of a cluster that is up.")],
    job: Annotated[Path, typer.Argument(help="A job file; docs/job.md has its keys.")],
    stage: Annotated[bool, typer.Option("--stage", help="Upload input, model and priors of this host first.")] = False,
) -> None:
    """Run a job on a cluster that is up, and print its result."""
    spec = lifecycle.spec_of(lifecycle.name_of(cluster))
    parsed = read_job(job)
    if stage:
        parsed = staging.stage(spec, parsed, progress)
    evidence = LOGS / "jobs" / time.strftime("%Y%m%d-%H%M%S")
    done = submit.submit(spec, parsed, evidence, progress)
    progress(f"done in {done.submit_seconds:.1f} s; output: {parsed.output}; the driver's log: {done.log}")
    print(done.result.to_json(), end="")
    if done.result.counts.failed:
        raise RunFailed(
            f"{done.result.counts.failed} of {done.result.counts.images} images failed: {'; '.join(done.result.errors)}"
        )


def read_job(path: Path) -> Job:
    """A job file as a Job. Raises UserError with all that is wrong with it."""
    try:
        return parse_job(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"{path}: cannot be read: {reason}; give a job file") from None
    except ContractError as error:
        raise UserError(*str(error).splitlines()) from None
