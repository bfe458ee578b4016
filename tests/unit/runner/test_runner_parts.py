"""Small parts of the runner: identity, progress lines, the look at the host, a run's folder, inputs, video rounds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from rich.live import Live
from runner_fakes import HOST, Laboratory, plan_of

from experiments.bench.gate import Ticks
from experiments.errors import HostError, RunFailed, UserError
from experiments.matrix.costs import Calibration
from experiments.matrix.plan import PlannedCell
from experiments.matrix.preset import load_preset, parse_preset
from experiments.runner import inputs, live, runs, steady
from experiments.runner.identity import changes, digest, of_plan
from experiments.runner.loop import file_words, trial_name
from experiments.runner.seam import Outcome
from experiments.store import packing

# Identity


def test_the_hash_knows_the_scale_but_not_the_order_of_keys() -> None:
    one, two = (plan_of(scale={"core": core}, cells=[{"name": "a"}]).cells[0] for core in (0.2, 0.3))
    assert digest(of_plan(one)) != digest(of_plan(two))
    content = of_plan(one)
    assert digest(dict(reversed(content.items()))) == digest(content)
    assert "host" not in json.dumps(sorted(content))


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


# A run's folder


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    return tmp_path


def test_an_id_that_is_there_needs_resume(results: Path) -> None:
    (results / "mine").mkdir()
    with pytest.raises(UserError, match="mine is there already; go on with --resume"):
        runs.run("smoke", "mine", (), resume=False)


def test_resume_needs_a_run(results: Path) -> None:
    (results / "other").mkdir()
    (results / "other" / "preset.toml").write_text("# preset: smoke\n")
    with pytest.raises(UserError, match=r"there is no run 'mine'.*there are: other"):
        runs.run("smoke", "mine", (), resume=True)


def test_resume_without_an_id_takes_the_presets_newest_run(results: Path) -> None:
    for name, preset in (("smoke-20260101-000000", "smoke"), ("smoke-20260102-000000", "smoke"), ("x", "table-2")):
        (results / name).mkdir()
        (results / name / "preset.toml").write_text(f"# preset: {preset}\n")
    assert runs.folder_of(load_preset("smoke"), None, resume=True).name == "smoke-20260102-000000"
    with pytest.raises(UserError, match="there is no run of the preset 'engines'"):
        runs.folder_of(load_preset("engines"), None, resume=True)


def test_resume_keeps_to_its_preset(results: Path) -> None:
    (results / "mine").mkdir()
    (results / "mine" / "preset.toml").write_text("# preset: table-2\n")
    with pytest.raises(UserError, match="mine is a run of the preset 'table-2'"):
        runs.run("smoke", "mine", (), resume=True)


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "x" * 65])
def test_an_id_is_a_name_of_a_folder(results: Path, name: str) -> None:
    with pytest.raises(UserError, match="--run-id"):
        runs.run("smoke", name or "/", (), resume=False)
    assert list(results.iterdir()) == []


def test_a_preset_of_which_nothing_runs_here_is_refused_as_such(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "linked.toml"
    path.write_text('schema = 1\ntitle = "t"\n[settings]\nlink = "26mbit"\n[[cells]]\nname = "a"\n')
    with pytest.raises(HostError, match=r"none of its 1 cells can run here: link = .26mbit.*not built yet"):
        runs.run(str(path), "mine", (), resume=False)
    assert not (results / "mine").exists()


def measured_by(laboratory: Laboratory, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are made on a host of two cores, in memory."""
    for name in ("known_calibration", "calibrate"):
        monkeypatch.setattr(runs.environment, name, lambda: Calibration({}))
    monkeypatch.setattr(runs.environment, "host", lambda: HOST)
    monkeypatch.setattr(runs, "_laboratory", lambda *_: laboratory)
    monkeypatch.setattr(runs, "STATE", state)


