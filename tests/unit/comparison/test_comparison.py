"""Two runs side by side: differences that are there and that are not, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stored_runs import HOST, rounds, stored

from experiments import comparison
from experiments.analysis.statistics import NoiseFloor, Ratio
from experiments.analysis.trials import Trial
from experiments.bench.statistics import Estimate
from experiments.cli import app as program
from experiments.comparison import Comparison, Floor, as_json, compare, floor_of, seen
from experiments.errors import UserError
from experiments.run_report.reading import read_runs


def no_floor(_: str) -> None:
    return None


def noisy(share: float) -> Floor:
    one = Estimate(1.0, 1 / (1 + share), 1 + share, 5)
    return lambda _: NoiseFloor(share, Ratio(one, (), (), ()))


def of(first: Path, second: Path, floor: Floor = no_floor) -> Comparison:
    sides = [seen(read_runs([str(path)])) for path in (first, second)]
    return compare(("a", "b"), sides[0], sides[1], floor)


def figure(found: Comparison, name: str) -> Any:
    return next(one for one in found.differences if one.figure == name)


def test_what_got_slower_is_found_and_what_did_not_is_not(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0)})
    second = stored(tmp_path / "b", {"c": rounds(60.0)}, content={"application": "code-2"})
    found = of(first, second)
    predict, compiled = figure(found, "phases.predict"), figure(found, "phases.compile")
    assert predict.ratio.value == pytest.approx(1.5)
    assert predict.ratio.low < 1.5 < predict.ratio.high
    assert (predict.beyond, compiled.beyond) == (1, 0)
    assert {one.figure for one in found.beyond} == {"phases.predict", "per_image.wall"}
    assert found.code == ('application: "code-2", was "code-1"',)
    assert of(second, first).beyond[0].beyond == -1


def test_three_trials_a_side_tell_nothing_and_four_do(tmp_path: Path) -> None:
    for number, beyond in ((2, 0), (3, 0), (4, 1)):
        noise = (1, 1.01, 0.99, 1.02)[:number]
        first, second = (
            stored(tmp_path / f"{number}-{predict}", {"c": rounds(predict, noise=noise)}) for predict in (40.0, 60.0)
        )
        found = figure(of(first, second), "phases.predict")
        assert (found.beyond, found.few) == (beyond, not beyond)
        assert found.ratio.value == pytest.approx(1.5)


def test_a_difference_within_the_noise_floor_is_none(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a", {"c": rounds(40.0)}), stored(tmp_path / "b", {"c": rounds(46.0)})
    assert figure(of(first, second), "phases.predict").beyond == 1
    within = figure(of(first, second, noisy(0.2)), "phases.predict")
    assert (within.beyond, within.floor) == (0, 0.2)


def test_what_another_hour_may_do_is_no_difference(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a", {"c": rounds(40.0)}), stored(tmp_path / "b", {"c": rounds(43.5)})
    found = figure(of(first, second, noisy(0.03)), "phases.predict")
    assert (found.beyond, found.floor) == (0, 0.1)


def test_hosts_of_one_kind_and_another_speed_are_told(tmp_path: Path) -> None:
    runs = []
    for name, seconds in (("a", 0.02), ("b", 0.0205), ("c", 0.04)):
        run = stored(tmp_path / name, {"c": rounds(40.0)})
        content = json.loads((run / "environment.json").read_text())
        content["blocks"][0]["calibration"] = {"AVX": seconds}
        (run / "environment.json").write_text(json.dumps(content))
        runs.append(run)
    assert of(runs[0], runs[1]).speeds == ()
    assert of(runs[0], runs[2]).speeds == ("AVX: 0.0200 s an image on one core, then 0.0400",)


def test_what_a_time_is_of_is_no_code_and_sparks_settings_are(tmp_path: Path) -> None:
    first = {"engine_setting": {"job": {"timing": "paper"}}, "spark": {"spark.x": "15s"}}
    second = {"engine_setting": {"job": {"timing": "paper"}}, "spark": {"spark.x": "16s"}}
    third = {"engine_setting": {"job": {"timing": "materialised"}}, "spark": {"spark.x": "15s"}}
    a, b, c = (
        stored(tmp_path / str(number), {"c": rounds(40.0)}, content=content)
        for number, content in enumerate((first, second, third))
    )
    assert of(a, b).code == ('spark.spark.x: "16s", was "15s"',)
    with pytest.raises(UserError, match=r"not comparable: engine_setting\.job\.timing"):
        of(a, c)


def test_which_engine_a_setting_means_is_no_code_either(tmp_path: Path) -> None:
    one, other = (
        stored(tmp_path / engine, {"c": rounds(40.0)}, content={"engine_setting": {"job": {"engine": engine}}})
        for engine in ("bigdl", "fused")
    )
    with pytest.raises(UserError, match=r"not comparable: engine_setting\.job\.engine"):
        of(one, other)


def test_how_many_frames_there_were_is_no_time() -> None:
    evidence = {"per_frame": {"torch": {"total": 0.5, "frames": 5}}, "per_image": {"wall": 1.0}}
    trial = Trial("t", "p", "p", "c", 1, 1, 0.25, {}, evidence)
    assert comparison._figures(trial) == ["per_image.wall", "per_frame.torch.total"]


def test_a_part_that_an_older_release_did_not_know_is_not_compared(tmp_path: Path) -> None:
    contents = ({}, {"warm_ups": 1, "submission": "s1"}, {"warm_ups": 1, "submission": "s2"}, {"warm_ups": 2})
    old, one, other, warmer = (
        stored(tmp_path / str(number), {"c": rounds(40.0)}, content=content) for number, content in enumerate(contents)
    )
    assert of(old, one).cells == ("made: c",)
    assert of(one, other).code == ('submission: "s2", was "s1"',)
    with pytest.raises(UserError, match="not comparable: warm_ups: 2, was 1"):
        of(one, warmer)
    # That a cluster was fresh for each trial is said, and that it was not is not.
    fresh = stored(tmp_path / "fresh", {"c": rounds(40.0)}, content={"fresh_cluster": True})
    with pytest.raises(UserError, match="not comparable: fresh_cluster"):
        of(old, fresh)


def test_times_of_another_host_are_refused_and_the_field_named(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0)})
    for field, value, said in (
        ("cpu_model", "another", 'host.cpu_model: "one" against "another"'),
        ("cores", 8, "host.cores: 2 against 8"),
        ("cpu_flags", ["avx2"], 'host.cpu_flags: ["avx512f"] against []'),
    ):
        other = stored(tmp_path / field, {"c": rounds(40.0)}, host={field: value})
        with pytest.raises(UserError, match="not comparable") as raised:
            of(first, other)
        assert said in raised.value.messages[0]
    same = stored(tmp_path / "memory", {"c": rounds(40.0)}, host={"memory_mb": 1})
    assert not of(first, same).beyond


def test_a_cell_of_another_content_is_refused_and_the_others_are_compared(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0), "d": rounds(40.0)})
    second = stored(tmp_path / "b", {"c": rounds(40.0), "e": rounds(40.0)})
    changed = json.loads((second / "contents.json").read_text())
    changed["contents"]["hash of c"]["core"] = 0.5
    (second / "contents.json").write_text(json.dumps(changed))
    with pytest.raises(UserError) as raised:
        of(first, second)
    assert raised.value.messages == ("made: c: not comparable: core: 0.5, was 0.25",)
    third = stored(tmp_path / "third", {"d": rounds(40.0), "c": rounds(40.0)})
    (third / "contents.json").write_text(
        json.dumps({**changed, "contents": {**changed["contents"], "hash of d": _content(first, "d")}})
    )
    found = of(first, third)
    assert found.refused == {"made: c": ("core: 0.5, was 0.25",)}
    assert found.cells == ("made: d",)


def _content(run: Path, cell: str) -> Any:
    return json.loads((run / "contents.json").read_text())["contents"][f"hash of {cell}"]


def test_cells_of_one_run_alone_are_named(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0), "d": rounds(40.0)})
    second = stored(tmp_path / "b", {"c": rounds(40.0)})
    assert of(first, second).alone == {"a": ("made: d",), "b": ()}
    third = stored(tmp_path / "c", {"e": rounds(40.0)})
    with pytest.raises(UserError, match="no cell is in both runs: a has made: c; b has made: e"):
        of(second, third)


def test_one_trial_has_no_interval_and_short_phases_are_left_out(tmp_path: Path) -> None:
    short = {"per_image": {"wall": 1.0}, "phases": {"commit": 0.01, "start": None}}
    found = of(stored(tmp_path / "a", {"c": [short]}), stored(tmp_path / "b", {"c": [short]}))
    (one,) = found.differences
    assert (one.figure, one.ratio, one.beyond) == ("per_image.wall", None, 0)
    assert as_json(found)["differences"][0]["ratio"] is None


def test_failed_trials_are_nothing_to_compare(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0)})
    second = stored(tmp_path / "b", {"c": rounds(40.0)}, status="failed")
    with pytest.raises(UserError, match="b: has no measured trial"):
        of(first, second)


def test_a_run_that_lost_what_it_was_measured_on_is_refused(tmp_path: Path) -> None:
    for name in ("contents.json", "environment.json"):
        run = stored(tmp_path / name, {"c": rounds(40.0)})
        (run / name).unlink()
        with pytest.raises(UserError, match=f"{name}: does not say what 001-c was measured on"):
            seen(read_runs([str(run)]))


def test_the_larger_noise_floor_counts() -> None:
    floor = floor_of(noisy(0.02), no_floor, noisy(0.05))("per_image.wall")
    assert floor is not None
    assert floor.share == 0.05
    assert floor_of(no_floor)("per_image.wall") is None


# The commands


def clusterbed(*words: object) -> int:
    return program.guarded(lambda: program.app(list(map(str, words)), standalone_mode=False))


def test_compare_says_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0)})
    second = stored(tmp_path / "b", {"c": rounds(60.0)})
    assert clusterbed("compare", first, second) == 0
    said = capsys.readouterr()
    assert "phases.predict" in said.out
    assert "phases.compile" not in said.out
    assert said.out.splitlines()[-1].startswith("compare: 1 cell, 3 figures, 2 beyond noise")
    assert "no difference is one under 10 %" in said.err
    assert clusterbed("compare", first, second, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert [one["beyond_noise"] for one in content["differences"] if one["figure"] == "phases.predict"] == [1]


def test_an_a_a_in_a_folder_of_runs_gives_the_noise_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, predict in (("a", 40.0), ("b", 45.0)):
        stored(tmp_path / name / "made", {"c": rounds(predict)})
        noisy_rounds = rounds(40.0, noise=(1.3, 0.8, 1.3, 0.8, 1.0))
        stored(tmp_path / name / "aa", {"a": rounds(40.0), "b": noisy_rounds}, preset="aa")
    assert clusterbed("compare", tmp_path / "a", tmp_path / "b", "--json") == 0
    predict = [
        one
        for one in json.loads(capsys.readouterr().out)["differences"]
        if (one["cell"], one["figure"]) == ("made: c", "phases.predict")
    ]
    assert predict[0]["noise_floor"] > 0.13
    assert predict[0]["beyond_noise"] == 0


def test_bad_runs_are_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = stored(tmp_path / "a", {"c": rounds(40.0)})
    other = stored(tmp_path / "b", {"c": rounds(40.0)}, host={**HOST, "cores": 16})
    assert clusterbed("compare", first, "no-such-run") == 2
    assert "'no-such-run': there is no such run" in capsys.readouterr().err
    assert clusterbed("compare", first, other) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "host.cores: 2 against 16" in said.err


def test_claims_gives_each_id_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = stored(tmp_path / "a", {"c": rounds(40.0)})
    assert clusterbed("claims", run, "--json") == 0
    claims = json.loads(capsys.readouterr().out)["claims"]
    assert len(claims) == 39
    assert claims["D6"]["direction"] == "not yet measured"
    assert clusterbed("claims", run) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("claims: 39 of ")
    assert "not yet measured" in last
