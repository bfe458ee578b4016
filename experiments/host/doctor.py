"""Is this host able to run the project? Each check says what was found, what is needed and how to mend it."""

from __future__ import annotations

import platform
import re
import shutil
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from experiments.errors import ClusterbedError
from experiments.host import capacity, images
from experiments.host.command import run
from experiments.host.engine import DOCKER, Engine
from experiments.host.paths import DOCKER as FOLDERS
from experiments.host.paths import ROOT

CORES, MEMORY_MB, DISK_MB = 2, 15_000, 25_000
SUITES = ("bullseye", "bookworm")
_FIX = "clusterbed doctor --fix"


@dataclass(frozen=True)
class Check:
    """verdict: ok; missing (needed and not there); limited (works, with something the project cannot show here)."""

    name: str
    verdict: Literal["ok", "missing", "limited"]
    found: str
    needed: str
    mend: str | None = None


def examine() -> list[Check]:
    """All checks, in the order a person would mend them."""
    host, engine = capacity.measure(ROOT), _engine()
    info = engine.info() if engine else {}
    return [
        _platform(),
        _engine_check(engine, info),
        _plugin("compose", "v2 or later", 2),
        _plugin("buildx", "any", 0),
        _at_least("cores", host.cores, CORES, "", "use a machine, or an allowance, with more"),
        _at_least("memory", host.memory_mb, MEMORY_MB, " MB", "use a machine with more; smaller clusters fit less"),
        _disk(host.disk_free_mb, engine),
        Check("cgroup", "ok", host.cgroup, "v1 or v2"),
        _quota(info),
        _shaping(),
        _ports(),
        *[_suite(suite, engine) for suite in SUITES],
    ]


def mend(say: Callable[[str], None]) -> None:
    """Installs and starts the engine and its plugins, and makes the base images. Raises what the scripts refuse."""
    run([str(FOLDERS / "host" / "engine.sh")], timeout=900)
    for suite in SUITES:
        say(f"base image for {suite}")
        run([str(FOLDERS / "host" / "base-image.sh"), suite], timeout=900)


def _engine() -> Engine | None:
    try:
        return Engine()
    except ClusterbedError:
        return None


def _platform() -> Check:
    found = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    fits = platform.system() == "Linux" and platform.machine() == "x86_64"
    return Check(
        "platform",
        "ok" if fits else "missing",
        found,
        "x86-64 Linux, Python 3.11 or later",
        None if fits else "use such a host",
    )


def _engine_check(engine: Engine | None, info: dict[str, Any]) -> Check:
    if engine is None:
        installed = "installed, not answering" if shutil.which("dockerd") else "none"
        return Check("engine", "missing", installed, "Docker 20.10 or later", _FIX)
    version = str(info.get("ServerVersion", "?"))
    fits = _version(version) >= (20, 10)
    return Check(
        "engine", "ok" if fits else "missing", version, "Docker 20.10 or later", None if fits else "upgrade Docker"
    )


def _plugin(name: str, needed: str, major: int) -> Check:
    if shutil.which(DOCKER) is None:
        return Check(name, "missing", "no docker program", needed, _FIX)
    done = run([DOCKER, name, "version"], check=False)
    match = re.search(r"v?(\d+\.\d+[.\d]*)", done.stdout)
    fits = done.status == 0 and match is not None and _version(match[1]) >= (major,)
    return Check(name, "ok" if fits else "missing", match[1] if match else "none", needed, None if fits else _FIX)


def _at_least(name: str, found: int, needed: int, unit: str, mend_by: str) -> Check:
    fits = found >= needed
    return Check(name, "ok" if fits else "missing", f"{found}{unit}", f"{needed}{unit}", None if fits else mend_by)


def _disk(free_mb: int, engine: Engine | None) -> Check:
    # What is built needs no room a second time.
    built = engine is not None and all(engine.image_labels(images.tag(image.name)) for image in images.IMAGES)
    needed = DISK_MB // 3 if built else DISK_MB
    return _at_least("disk", free_mb, needed, " MB", "free some: `make clean` says what it would free")


def _quota(info: dict[str, Any]) -> Check:
    lacking = [key for key in ("CpuCfsQuota", "CPUSet", "MemoryLimit") if info and not info.get(key)]
    if not info:
        return Check("quotas", "missing", "unknown: no engine", "CPU quota, cpuset, memory limit", _FIX)
    mend_by = "enable the kernel's CFS bandwidth control and memory control group" if lacking else None
    return Check(
        "quotas",
        "missing" if lacking else "ok",
        f"no {', '.join(lacking)}" if lacking else "all",
        "CPU quota, cpuset, memory limit",
        mend_by,
    )


def _shaping() -> Check:
    """Tries each queueing discipline on the loopback of a network namespace that ends with the try."""
    if shutil.which("tc") is None or shutil.which("unshare") is None:
        return Check(
            "traffic shaping",
            "limited",
            "no tc or unshare",
            "tbf; netem for delay",
            "apt-get install iproute2 util-linux",
        )
    tries = {"tbf": "tbf rate 26mbit burst 32k latency 400ms", "netem": "netem delay 1ms"}
    works = [
        name
        for name, words in tries.items()
        if run(["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", *words.split()], check=False).status == 0
    ]
    found = f"{', '.join(works) or 'none'} of tbf, netem"
    mend_by = (
        None
        if len(works) == len(tries)
        else "a kernel with both; without netem delay and loss cannot be shaped; root is needed"
    )
    return Check(
        "traffic shaping", "ok" if len(works) == len(tries) else "limited", found, "tbf; netem for delay", mend_by
    )


def _ports() -> Check:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            found = f"127.0.0.1:{server.getsockname()[1]} was free"
    except OSError as error:
        return Check("ports", "missing", str(error), "free ports on 127.0.0.1", "end programs that hold ports open")
    return Check("ports", "ok", found, "free ports on 127.0.0.1")


def _suite(suite: str, engine: Engine | None) -> Check:
    name = f"Debian {suite}"
    if engine is not None and engine.image_labels(f"clusterbed/debian:{suite}") is not None:
        return Check(name, "ok", "base image is there", "its packages")
    mirror = run(
        ["bash", "-c", '. "$1" && debian_mirror', "bash", str(FOLDERS / "host" / "common.sh")], check=False
    ).stdout.strip()
    if not mirror:
        return Check(
            name, "limited", "this host is no Debian", "its packages, or an image registry", "set DEBIAN_MIRROR"
        )
    try:
        with urllib.request.urlopen(f"{mirror.rstrip('/')}/dists/{suite}/Release", timeout=10):
            return Check(name, "ok", "its mirror answers", "its packages")
    except (OSError, ValueError) as error:
        return Check(
            name, "missing", str(error)[:80], "its packages", "set DEBIAN_MIRROR to a mirror that has the suite"
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
