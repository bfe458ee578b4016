"""Programs of cluster_app in a container: their messages in the user's words, the right errors, nothing left behind."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import HostError, RunFailed, UserError
from experiments.host import evaluation, images
from experiments.host.evaluation import Program, attend


class NoEngine:
    """An engine that has every image."""

    def image_labels(self, _: str) -> dict[str, str]:
        return {}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Replaces Docker's client by a shell script; returns the file with the arguments of each call."""
    client, calls = tmp_path / "docker", tmp_path / "calls"

    def becomes(script: str) -> Path:
        client.write_text(f'#!/bin/bash\necho "$*" >> {calls}\n[ "$1" = run ] || exit 0\n{script}\n')
        client.chmod(client.stat().st_mode | stat.S_IXUSR)
        return calls

    monkeypatch.setattr(evaluation, "DOCKER", str(client))
    monkeypatch.setattr(evaluation, "Engine", NoEngine)
    return becomes


def program(tmp_path: Path, **more: Any) -> Program:
    return Program("cluster_app.evaluate.models", ["--data", "/data/own"], {tmp_path: "/data/own:ro"}, **more)


def test_a_program_that_ends_well(tmp_path: Path, docker: Callable[[str], Path]) -> None:
    calls = docker("echo working on /data/own >&2; echo libpng warning: x >&2; echo result of /data/own")
    said: list[str] = []
    assert attend(program(tmp_path, options=["--cpus", "0.5"]), said.append) == f"result of {tmp_path}\n"
    assert said == [f"working on {tmp_path}"]
    (call,) = calls.read_text().splitlines()
    assert f"--user {os.getuid()}:{os.getgid()}" in call
    assert f"-v {tmp_path}:/data/own:ro" in call
    assert "--network none" in call
    assert call.endswith(f"{images.tag('builder')} python -m cluster_app.evaluate.models --data /data/own")
    assert "--cpus 0.5" in call.split(images.tag("builder"))[0]


@pytest.mark.parametrize(("status", "kind"), [(2, UserError), (3, HostError)])
def test_what_was_wrong_is_told_once(
    tmp_path: Path, docker: Callable[[str], Path], status: int, kind: type[Exception]
) -> None:
    docker(f"echo error: /data/own/a.json: id 3 >&2; echo error: second >&2; exit {status}")
    said: list[str] = []
    with pytest.raises(kind) as caught:
        attend(program(tmp_path), said.append)
    assert caught.value.messages == (f"{tmp_path}/a.json: id 3", "second")  # type: ignore[attr-defined]
    assert said == []


@pytest.mark.parametrize("script", ["echo Traceback >&2; echo ZeroDivisionError: x >&2; exit 1", "exit 2"])
def test_a_fault_of_ours_is_one_line(tmp_path: Path, docker: Callable[[str], Path], script: str) -> None:
    docker(script)
    with pytest.raises(RunFailed, match=r"cluster_app\.evaluate\.models ended with status \d: (ZeroDiv|it said noth)"):
        attend(program(tmp_path), lambda _: None)


def test_an_interrupt_removes_the_container(tmp_path: Path, docker: Callable[[str], Path]) -> None:
    calls = docker("echo started >&2; sleep 60")

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attend(program(tmp_path), interrupt)
    started, *removed = calls.read_text().splitlines()
    name = started.split("--name ")[1].split()[0]
    assert removed
    assert set(removed) == {f"rm -f -v {name}"}
    assert subprocess.run(["pgrep", "-f", name], capture_output=True, check=False).returncode == 1


