"""Raw evidence packed into archives: nothing lost, the same bytes, and readers that do not notice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.store import packing
from experiments.store.packing import LOGS, SAMPLES, TASKS, archive, pack, read

FILES = {
    (TASKS, "001-a.json"): b"{}",
    (SAMPLES, "001-a.jsonl"): b"one\ntwo\n",
    (LOGS, "001-a/worker 1-driver.log"): "größer".encode(),
    (LOGS, "001-a/master.log"): b"",
}


def a_run(folder: Path, files: dict[tuple[str, str], bytes] = FILES) -> Path:
    for (kind, name), content in files.items():
        path = folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_what_was_packed_is_read_as_before(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    before = {key: read(run, *key) for key in FILES}
    pack(run)
    assert sorted(path.name for path in run.iterdir()) == ["logs.tar.xz", "samples.tar.xz", "tasks.tar.xz"]
    assert {key: read(run, *key) for key in FILES} == before == FILES
    assert read(run, TASKS, "002-b.json") is None
    assert read(run, packing.EVENTS, "001-a/app") is None


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = a_run(tmp_path / "one"), a_run(tmp_path / "other", dict(reversed(FILES.items())))
    (other / TASKS / "001-a.json").chmod(0o600)
    for run in (one, other):
        pack(run)
    for kind in (LOGS, SAMPLES, TASKS):
        assert archive(one, kind).read_bytes() == archive(other, kind).read_bytes()


def test_a_packed_run_that_goes_on_gets_its_new_files_too(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    pack(run)
    a_run(run, {(TASKS, "002-b.json"): b"new", (TASKS, "001-a.json"): b"made again"})
    assert read(run, TASKS, "001-a.json") == b"made again"
    pack(run)
    assert read(run, TASKS, "001-a.json") == b"made again"
    assert read(run, TASKS, "002-b.json") == b"new"
    assert read(run, SAMPLES, "001-a.jsonl") == FILES[SAMPLES, "001-a.jsonl"]


def test_nothing_is_lost_when_it_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(tmp_path)

    def interrupted(path: Path) -> None:
        (path / "001-a" / "master.log").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pack(run)
    assert {key: read(run, *key) for key in FILES} == FILES
    pack(run)
    assert {key: read(run, *key) for key in FILES} == FILES


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(tmp_path)

    def full(_files: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(packing, "_write", full)
        with pytest.raises(OSError, match="No space left"):
            pack(run)
    assert not list(run.glob(".*")), "no partial archive"
    assert {key: read(run, *key) for key in FILES} == FILES


@pytest.mark.parametrize("kept", [slice(-20), slice(40), slice(1, None)], ids=["cut", "head", "no archive"])
def test_a_damaged_archive_is_named(tmp_path: Path, kept: slice) -> None:
    run = a_run(tmp_path)
    pack(run)
    path = archive(run, LOGS)
    path.write_bytes(path.read_bytes()[kept])
    with pytest.raises(UserError, match=r"logs\.tar\.xz: is no whole archive .*; restore the file"):
        read(run, LOGS, "001-a/master.log")
    a_run(run)
    with pytest.raises(UserError):
        pack(run)
    assert (run / LOGS / "001-a" / "master.log").exists()


def test_a_run_without_raw_evidence_is_left_alone(tmp_path: Path) -> None:
    pack(tmp_path)
    assert not list(tmp_path.iterdir())
