"""The doctor's verdicts, on hosts that the test makes up."""

from __future__ import annotations

import os
import shutil
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import HostError
from experiments.host import capacity, doctor
from experiments.host.capacity import Host
from experiments.host.command import Completed

GOOD_INFO = {"ServerVersion": "20.10.24+dfsg1", "CpuCfsQuota": True, "CPUSet": True, "MemoryLimit": True}


class Engine:
    """An engine that has all images, or none."""

    def __init__(self, built: bool = True) -> None:
        self.built = built

    def info(self) -> dict[str, Any]:
        return GOOD_INFO

    def image_labels(self, _: str) -> dict[str, str] | None:
        return {"a": "label"} if self.built else None


def programs(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}" if name in names else None)


def answers(monkeypatch: pytest.MonkeyPatch, status: int, stdout: str) -> None:
    monkeypatch.setattr(doctor, "run", lambda words, **_: Completed(tuple(words), status, stdout, ""))


# What this host has


def test_this_host_is_measured(tmp_path: Path) -> None:
    host = capacity.measure(tmp_path)
    assert host.cores == len(os.sched_getaffinity(0))
    assert host.memory_mb > 256
    assert abs(host.disk_free_mb - shutil.disk_usage(tmp_path).free // 2**20) < 2000
    assert host.kernel == os.uname().release
    assert host.cgroup in ("v1", "v2")
    assert capacity.first_core() in os.sched_getaffinity(0)


def test_the_processor_is_the_first_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: sse4_1 avx2\n\nprocessor\t: 1\nmodel name\t: Other\n"
    )
    monkeypatch.setattr(capacity.Path, "read_text", lambda _: text)
    host = capacity.measure(tmp_path)
    assert (host.cpu_model, host.cpu_flags) == ("Some CPU: fast", frozenset({"sse4_1", "avx2"}))
    monkeypatch.setattr(capacity.Path, "read_text", lambda _: "")
    assert capacity.measure(tmp_path).cpu_model == "unknown"


# Verdicts


@pytest.mark.parametrize(
    ("system", "machine", "verdict"),
    [("Linux", "x86_64", "ok"), ("Darwin", "x86_64", "missing"), ("Linux", "aarch64", "missing")],
)
def test_platform(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, verdict: str) -> None:
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    check = doctor._platform()
    assert (check.verdict, check.mend is None) == (verdict, verdict == "ok")
    assert f"{system} {machine}" in check.found


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("20.10.24+dfsg1", "ok"), ("26.1.5", "ok"), ("20.9.1", "missing"), ("19.03.15", "missing"), ("?", "missing")],
)
def test_engines_version(version: str, verdict: str) -> None:
    check = doctor._engine_check(Engine(), {"ServerVersion": version})  # type: ignore[arg-type]
    assert (check.verdict, check.found) == (verdict, version)


@pytest.mark.parametrize(("program", "found"), [("dockerd", "installed, not answering"), ("other", "none")])
def test_an_engine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, program: str, found: str) -> None:
    programs(monkeypatch, program)
    check = doctor._engine_check(None, {})
    assert (check.verdict, check.found, check.mend) == ("missing", found, "clusterbed doctor --fix")


@pytest.mark.parametrize(
    ("name", "major", "status", "stdout", "verdict", "found"),
    [
        ("compose", 2, 0, "Docker Compose version v2.26.1", "ok", "2.26.1"),
        ("compose", 2, 0, "Docker Compose version 2.26.1-4", "ok", "2.26.1"),
        ("compose", 2, 0, "docker-compose version 1.29.2, build unknown", "missing", "1.29.2"),
        ("compose", 2, 1, "", "missing", "none"),
        ("buildx", 0, 0, "github.com/docker/buildx 0.13.1+ds1 v0.13.1", "ok", "0.13.1"),
        ("buildx", 0, 0, "nothing to read", "missing", "none"),
        ("buildx", 0, 125, "docker: 20.10 has no buildx", "missing", "20.10"),
    ],
)
def test_plugins(
    monkeypatch: pytest.MonkeyPatch, name: str, major: int, status: int, stdout: str, verdict: str, found: str
) -> None:
    programs(monkeypatch, "docker")
    answers(monkeypatch, status, stdout)
    check = doctor._plugin(name, "any", major)
    assert (check.name, check.verdict, check.found) == (name, verdict, found)


def test_no_plugin_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch)
    monkeypatch.setattr(doctor, "run", lambda *_, **__: pytest.fail("asked"))
    assert doctor._plugin("compose", "v2", 2).verdict == "missing"


def test_at_least() -> None:
    enough, short = (doctor._at_least("cores", found, 2, "", "more") for found in (2, 1))
    assert (enough.verdict, enough.mend) == ("ok", None)
    assert (short.verdict, short.mend, short.found, short.needed) == ("missing", "more", "1", "2")


