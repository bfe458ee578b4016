"""The workflow: its steps, what is left of each, and what one that fails does to the others. Nothing is measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiments.cli.app import guarded
from experiments.errors import HostError, NoDisk, NothingRunsHere, RunFailed, UserError
from experiments.host.models import Model
from experiments.matrix.costs import REFERENCE_ISA, REFERENCE_SECONDS, Calibration
from experiments.matrix.plan import Host
from experiments.matrix.preset import shipped_presets
from experiments.reproduce import __main__ as program
from experiments.reproduce import steps as workflow
from experiments.reproduce.boundary import NAME, boundary_fact
from experiments.reproduce.steps import Step, order, steps, trials_left
from experiments.runner import environment, identity, runs, speeds

BACKENDS = ("torch", "onnx", "openvino-fp32", "openvino-fp16")


@pytest.fixture(autouse=True)
def _a_measured_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "host", lambda: Host(2, 24_000, 50_000, "made"))
    monkeypatch.setattr(speeds, "known_calibration", lambda: Calibration({REFERENCE_ISA: REFERENCE_SECONDS}))


def test_all_presets_but_the_one_of_hours_are_made_the_noise_floor_first() -> None:
    names = order(())
    assert names[0] == "aa"
    assert names[-1] == "synchrony"
    assert set(names[:-1]) == set(shipped_presets()) - {"table-10-full"}
    assert order(("table-10-full", "smoke", "smoke")) == ["table-10-full", "smoke"]


def records(folder: Path, *places: tuple[str, int], status: str = "measured") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {"schema": 1, "cell": cell, "round": number, "kind": "trial", "status": status, "hash": f"hash of {cell}"}
        for cell, number in places
    ]
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_is_left_of_a_preset_is_what_has_no_record(tmp_path: Path) -> None:
    plan = runs.plan_of("smoke", ())
    assert trials_left(plan, tmp_path / "none") == plan.trials == 4
    records(tmp_path / "some", ("images=8", 1), ("images=24", 1), ("images=24", 1))
    assert trials_left(plan, tmp_path / "some") == 2
    records(tmp_path / "all", *((f"images={number}", one) for number in (8, 24) for one in (1, 2)))
    assert trials_left(plan, tmp_path / "all") == 0
    records(tmp_path / "other", ("images=9", 1), ("images=8", 3))
    assert trials_left(plan, tmp_path / "other") == 4


def test_rounds_of_a_cell_that_is_planned_otherwise_now_are_left(tmp_path: Path) -> None:
    plan, folder = runs.plan_of("smoke", ()), tmp_path / "run"
    records(folder, *((f"images={number}", one) for number in (8, 24) for one in (1, 2)))
    as_now = {f"hash of {one.cell.name}": {**identity.of_plan(one), "container": "other"} for one in plan.runnable}

    def left(content: Mapping[str, Any]) -> int:
        table = {"schema": 1, "contents": {**as_now, "hash of images=8": content}}
        (folder / "contents.json").write_text(json.dumps(table, default=dict))
        return trials_left(plan, folder)

    first = as_now["hash of images=8"]
    assert left(first) == 0, "what a plan does not know is not looked at"
    assert left({**first, "core": 0.1}) == 2
    assert left({**first, "settings": {**first["settings"], "images": 9}}) == 2


def test_a_run_of_which_nothing_is_left_needs_no_warm_up(tmp_path: Path) -> None:
    plan = runs.plan_of("quota-cpuset", ("repeats=1",))
    assert plan.trials == 4
    records(tmp_path / "all", ("limit=quota", 1), ("limit=cpuset", 1))
    assert trials_left(plan, tmp_path / "all") == 0


def test_the_steps_are_the_papers_workflow_in_its_order(tmp_path: Path) -> None:
    found = list(steps(tmp_path, ["aa", "smoke", "synchrony"], ("repeats=3",), print))
    assert [one.name for one in found] == ["models", "evaluation", "aa", "smoke", "synchrony", "report"]
    assert all(one.seconds >= 0 for one in found)
    smoke = found[3]
    assert 60 < smoke.seconds < 600
    records(tmp_path / "smoke", ("images=8", 1), ("images=24", 1))
    left = next(one for one in steps(tmp_path, ["smoke"], ("repeats=3",), print) if one.name == "smoke")
    assert left.seconds == pytest.approx(smoke.seconds * 4 / 6)


def accuracy(**values: Any) -> dict[str, Any]:
    backends = {name: {"boundary_iou": {"0.01": {"value": 0.7}, "0.02": {"value": 0.8}}} for name in BACKENDS}
    for name, value in values.items():
        backends[name.replace("_", "-")]["boundary_iou"]["0.02"]["value"] = value
    return {"model": "yolact-small-192", "images": 300, "backends": backends}


@pytest.mark.parametrize(("onnx", "fp16", "largest"), [(0.8, 0.8, 0.0), (0.81, 0.795, 0.01), (0.799, 0.75, 0.05)])
def test_the_difference_of_outlines_is_the_largest_over_libraries_and_ratios(
    onnx: float, fp16: float, largest: float
) -> None:
    found = boundary_fact(accuracy(onnx=onnx, openvino_fp16=fp16))[NAME]
    assert found.value == pytest.approx(largest)
    assert found.n == 300
    assert "0.01, 0.02" in found.source


def test_no_difference_is_said_where_a_library_was_not_measured() -> None:
    lacking = accuracy()
    del lacking["backends"]["onnx"]
    assert boundary_fact(lacking) == {}
    assert boundary_fact(accuracy(onnx=None)) == {}


# The command


class Made:
    """Steps that note that they were made; what each raises, by name."""

    def __init__(self, **raises: Exception) -> None:
        self.raises, self.names = raises, list[str]()

    def steps(self, *_: object) -> list[Step]:
        return [Step(name, "", 60.0, self._make(name), needed=name == "models") for name in ("models", "aa", "report")]

    def _make(self, name: str) -> Callable[[], None]:
        def make() -> None:
            self.names.append(name)
            if name in self.raises:
                raise self.raises[name]

        return make


def reproduce(monkeypatch: pytest.MonkeyPatch, made: Made, *words: str) -> int:
    monkeypatch.setattr(program, "steps", made.steps)
    return guarded(lambda: program.app(["--preset", "aa", *words], standalone_mode=False))


def test_the_estimate_comes_first_and_every_step_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Made()
    assert reproduce(monkeypatch, made) == 0
    assert made.names == ["models", "aa", "report"]
    out = capsys.readouterr().out.splitlines()
    assert any(line.startswith("about 3 min in all") for line in out)
    assert out[-1].startswith("reproduce: 3 steps, 0 with a failure, report ")


def test_plan_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    assert reproduce(monkeypatch, made, "--plan") == 0
    assert made.names == []


def test_a_preset_that_fails_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (RunFailed("no measured trial of b"), UserError("no measured trial of b")):
        made = Made(aa=error)
        assert reproduce(monkeypatch, made) == 1
        assert made.names == ["models", "aa", "report"]
        assert capsys.readouterr().err.splitlines()[-1] == "clusterbed: aa: no measured trial of b"


def test_a_preset_for_another_host_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce(monkeypatch, made := Made(aa=NothingRunsHere("none of its 2 cells can run here"))) == 0
    assert made.names == ["models", "aa", "report"]
    assert "aa: cannot be done here: none of its 2 cells can run here" in capsys.readouterr().err


def test_a_preset_for_which_disk_is_lacking_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reproduce(monkeypatch, made := Made(aa=NoDisk("8000 MB of disk are needed, 7000 are free"))) == 1
    assert made.names == ["models", "aa", "report"]


def test_a_host_that_can_make_nothing_any_more_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reproduce(monkeypatch, made := Made(aa=HostError("the Docker engine does not answer"))) == 3
    assert made.names == ["models", "aa"]


@pytest.mark.parametrize(("error", "status"), [(RunFailed("a check failed"), 1), (HostError("no engine"), 3)])
def test_without_models_nothing_else_is_tried(monkeypatch: pytest.MonkeyPatch, error: Exception, status: int) -> None:
    made = Made(models=error)
    assert reproduce(monkeypatch, made) == status
    assert made.names == ["models"]


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(aa=KeyboardInterrupt())  # type: ignore[arg-type]
    assert reproduce(monkeypatch, made) == 130
    assert made.names == ["models", "aa"]


# What the steps leave


def test_a_preset_goes_on_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, str, bool]] = []

    def run_in(folder: Path, preset: Any, changes: Any, *, resume: bool, packed: bool) -> Any:  # noqa: ARG001
        assert packed
        seen.append((folder, preset.name, resume))
        folder.mkdir(exist_ok=True)
        (folder / "preset.toml").write_text("")
        return runs.plan_of("smoke", ())

    monkeypatch.setattr(workflow.runs, "run_in", run_in)
    monkeypatch.setattr(workflow.runs, "verdict", lambda *_: "run: ok")
    for _ in range(2):
        next(one for one in steps(tmp_path, ["smoke"], (), print) if one.name == "smoke").make()
    assert seen == [(tmp_path / "smoke", "smoke", False), (tmp_path / "smoke", "smoke", True)]


def test_the_report_gets_the_facts_that_claims_rest_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "_models", list)
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "accuracy.json").write_text(json.dumps(accuracy(onnx=0.81)))
    reported: list[Path] = []
    list(steps(tmp_path, [], (), reported.append))[-1].make()
    assert reported == [tmp_path]
    facts = json.loads((tmp_path / "facts.json").read_text())["facts"]
    assert facts[NAME]["value"] == pytest.approx(0.01)


def test_claims_about_the_model_rest_on_the_papers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def built(name: str, size: int, *_: object) -> Model:
        folder = tmp_path / f"yolact-{name}-{size}"
        folder.mkdir()
        priors = {"priors.onnx": {"bytes": 16 * {550: 19_248, 192: 2_000}[size]}}
        (folder / "manifest.json").write_text(json.dumps({"name": folder.name, "files": priors}))
        return Model(folder)

    monkeypatch.setattr(workflow.artefacts, "model", built)
    list(steps(tmp_path, [], (), print))[-1].make()
    facts = json.loads((tmp_path / "facts.json").read_text())["facts"]
    assert facts["model_priors_bytes"]["value"] == 307_968
    assert facts["model_priors_bytes"]["source"] == "manifest of yolact-r50-550"
