"""Small parts of the runner: identity, progress lines, the look at the host, inputs, video rounds."""

from __future__ import annotations

import io
import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from rich.live import Live
from runner_fakes import plan_of

from cluster_app.pipeline.images import inspect
from experiments.bench.gate import Ticks
from experiments.errors import UserError
from experiments.matrix.preset import load_preset, parse_preset
from experiments.runner import inputs, live, steady
from experiments.runner.identity import changes, digest, of_plan
from experiments.runner.instructions import BASELINE, reached
from experiments.runner.loop import file_words, trial_name

AVX2 = {"sse4_1", "avx", "avx2", "fma"}
VNNI = AVX2 | {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"}

# Identity


def keys(content: Any) -> list[str]:
    """All keys of a content, at whatever depth."""
    if isinstance(content, dict):
        return [*content, *(key for value in content.values() for key in keys(value))]
    return [key for value in content for key in keys(value)] if isinstance(content, list | tuple) else []


def test_the_hash_knows_the_scale_but_not_the_order_of_keys() -> None:
    one, two = (plan_of(scale={"core": core}, cells=[{"name": "a"}]).cells[0] for core in (0.2, 0.3))
    assert digest(of_plan(one)) != digest(of_plan(two))
    content = of_plan(one)
    assert digest(dict(reversed(content.items()))) == digest(content)
    assert not {"host", "cpu_model", "cpu_flags", "boot", "kernel"} & set(keys(content))


@pytest.mark.parametrize(
    ("cap", "flags", "isa"),
    [
        ("AVX512_CORE_VNNI", VNNI | {"avx512_bf16"}, "AVX512_CORE_VNNI"),
        ("AVX512_CORE_VNNI", AVX2, "AVX2"),
        ("AVX", VNNI, "AVX"),
        (None, VNNI, "AVX512_CORE_VNNI"),
        (None, AVX2, "AVX2"),
        ("AVX2", {"sse2"}, BASELINE),
    ],
)
def test_a_node_computes_with_its_cap_or_less_where_the_host_has_less(
    cap: str | None, flags: set[str], isa: str
) -> None:
    assert reached(cap, flags) == isa


def test_what_else_the_host_did_is_what_the_nodes_did_not() -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    seen = iter([Ticks(idle=0, total=0), Ticks(idle=10 * hertz, total=20 * hertz)])
    times = iter([0.0, 10.0])
    with steady.Elsewhere(lambda: next(seen), lambda: next(times)) as host:
        pass
    assert host.cores(6.0) == 0.4
    assert host.cores(11.0) == 0.0


def test_changes_name_what_differs_by_its_path() -> None:
    before = {"core": 0.5, "cluster": {"nodes": [{"cpus": 0.5}, {"cpus": 0.5}]}, "gone": 1}
    now = {"core": 0.5, "cluster": {"nodes": [{"cpus": 0.5}, {"cpus": 0.25}]}, "new": "x"}
    assert changes(before, now) == [
        "cluster.nodes[1].cpus: 0.25, was 0.5",
        "gone: nothing, was 1",
        'new: "x", was nothing',
    ]
    assert changes(now, now) == []


def test_trial_names_are_names_of_folders() -> None:
    cells = ["workers=6 engine=fused", "a/../b", "exp 2", "exp_2", "é", f"{'a' * 90}1", f"{'a' * 90}2"]
    words = file_words(cells)
    assert trial_name(words[cells[0]], 2, "trial", 1) == "002-workers-6_engine-fused"
    assert trial_name(words[cells[1]], 1, "warm-up", 3) == "001-a_.._b-warm-up-again-2"
    assert len(set(words.values())) == len(cells)
    two = file_words(["a", "a-warm-up", "a-again-1"])
    names = [trial_name(two["a"], 1, kind, attempt) for kind, attempt in (("trial", 1), ("warm-up", 1), ("trial", 2))]
    assert not set(names) & {trial_name(two[cell], 1, "trial", 1) for cell in ("a-warm-up", "a-again-1")}
    assert all(re.fullmatch(r"[A-Za-z0-9._+-]{1,80}", one) for one in words.values())


# Live


def test_progress_lines_of_a_job_are_read() -> None:
    job = live.read_progress("progress 12 of 48 images, 1.10 images/s, 33 s left; worker-1 10, worker-2 2")
    assert job is not None
    assert (job.done, job.total, job.rate, job.left) == (12, 48, 1.1, 33)
    assert job.hosts == {"worker-1": 10, "worker-2": 2}
    assert job.stragglers == ("worker-2",)
    assert live.read_progress("staging x") is None
    assert [round(rate, 3) for _, _, rate in job.rates] == [
        round(1.1 * images / 12, 3) for images in job.hosts.values()
    ]
    bare = live.read_progress("job: progress 1 of 2 images, 0.50 images/s, 2 s left")
    assert bare is not None
    assert bare.stragglers == ()


def test_plain_lines_count_trials_and_say_what_is_left() -> None:
    said: list[str] = []
    now = [0.0]
    lines = live.Lines(said.append, clock=lambda: now[0])
    lines.begin(plan_of(), 9)
    now[0] = 30.0
    lines.ended(
        {
            "kind": "trial",
            "cell": "c",
            "round": 1,
            "status": "invalid",
            "seconds": 28.0,
            "reasons": ["2 rows missing"],
            "trial": "t",
        }
    )
    assert said[-1] == "[1/9] c round 1: invalid in 28.0 s: 2 rows missing; 4 min left"
    lines.ended({"kind": "warm-up", "cell": "c", "round": 1, "status": "measured", "seconds": 28.0, "trial": "t"})
    assert len(said) == 2
    lines.ended({"kind": "trial", "cell": "d", "round": 0, "status": "skipped", "reasons": ["no room"]})
    assert said[-1] == "d: skipped: no room"


def test_the_terminal_view_shows_cell_hosts_and_stragglers() -> None:
    out = StringIO()
    with Live(console=Console(file=out, force_terminal=True, width=120), auto_refresh=False) as screen:
        view = live.Screen(screen)
        view.begin(plan_of(), 9)
        view.phase("workers=2", "001-workers=2", "trial")
        view.say("progress 12 of 48 images, 1.10 images/s, 33 s left; worker-1 10, worker-2 2")
        view.say("[/closing] is no markup")
    for part in (
        "0 of 9",
        "workers=2",
        "12 of 48",
        "worker-1 10",
        "33 s left",
        "stragglers",
        "[/closing] is no markup",
    ):
        assert part in out.getvalue()


def test_the_phase_that_a_job_is_in_is_shown_until_its_trial_ends() -> None:
    lines = live.Lines(lambda _: None)
    lines.begin(plan_of(), 1)
    lines.phase("c", "", "cluster boot")
    lines.say("starting ...")
    assert lines.doing == "cluster boot"
    lines.phase("c", "001-c", "trial")
    for text, doing in (("segment ...", "segment"), ("segment took 3.1 s", "segment"), ("commit ...", "commit")):
        lines.say(text)
        assert lines.doing == doing
    lines.say("progress 1 of 2 images, 0.50 images/s, 2 s left")
    lines.ended({"kind": "trial", "cell": "c", "round": 1, "status": "measured", "trial": "001-c"})
    assert (lines.trial, lines.doing, lines.job, lines.done) == ("", "", None, 1)


# The look at the host


def looked(busy: list[float], free: int = 4000, heat: tuple[int, ...] = (0,)) -> tuple[steady.Steady, list[str]]:
    state = {"now": 0.0, "idle": 0.0, "total": 0.0, "looks": 0}
    said: list[str] = []

    def sleep(seconds: float) -> None:
        share = busy.pop(0) if len(busy) > 1 else busy[0]
        state["now"] += seconds
        state["total"] += 200 * seconds
        state["idle"] += 200 * seconds * (1 - share)

    def throttled() -> int:
        state["looks"] += 1
        return heat[min(int(state["looks"]) - 1, len(heat) - 1)]

    return (
        steady.wait(
            said.append,
            read=lambda: Ticks(round(state["idle"]), round(state["total"])),
            free_mb=lambda: free,
            throttled=throttled,
            clock=lambda: state["now"],
            sleep=sleep,
        ),
        said,
    )


def test_a_quiet_host_is_looked_at_once() -> None:
    found, said = looked([0.01])
    assert (found.quiet, found.waited, said) == (True, steady.WINDOW, [])


def test_it_waits_for_load_to_end() -> None:
    found, said = looked([0.9, 0.9, 0.02])
    assert found.quiet
    assert found.waited == 3 * steady.WINDOW
    assert "90% of its cores busy" in said[0]


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [({"busy": [0.9]}, "90% of its cores busy"), ({"busy": [0.0], "free": 10}, "10 MB of memory free")],
)
def test_patience_ends_and_the_record_says_so(kwargs: dict[str, Any], reason: str) -> None:
    found, said = looked(**kwargs)
    assert not found.quiet
    assert found.waited == steady.PATIENCE
    assert reason in found.problems[0]
    assert "recorded with the trial" in said[-1]