def test_disk_for_what_is_not_built_yet() -> None:
    some = doctor.DISK_MB // 2
    assert doctor._disk(some, None).verdict == "missing"
    assert doctor._disk(some, Engine(built=False)).verdict == "missing"  # type: ignore[arg-type]
    assert doctor._disk(some, Engine()).verdict == "ok"  # type: ignore[arg-type]
    assert doctor._disk(doctor.DISK_MB, None).verdict == "ok"
    assert doctor._disk(100, Engine()).verdict == "missing"  # type: ignore[arg-type]


def test_quotas() -> None:
    assert doctor._quota(GOOD_INFO).verdict == "ok"
    assert doctor._quota({}).verdict == "missing"
    lacking = doctor._quota({**GOOD_INFO, "CpuCfsQuota": False})
    assert (lacking.verdict, lacking.found) == ("missing", "no CpuCfsQuota")
    assert lacking.mend is not None


@pytest.mark.parametrize(
    ("working", "verdict", "found"),
    [
        (("tbf", "netem"), "ok", "tbf, netem of"),
        (("tbf",), "limited", "tbf of"),
        ((), "limited", "none of"),
    ],
)
def test_shaping(monkeypatch: pytest.MonkeyPatch, working: tuple[str, ...], verdict: str, found: str) -> None:
    programs(monkeypatch, "tc", "unshare")

    def run(words: list[str], *, check: bool) -> Completed:
        assert not check
        return Completed(tuple(words), 0 if set(words) & set(working) else 2, "", "")

    monkeypatch.setattr(doctor, "run", run)
    check = doctor._shaping()
    assert check.verdict == verdict
    assert check.found.startswith(found)


def test_shaping_without_its_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch, "tc")
    monkeypatch.setattr(doctor, "run", lambda *_, **__: pytest.fail("asked"))
    assert doctor._shaping().verdict == "limited"


def test_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._ports().verdict == "ok"

    def none(_: object) -> None:
        raise OSError("no port left")

    monkeypatch.setattr(doctor.socket, "create_server", none)
    check = doctor._ports()
    assert (check.verdict, check.found) == ("missing", "no port left")


def test_a_suite_whose_image_is_there_asks_no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", lambda *_, **__: pytest.fail("asked"))
    assert doctor._suite("bullseye", Engine()).verdict == "ok"  # type: ignore[arg-type]


def test_a_suite_from_its_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Answer:
        def __init__(self, url: str, timeout: float) -> None:
            asked.append(url)
            assert timeout > 0
            if "bookworm" in url:
                raise urllib.error.URLError("not found")

        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(doctor.urllib.request, "urlopen", Answer)
    answers(monkeypatch, 0, "http://mirror.example/debian/\n")
    engine: Any = Engine(built=False)
    assert doctor._suite("bullseye", engine).verdict == "ok"
    assert asked == ["http://mirror.example/debian/dists/bullseye/Release"]
    refused = doctor._suite("bookworm", None)
    assert refused.verdict == "missing"
    assert "DEBIAN_MIRROR" in str(refused.mend)


def test_a_suite_on_a_host_without_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, 1, "")
    assert doctor._suite("bullseye", None).verdict == "limited"


@pytest.fixture
def sound_host(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(4, 32_000, 90_000, "Some CPU", frozenset(), "6.1", "v2")
    monkeypatch.setattr(doctor.capacity, "measure", lambda _: host)
    monkeypatch.setattr(doctor, "_shaping", lambda: doctor.Check("traffic shaping", "ok", "", ""))
    monkeypatch.setattr(doctor, "_platform", lambda: doctor.Check("platform", "ok", "", ""))
    programs(monkeypatch, "docker")
    answers(monkeypatch, 0, "v2.26.1")


@pytest.mark.usefixtures("sound_host")
def test_a_sound_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "Engine", Engine)
    found = doctor.examine()
    assert {check.name for check in found} >= {
        "engine",
        "compose",
        "cores",
        "memory",
        "disk",
        "quotas",
        "Debian bullseye",
    }
    assert [check for check in found if check.verdict != "ok" or check.mend is not None] == []


@pytest.mark.usefixtures("sound_host")
def test_without_an_engine_all_checks_are_still_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise HostError("no engine")

    monkeypatch.setattr(doctor, "Engine", none)
    monkeypatch.setattr(doctor.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked"))
    answers(monkeypatch, 1, "")
    found = {check.name: check.verdict for check in doctor.examine()}
    assert (found["engine"], found["quotas"], found["compose"], found["cores"]) == (
        "missing",
        "missing",
        "missing",
        "ok",
    )
    assert len(found) == 13


def test_mending_runs_the_scripts_and_names_each_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(doctor, "run", lambda words, **_: ran.append([Path(words[0]).name, *words[1:]]))
    said: list[str] = []
    doctor.mend(said.append)
    assert ran == [["engine.sh"], ["base-image.sh", "bullseye"], ["base-image.sh", "bookworm"]]
    assert said == ["base image for bullseye", "base image for bookworm"]
