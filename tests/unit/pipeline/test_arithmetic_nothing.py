"""A check of nothing is no check."""

from __future__ import annotations

import pytest

from cluster_app.contract.job import Job
from cluster_app.pipeline.arithmetic import verified


def test_no_executor_is_no_proof() -> None:
    job = Job("file:/in/a", "file:/out/b", "file:/m/x.xml", "file:/m/p.npy", "bigdl", "f32", 192)
    with pytest.raises(ArithmeticError, match="no executor compiled"):
        verified(job, [])