def test_cores_that_are_slowed_down_for_heat_are_waited_for() -> None:
    found, _ = looked([0.0], heat=(0, 3, 3, 3))
    assert found.quiet
    assert found.waited == 2 * steady.WINDOW


# Inputs


def photographs(folder: Path, count: int) -> inputs.Source:
    folder.mkdir()
    for number in range(count):
        suffix = "jpg" if number % 2 else "png"
        Image.new("RGB", (300 + number, 200), (number, 0, 0)).save(folder / f"p{number}.{suffix}")
    return inputs.Source("coco", folder, tuple(sorted(folder.iterdir())), None)


def test_inputs_have_as_many_files_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    source = photographs(tmp_path / "photos", 3)
    five = inputs.prepare(source, 5, None)
    assert len(five.files) == len(set(five.files)) == 5
    assert sorted(five.files) == sorted(path.name for path in five.folder.iterdir())
    assert inputs.prepare(source, 5, None) == five
    assert inputs.prepare(source, 4, None).digest != five.digest


def test_names_are_such_that_every_reader_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    folder = tmp_path / "photos"
    (folder / "a b").mkdir(parents=True)
    for name in ("a b/tasse à café.jpg", "50%, [2].jpg"):
        Image.new("RGB", (30, 20)).save(folder / name)
    source = inputs.Source("coco", folder, tuple(sorted(folder.rglob("*.jpg"))), None)
    made = inputs.prepare(source, 3, None)
    assert made.files == ("00000-50-2-.jpg", "00001-a-b-tasse-caf-.jpg", "00002-50-2-.jpg")
    assert sorted(made.files) == sorted(path.name for path in made.folder.iterdir())


