"""What a worker has of its node's processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_app.pipeline import cpu_share


@pytest.mark.parametrize(
    ("asked", "cores", "quota", "fed"),
    [
        (1, 2, None, 1),
        (4, 2, None, 2),
        (4, 8, 0.33, 1),
        (4, 8, 1.0, 1),
        (4, 8, 1.2, 2),
        (2, 8, 6.0, 2),
        (1, 1, 0.01, 1),
    ],
)
def test_threads_are_those_that_the_share_feeds(asked: int, cores: int, quota: float | None, fed: int) -> None:
    assert cpu_share.threads(asked, cores, quota) == fed


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "33000 100000\n"}, 0.33),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_quota_of_either_version_of_cgroups(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_share.quota(tmp_path) == quota


def test_this_process_has_a_core() -> None:
    assert cpu_share.cores() >= 1
