"""The set-up scripts exclude each other, and one that calls another does not wait for itself."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

from experiments.host.paths import ROOT

COMMON = ROOT / "docker" / "host" / "common.sh"
OUTER = f'. "{COMMON}"; one_at_a_time; echo outer; bash -c \'. "{COMMON}"; one_at_a_time; echo inner\''


def test_a_setup_waits_for_another_of_the_same_user_and_not_for_itself(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CLUSTERBED_SETUP"}
    with (tmp_path / f"clusterbed-setup-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            ["bash", "-c", OUTER],
            env=environment | {"TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting:
            assert waiting.stderr is not None
            assert "waiting for another set-up" in waiting.stderr.readline()
            assert waiting.poll() is None
            fcntl.flock(lock, fcntl.LOCK_UN)
            said, _ = waiting.communicate(timeout=10)
    assert said.split() == ["outer", "inner"]
