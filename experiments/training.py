"""`make train`: trains the network that the repository ships, in the builder's container.

Photographs, scenes, training, measurement; each part goes on where an earlier call was interrupted. The files of the
result replace those in cluster_app/network/shipped only when the held-out accuracy is reached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from experiments.cli.app import guarded
from experiments.cli.output import progress
from experiments.errors import RunFailed
from experiments.host import images
from experiments.host.command import run as run_command
from experiments.host.engine import DOCKER, ONCE, Engine
from experiments.host.paths import ARTEFACTS, ROOT
from experiments.photographs import collect
from experiments.render import LABEL_CLUSTER

WORK = ARTEFACTS / "training"
SHIPPED = ROOT / "cluster_app" / "network" / "shipped"
CONTAINER = "clusterbed-training"
_BUILDER_USER = 10001
_GRACE = 60  # seconds that an interrupted training gets to finish its step and write its state
_INTERRUPTED = 130


def main() -> None:
    """Status 0 when the trained files are in place."""
    raise SystemExit(guarded(run))


def run() -> None:
    """In the foreground, with the container's progress. Ctrl-C leaves a state to go on from, and no container."""
    images.require(Engine(), {images.tag("builder")})
    photographs = ARTEFACTS / "calibration-photographs"
    collect(photographs, malformed=False)
    WORK.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        os.chown(WORK, _BUILDER_USER, _BUILDER_USER)
    begin = time.monotonic()
    _in_container(photographs)
    _place(WORK / "shipped", SHIPPED)
    progress(f"trained in {(time.monotonic() - begin) / 60:.0f} min: {SHIPPED.relative_to(ROOT)}")


def _in_container(photographs: Path) -> None:
    user = [] if os.getuid() == 0 else ["--user", f"{os.getuid()}:{os.getgid()}"]
    mounts = {ROOT / "cluster_app": "/app/cluster_app:ro", photographs: "/photographs:ro", WORK: "/work"}
    volumes = [word for source, place in mounts.items() for word in ("-v", f"{source}:{place}")]
    arguments = ["--photos", "/photographs", "--work", "/work", "--out", "/work/shipped"]
    command = [
        *(DOCKER, "run", "--rm", "--init", "--name", CONTAINER, "--network", "none"),
        *("--label", f"{LABEL_CLUSTER}={ONCE}", "--stop-timeout", str(_GRACE)),
        *("-e", "OMP_WAIT_POLICY=PASSIVE"),  # threads that wait leave the core to others
        *(*user, *volumes, images.tag("builder"), "python", "-m", "cluster_app.network.training", *arguments),
    ]
    _refuse_second()
    # A session of its own: Ctrl-C is answered here, by stopping the container, and not by the client.
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            status = process.wait()
        except BaseException:
            progress("stopping: the training finishes its step and writes its state")
            run_command([DOCKER, "stop", "--time", str(_GRACE), CONTAINER], check=False, timeout=2 * _GRACE)
            run_command([DOCKER, "rm", "-f", CONTAINER], check=False)
            raise
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    if status != 0:
        raise RunFailed(f"the training ended with status {status}, see above; `make train` goes on from {WORK}")


def _refuse_second() -> None:
    state = run_command([DOCKER, "ps", "--all", "--quiet", "--filter", f"name=^{CONTAINER}$"], check=False)
    if state.stdout.strip():
        raise RunFailed(f"a training runs already, in the container {CONTAINER}; wait for it, or `docker stop` it")


def _place(source: Path, target: Path) -> None:
    """Put each file of the result in the place of the shipped one: aside first, then renamed."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        aside = target / f".{path.name}.part"
        shutil.copyfile(path, aside)
        aside.replace(target / path.name)


if __name__ == "__main__":
    main()