def test_a_program_that_takes_too_long_is_ended(
    tmp_path: Path, docker: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    calls = docker(f"while [ ! -e {gone} ]; do sleep 0.05; done; exit 137")
    monkeypatch.setattr(evaluation, "_remove", lambda name: gone.write_text(name))
    with pytest.raises(RunFailed, match=r"cluster_app\.evaluate\.models: did not end within 0 s and was ended"):
        attend(program(tmp_path), print, timeout=0.2)
    assert gone.read_text() in calls.read_text(), "the container that was started is the one that is removed"


def test_one_that_ends_in_time_is_left_alone(tmp_path: Path, docker: Callable[[str], Path]) -> None:
    calls = docker("echo done")
    assert attend(program(tmp_path), print, timeout=30) == "done\n"
    assert "rm -f" not in calls.read_text()


def test_a_missing_image_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        def image_labels(self, _: str) -> None:
            return None

    monkeypatch.setattr(evaluation, "Engine", Empty)
    with pytest.raises(HostError, match="missing image: clusterbed/builder:paper"):
        attend(program(tmp_path), print)


def evaluate(data: Path, out: Path) -> str:
    return evaluation.evaluate_models(
        data, data, out, limit=None, split=None, threads=1, backends=["onnx"], say=lambda _: None
    )


def test_a_result_is_put_in_place_when_it_is_whole(tmp_path: Path, docker: Callable[[str], Path]) -> None:
    data, out = tmp_path / "data", tmp_path / "results" / "accuracy"
    data.mkdir()
    # The scratch folder is what is mounted at /out.
    scratch = "scratch=$(echo \"$*\" | grep -o '[^ ]*:/out ' | cut -d: -f1)"
    docker(f"{scratch}; mkdir $scratch/result; echo x > $scratch/result/accuracy.json; exit 1")
    with pytest.raises(RunFailed):
        evaluate(data, out)
    assert list(out.parent.iterdir()) == []
    docker(f"{scratch}; mkdir $scratch/result; echo x > $scratch/result/accuracy.json; echo table")
    assert evaluate(data, out) == "table\n"
    assert [path.name for path in out.parent.iterdir()] == ["accuracy"]
    assert (out / "accuracy.json").read_text() == "x\n"
    with pytest.raises(UserError, match="accuracy: is there already"):
        evaluate(data, out)


def test_a_video_is_put_in_place_when_it_is_whole(tmp_path: Path, docker: Callable[[str], Path]) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "out" / "b.mp4"
    source.touch()
    docker("echo error: /in/a.mp4: is not a video >&2; exit 2")

    def annotate(force: bool = False) -> str:
        return evaluation.annotate_video(source, target, tmp_path, arguments=[], force=force, say=lambda _: None)

    with pytest.raises(UserError, match=f"^{source}: is not a video$"):
        annotate()
    assert list(target.parent.iterdir()) == []
    docker(
        "scratch=$(echo \"$*\" | grep -o '[^ ]*:/out ' | cut -d: -f1); echo new > $scratch/b.mp4; echo /out/b.mp4: ok"
    )
    assert annotate() == f"{target}: ok\n"
    with pytest.raises(UserError, match=r"b\.mp4: is there already; give another name, or --force"):
        annotate()
    assert annotate(force=True) == f"{target}: ok\n"
    assert [path.name for path in target.parent.iterdir()] == ["b.mp4"]


def test_table_1_is_measured_bare_and_limited(tmp_path: Path, docker: Callable[[str], Path]) -> None:
    scratch = "scratch=$(echo \"$*\" | grep -o '[^ ]*:/out ' | cut -d: -f1)"
    calls = docker(f'{scratch}; [[ "$*" == *table_1* ]] && echo "{{}}" > $scratch/result/table-1.json; echo table')
    model = tmp_path / "yolact-r50-550"
    model.mkdir()
    out = tmp_path / "table-1"
    assert evaluation.table_1(model, out, say=lambda _: None, cases=[(15, 5)], limited_cpus=0.5) == {}
    bare, limited, table = calls.read_text().splitlines()
    assert "--node bare" in bare
    assert "--loads 5" in bare
    assert "--cpus" not in bare
    assert limited.count("--cpus 0.5") == 2
    assert "--case 15:5" in limited
    assert "--records /out/result/bare.jsonl /out/result/limited.jsonl" in table
    assert all(images.tag(evaluation.TABLE_1_IMAGE) in call for call in (bare, limited, table))
    assert (out / "table-1.md").read_text() == "table\n"


def test_the_optional_image_is_built_only_when_asked_for() -> None:
    assert evaluation.TABLE_1_IMAGE not in {image.name for image in images.IMAGES}
    (optional,) = (image for image in images.OPTIONAL if image.name == evaluation.TABLE_1_IMAGE)
    prints = images.fingerprints((*images.IMAGES, optional))
    assert set(prints) - set(images.fingerprints()) == {evaluation.TABLE_1_IMAGE}
    assert set(optional.parents) < set(prints)
