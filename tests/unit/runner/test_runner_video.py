"""Trials of the video benchmark: what they depend on, which round they are, when they do not count."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runner_fakes import HOST

from experiments.errors import RunFailed
from experiments.host.evaluation import Program
from experiments.host.models import Model
from experiments.matrix import costs
from experiments.matrix.costs import Calibration
from experiments.matrix.plan import make_plan
from experiments.matrix.preset import load_preset
from experiments.runner import video


def frame(side: str, seconds: float) -> dict[str, Any]:
    return {"kind": "frame", "side": side, **dict.fromkeys(video.PARTS, seconds)}


def test_a_round_of_videos_gives_seconds_per_frame_by_backend() -> None:
    sides = {side: {"threads": 1, "arithmetic": ["f32"]} for side in ("torch", "onnx")}
    header = {"kind": "header", "sides": sides}
    lines = [header, frame("torch", 0.5), frame("torch", 0.7), frame("onnx", 0.1), frame("onnx", 0.1)]
    found = video.per_frame(lines)
    assert found["torch"]["inference"] == pytest.approx(0.6)
    assert found["onnx"]["total"] == pytest.approx(0.4)
    assert video.invalid(lines, 2, 1) == ()
    assert video.invalid(lines, 3, 1) == ("torch: 2 of 3 frames", "onnx: 2 of 3 frames")
    assert video.invalid(lines[:3], 2, 1) == ("onnx: 0 of 2 frames",)
    assert video.invalid([], 3, 1) == ("no backend was timed",)
    assert video.invalid(lines, 2, 2) == (
        "torch: 1 threads, asked for were 2",
        "onnx: 1 threads, asked for were 2",
    )
    sides["onnx"] = {"threads": 1, "arithmetic": ["bf16", "f32"]}
    sides["onnx-bf16"] = {"threads": 1, "arithmetic": ["bf16"]}
    lines += [frame("onnx-bf16", 0.1)] * 2
    assert video.invalid(lines, 2, 1) == ("onnx: computed in bf16",)


def test_what_a_round_of_videos_depends_on_is_known_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Model(tmp_path / "made-from" / "yolact-r50-550")
    monkeypatch.setattr(video.artefacts, "model", lambda *_: built)
    planned = make_plan(load_preset("table-1", []), HOST, Calibration({})).cells[0]
    flags = frozenset({"avx", "avx2", "fma"})
    monkeypatch.setattr(video.environment, "host", lambda: replace(HOST, cpu_flags=flags))
    content = video.Videos(5, tmp_path, print).content(planned)
    assert content["model"] == {"name": "yolact-r50-550", "made_from": "made-from"}
    assert set(content["node_images"]) == {video.TABLE_1_IMAGE}
    assert content["programs"]
    monkeypatch.setattr(video.environment, "host", lambda: replace(HOST, cpu_flags=frozenset({"avx"})))
    other = video.Videos(5, tmp_path, print).content(planned)
    assert [key for key in content if content[key] != other[key]] == ["instructions"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_round_of_videos_keeps_its_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    built = Model(tmp_path / "made-from" / "yolact-r50-550")
    monkeypatch.setattr(video.artefacts, "model", lambda *_: built)
    monkeypatch.setattr(video, "ARTEFACTS", tmp_path / "artefacts")
    header = {"kind": "header", "sides": {"onnx": {"threads": 1, "arithmetic": ["f32"]}}}
    given = {}

    def attend(program: Program, say: Callable[[str], None], *, timeout: float) -> str:
        out = next(path for path, place in program.mounts.items() if place == "/out")
        given["options"], given["timeout"] = program.options, timeout
        frames = int(program.arguments[program.arguments.index("--case") + 1].partition(":")[2])
        lines = [header, *[frame("onnx", 0.1)] * frames]
        (out / "times.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        say("loading onnx")
        if fails:
            raise RunFailed("it fell over")
        return ""

    monkeypatch.setattr(video, "attend", attend)
    plan = make_plan(load_preset("table-1", ["repeats=1"]), HOST, Calibration({}))
    limited = next(one for one in plan.cells if one.cell.settings["node"] == "limited")
    said: list[str] = []
    lab = video.Videos(1, tmp_path / "run", said.append)
    (tmp_path / "run").mkdir()
    if fails:
        with pytest.raises(RunFailed, match="it fell over"):
            lab.run(limited, "001-exp-2")
    else:
        outcome = lab.run(limited, "001-exp-2")
        assert outcome.evidence["per_frame"]["onnx"]["frames"] == limited.cell.settings["frames"]
        # No container came up here, so none had the quota.
        assert outcome.invalid == ("its quota was None, asked for was 0.75 host cores",)
        assert outcome.evidence["sampler"]["problems"] == {"limited": "it was not seen"}
    assert list(given["options"][:1]) == ["--cidfile"]
    assert said == ["loading onnx"]
    assert (tmp_path / "run/logs/001-exp-2/limited-video.log").read_text() == "loading onnx\n"
    assert (tmp_path / "run/samples/001-exp-2.jsonl").read_text() == ""
    assert (tmp_path / "run/events/001-exp-2/frames.jsonl").read_text().count("frame") >= 4


def test_a_container_that_a_killed_session_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed = list[object]()
    monkeypatch.setattr(video, "run", lambda words, **_: removed.append(words[1:]))
    lab = video.Videos(1, tmp_path, print)
    lab.clear()
    assert removed == []
    (tmp_path / ".trial").mkdir()
    (tmp_path / ".trial" / "container").write_text("0123abcd")
    lab.clear()
    assert removed == [["rm", "-f", "0123abcd"]]
    assert not (tmp_path / ".trial").exists()


def test_the_plan_knows_what_the_limited_node_gets() -> None:
    assert costs.LIMITED == video.LIMITED_CPUS


def test_a_trial_of_videos_is_the_round_that_its_name_says() -> None:
    names = ("001-exp-1", "005-exp-1", "006-a", "001-exp-1-warm-up", "1000-a")
    assert [video.round_of(name, 5) for name in names] == [1, 5, 1, 1, 5]


@pytest.mark.parametrize(
    ("found", "wanted", "good"),
    [(0.75, 0.75, True), (None, None, True), (None, 0.75, False), (2.0, 0.75, False), (0.75, None, False)],
)
def test_a_video_under_another_quota_does_not_count(found: float | None, wanted: float | None, good: bool) -> None:
    assert (video.of_quota(found, wanted) == ()) is good