def test_inputs_can_be_scaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    made = inputs.prepare(photographs(tmp_path / "photos", 4), 4, 60)
    for path in made.folder.iterdir():
        with Image.open(path) as image:
            assert max(image.size) == 60


def test_scenes_keep_their_folder_and_their_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    source = photographs(tmp_path / "photos", 1)
    scenes = photographs(tmp_path / "images", 2)
    known = tmp_path / "annotations.json"
    images = [{"id": n, "file_name": path.name} for n, path in enumerate(scenes.files)]
    known.write_text(json.dumps({"images": images, "annotations": [{"image_id": 1}]}))
    both = inputs.Source("synthetic", source.root, (*scenes.files, *source.files), known)
    made = inputs.prepare(both, 6, None)
    assert [name.startswith("scenes/") for name in made.files] == [True, True, False, True, True, False]
    assert made.holding == (made.files[1], made.files[4])


def test_a_preset_without_its_images_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(inputs, "COCO", tmp_path / "none")
    made = {"schema": 1, "title": "t", "input": {"sets": ["coco"]}, "cells": [{"name": "a"}]}
    with pytest.raises(UserError, match=r"none is here; give --set input\.coco=FOLDER"):
        inputs.source(parse_preset(made, "m", "m.toml"), print)
    given = load_preset("smoke", ["input.sets=['coco']", f"input.coco={tmp_path}/x"])
    with pytest.raises(UserError) as caught:
        inputs.source(given, print)
    assert str(caught.value).startswith(f'{given.source}: input.coco = "{tmp_path}/x": does not exist; give a folder')


BROKEN = {
    "notes.txt": "cannot be read as an image (",
    "cut.jpg": "cannot be read as an image (image file is truncated",
    "empty.png": "cannot be read as an image (",
}


@pytest.mark.parametrize("side", [None, 60])
def test_files_that_no_job_would_read_are_told_before_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int | None
) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    good = photographs(tmp_path / "photos", 2)
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(whole, "JPEG")
    for name, data in zip(BROKEN, (b"no image", whole.getvalue()[:4000], b""), strict=True):
        (good.root / name).write_bytes(data)
    source = inputs.Source("coco", good.root, (*good.files, *(good.root / name for name in BROKEN)), None)
    with pytest.raises(UserError) as caught:
        inputs.prepare(source, 10, side)
    messages = caught.value.messages
    assert len(messages) == len(BROKEN), "each is told once, though the input holds it twice"
    for message, (name, why) in zip(messages, BROKEN.items(), strict=True):
        assert message.startswith(f"{good.root / name}: {why}"), message
        assert message.endswith("; take it out, or mend it")
    assert list((tmp_path / "inputs").iterdir()) == []
    assert len(inputs.prepare(good, 10, side).files) == 10


@pytest.mark.parametrize(
    ("mode", "name", "why"), [("CMYK", "a.jpg", "is a CMYK JPEG"), ("RGB", "a.gif", "is GIF; jobs read JPEG and PNG")]
)
def test_an_image_of_another_kind_than_jobs_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, name: str, why: str
) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / name
    Image.new(mode, (90, 60)).save(path)
    source = inputs.Source("coco", path.parent, (path,), None)
    with pytest.raises(UserError, match=why):
        inputs.prepare(source, 1, None)
    assert len(inputs.prepare(source, 1, 60).files) == 1, "it is scaled into one that they read"


def test_a_photograph_is_scaled_whatever_its_name_and_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (90, 60)).save(folder / "IMG_0001", "JPEG")
    Image.new("RGB", (90, 60)).save(folder / "scan.bmp")
    Image.new("CMYK", (90, 60)).save(folder / "print.jpg")
    made = inputs.prepare(inputs.Source("coco", folder, tuple(sorted(folder.iterdir())), None), 3, 60)
    for path in made.folder.iterdir():
        assert inspect(path.read_bytes()).status == "ok"


def test_a_picture_too_large_to_open_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "INPUTS", tmp_path / "inputs")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    source = photographs(tmp_path / "photos", 1)
    with pytest.raises(UserError, match="cannot be read as an image"):
        inputs.prepare(source, 1, 60)