def test_a_run_of_which_nothing_is_left_keeps_what_it_was_planned_to_take_and_took(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_by(Laboratory(), results, monkeypatch)
    folder, preset = results / "mine", load_preset("smoke", ["repeats=2"])

    def kept() -> list[bytes]:
        return [(folder / name).read_bytes() for name in ("plan.json", "summary.json", "environment.json")]

    runs.run_in(folder, preset, ["repeats=2"], resume=False)
    before = kept()
    monkeypatch.setattr(runs.environment, "host", lambda: replace(HOST, disk_free_mb=HOST.disk_free_mb - 1))
    runs.run_in(folder, preset, ["repeats=2"], resume=True)
    assert kept() == before
    longer = runs.run_in(folder, load_preset("smoke", ["repeats=3"]), ["repeats=3"], resume=True)
    seconds = [json.loads(text)["session_seconds"] for text in (before[1], kept()[1])]
    assert seconds[1] >= seconds[0]
    assert json.loads(kept()[0])["trials"] == longer.trials


class WithLogs(Laboratory):
    """Its trials leave a log each; Ctrl-C comes before the third."""

    folder: Path

    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        if len(self.trials) == 2:
            raise KeyboardInterrupt
        (self.folder / packing.LOGS / trial).mkdir(parents=True)
        (self.folder / packing.LOGS / trial / "driver.log").write_text(trial)
        return super().run(planned, trial)


@pytest.mark.parametrize("packed", [True, False])
def test_an_interrupted_run_leaves_its_evidence_packed_where_that_is_asked_for(
    results: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    laboratory, folder = WithLogs(), results / "mine"
    laboratory.folder = folder
    measured_by(laboratory, results, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        runs.run_in(folder, load_preset("smoke", ["repeats=3"]), ["repeats=3"], resume=False, packed=packed)
    assert len(laboratory.trials) == 2
    assert (folder / packing.LOGS).exists() != packed
    for trial in laboratory.trials:
        assert packing.read(folder, packing.LOGS, f"{trial}/driver.log") == trial.encode()


def test_a_run_that_finds_another_one_leaves_that_ones_evidence_alone(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_by(Laboratory(), results, monkeypatch)
    (results / "mine" / packing.LOGS).mkdir(parents=True)
    with runs.alone(), pytest.raises(RunFailed, match="another run is under way"):
        runs.run_in(results / "mine", load_preset("smoke"), (), resume=True, packed=True)
    assert (results / "mine" / packing.LOGS).exists()


def test_a_host_has_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "STATE", tmp_path)
    with runs.alone(), pytest.raises(RunFailed, match="another run is under way"), runs.alone():
        pass
    with runs.alone():
        pass


def test_a_summary_counts_states_by_cell() -> None:
    trials = [("a", "measured"), ("a", "failed"), ("b", "measured")]
    records = [{"kind": "trial", "cell": cell, "status": status, "block": 1, "hash": "h"} for cell, status in trials]
    records.insert(0, {**records[0], "hash": "of before it changed"})
    records.append({"kind": "warm-up", "cell": "a", "status": "measured", "block": 1})
    found = runs.summarise(plan_of(), records, 12.0)
    assert found["states"] == {"measured": 2, "failed": 1}
    assert found["cells"]["a"] == {"measured": 1, "failed": 1}
    assert (found["session_seconds"], found["older"]) == (12.0, 1)


def test_two_equal_cells_give_the_noise_floor() -> None:
    plan = plan_of(same_cells=True, cells=[{"name": "a"}, {"name": "b"}])

    def trial(cell: str, number: int, seconds: float, **changes: Any) -> dict[str, Any]:
        per_image = dict.fromkeys(("stage_3", "wall", "tasks"), seconds)
        base = {
            "kind": "trial",
            "preset": "aa",
            "comparison": "aa",
            "cell": cell,
            "round": number,
            "block": 1,
            "status": "measured",
            "per_image": per_image,
            "hash": "h",
            "settings": {},
            "trial": f"{number:03d}-{cell}",
        }
        return {**base, **changes}

    pairs = [(1.0, 1.02), (1.0, 0.98), (2.0, 2.1)]
    trials = [trial(cell, n, pair[side]) for n, pair in enumerate(pairs) for side, cell in enumerate("ab")]
    trials.append(trial("a", 7, 9.0))  # its round has no other side
    trials.append(trial("b", 7, 1.0, status="invalid"))
    found = runs.summarise(plan, trials, 1.0)["noise_floor"]["wall"]
    assert found["value"] == pytest.approx(1.02)
    assert found["n"] == 3
    assert found["floor"] == pytest.approx(0.05)
    assert runs.summarise(plan, trials[:2], 1.0)["noise_floor"] == {}
    assert runs.summarise(plan_of(), trials, 1.0)["noise_floor"] is None


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
    with pytest.raises(UserError, match="does not exist"):
        inputs.source(load_preset("smoke", ["input.sets=['coco']", f"input.coco={tmp_path}/x"]), print)
