"""From made trials of GROUP=engines to its figures, met and missed; and the steps' own arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import bench
from engine_records import HEAD, bare, bigdl, fused, peer, rounds

from experiments.bench import cluster_figures, engines
from experiments.bench import engine_figures as figures
from experiments.bench.cluster_figures import Rung
from experiments.bench.rungs import RUNGS, changed, in_slices
from experiments.bench.store import Journal
from experiments.bench.targets import TARGETS, verdict
from experiments.bench.trials import Trial, best_way
from experiments.bench.types import Lost, Measured
from experiments.engine_settings import setting
from experiments.errors import RunFailed
from experiments.topology import load_topology

GRID = [{"streams": 2, "pinning": False, "images": 6, "seconds": 3.0}]


def named(found: Any) -> dict[str, Measured]:
    return {one.name: one for one in found}


def engine_rounds(image: float = 0.27, floor: float = 0.25, slow: float = 2.5) -> list[dict[str, Any]]:
    """Five rounds. The fused engine's two slots take `image` an image together, bare inference `floor`."""
    jitter = (1.0, 1.02, 0.99, 1.01, 0.98)
    records = rounds(
        fused=[fused(image=2 * image * one) for one in jitter],
        bigdl_tuned=[bigdl((0.0, 0.0, 20 * slow * one, 0.0)) for one in jitter],
        bigdl_defaults=[bigdl((0.0, 0.0, 30 * slow * one, 0.0)) for one in jitter],
        fused_int8=[fused(image=image / 2 * one) for one in jitter],
        bare=[bare(30 * floor * one) for one in jitter],
        bare_int8=[bare(30 * floor / 4 * 0.9 * one) for one in jitter],
    )
    return [*records, {"grid_of": "bare", "grid": GRID, "best": GRID[0]}]


def test_the_engines_figures_are_ratios_of_seconds_per_image() -> None:
    found = named(figures.engines(engine_rounds()))
    assert found["engine_fused_over_bigdl"].value == pytest.approx(2.5 / 0.27)
    assert found["engine_fused_over_bigdl_defaults"].value == pytest.approx(3.75 / 0.27)
    assert found["engine_int8_over_bigdl_f32"].value == pytest.approx(4 * 2.5 / 0.27)
    assert found["engine_fraction_of_ceiling"].value == pytest.approx(0.25 / 0.27)
    assert found["engine_fraction_of_ceiling_int8"].value == pytest.approx(0.25 / 0.27 * 0.9)
    assert found["engine_overhead_bigdl_over_fused"].value == pytest.approx(2.25 / 0.02, rel=0.01)
    assert "2 stream(s), not pinned" in found["engine_fraction_of_ceiling"].note
    assert "images: fused 12, bigdl-tuned 40" in found["engine_fused_over_bigdl"].note
    for one in found.values():
        assert one.n == 5
        assert one.low is not None
        assert one.low <= one.value


def test_seconds_and_starts_are_absolute() -> None:
    found = named(figures.engines(engine_rounds()))
    absolute = {name for name, one in found.items() if one.absolute}
    assert {"engine_seconds_fused", "engine_seconds_bare", "engine_start_fused", "engine_start_bigdl_tuned"} <= absolute
    assert not absolute & set(TARGETS)


@pytest.mark.parametrize(("image", "said"), [(0.26, "met"), (0.30, "missed")])
def test_near_the_ceiling_is_met_and_far_from_it_is_missed(image: float, said: str) -> None:
    one = named(figures.engines(engine_rounds(image=image)))["engine_fraction_of_ceiling"]
    as_figure = type("F", (), {"name": one.name, "value": one.value, "low": one.low, "high": one.high})()
    assert verdict(as_figure).startswith(said)


def test_an_engine_at_the_ceiling_itself_has_no_ratio_of_overheads_and_keeps_its_other_figures() -> None:
    found = {one.name: one for one in figures.engines(engine_rounds(image=0.24))}
    lost = found["engine_overhead_bigdl_over_fused"]
    assert isinstance(lost, Lost)
    assert "is not over zero, so there is no ratio" in lost.why
    assert isinstance(found["engine_fused_over_bigdl"], Measured)


def test_overheads_that_reach_zero_in_some_rounds_have_no_upper_end() -> None:
    records = rounds(
        fused=[fused(image=2 * one) for one in (0.26, 0.2505, 0.24, 0.26, 0.26)],
        bigdl_tuned=[bigdl((0.0, 0.0, 50.0, 0.0))] * 5,
        bare=[bare(7.5)] * 5,
    )
    one = figures._overhead(figures.sides(records), "")
    assert isinstance(one, Measured)
    assert one.value == pytest.approx(225, rel=0.01)
    assert one.low is not None
    assert one.high is None
    assert "no upper end" in one.note


def test_sides_that_were_not_interleaved_are_refused() -> None:
    records = [one for one in engine_rounds() if (one.get("side"), one.get("round")) != ("bigdl-tuned", 3)]
    with pytest.raises(RunFailed, match="no trial in round 3"):
        figures.paired(figures.sides(records), "fused", "bigdl-tuned", of=lambda one: one.per_image)
    with pytest.raises(RunFailed, match="two trials in round 0"):
        figures.sides([*engine_rounds(), engine_rounds()[1]])
    with pytest.raises(RunFailed, match="bare: there is no trial of it"):
        figures.engines([one for one in engine_rounds() if one.get("side") != "bare"])


def peer_rounds(ray: float, udf: float, **more: Any) -> list[dict[str, Any]]:
    return rounds(
        fused=[fused(image=0.5)] * 5,
        ray=[peer("ray", image=ray, **more)] * 5,
        pandas_udf=[peer("pandas-udf", image=udf)] * 5,
    )


def test_the_best_peer_is_the_one_that_counts() -> None:
    found = named(figures.peers(peer_rounds(ray=0.6, udf=0.55)))
    assert found["engine_fused_over_peers"].value == pytest.approx(1.1)
    assert "the best peer is pandas-udf" in found["engine_fused_over_peers"].note
    assert found["engine_fused_over_ray"].value == pytest.approx(1.2)
    assert found["engine_memory_ray_over_fused"].value == pytest.approx(1.0)
    assert found["engine_start_pandas_udf_over_fused"].value == pytest.approx(8.0 / 11.5)


def test_a_faster_peer_shows_as_a_miss() -> None:
    one = named(figures.peers(peer_rounds(ray=0.45, udf=0.55)))["engine_fused_over_peers"]
    assert one.value == pytest.approx(0.9)
    assert not TARGETS[one.name].met_by(one.value)


def test_the_time_of_a_peer_with_other_rows_counts_for_nothing() -> None:
    with pytest.raises(RunFailed, match="ray, round 0: 199 of 200 detections agree"):
        figures.peers(peer_rounds(ray=0.6, udf=0.6, same=False))


def test_a_missing_peer_is_said() -> None:
    records = [one for one in peer_rounds(0.6, 0.6) if one.get("side") != "ray"]
    with pytest.raises(RunFailed, match="there are trials of pandas-udf"):
        figures.peers(records)


def heterogeneous_rounds(alone: float) -> list[dict[str, Any]]:
    solo = {"images": 12, "nodes": [{"images": 12, "seconds": 12 / (alone / 2)}] * 2}
    return rounds(fused=[fused(image=1.0)] * 5, solo=[solo] * 5, bigdl_tuned=[])


def test_heterogeneous_efficiency_is_over_what_the_nodes_do_alone() -> None:
    found = named(cluster_figures.heterogeneous(heterogeneous_rounds(alone=2.5)))
    assert found["engine_heterogeneous_efficiency"].value == pytest.approx(0.8)
    assert "images by node driver 12" in found["engine_heterogeneous_efficiency"].note
    assert "engine_heterogeneous_efficiency_bigdl" not in found
    assert 0 < found["engine_heterogeneous_efficiency_in_run"].value <= 1


def test_nodes_alone_belong_to_the_same_rounds() -> None:
    records = [one for one in heterogeneous_rounds(2.5) if (one.get("side"), one.get("round")) != ("solo", 4)]
    with pytest.raises(RunFailed, match=r"nodes alone in rounds \[0, 1, 2, 3\]"):
        cluster_figures.heterogeneous(records)


def test_scaling_is_six_workers_over_six_times_one() -> None:
    records = rounds(**{"1__worker": [fused(image=6.0)] * 5, "6__workers": [fused(image=1.1)] * 5})
    limit = {"tasks_a_run": 2000, "seconds": [4.0, 5.0, 4.0, 4.0, 4.0], "slots": 6}
    found = named(cluster_figures.scaling([*records, limit]))
    assert found["engine_scaling_efficiency_6"].value == pytest.approx(6 / 6.6)
    assert found["engine_driver_limit_tasks_per_s"].value == 500
    assert found["engine_driver_limit_tasks_per_s"].absolute


def test_memory_growth_is_of_peaks() -> None:
    low, high = ({"before_mb": 100.0, "peak_mb": peak, "samples": 9, "seconds": 9.0} for peak in (1000.0, 1050.0))
    records = rounds(few=[fused(memory=low)] * 5, many=[fused(memory=high)] * 5)
    found = named(cluster_figures.memory_growth(records))
    assert found["engine_memory_growth"].value == pytest.approx(1.05)
    assert found["engine_memory_growth_worker"].value == 1.0


def test_without_samples_there_is_no_memory() -> None:
    with pytest.raises(RunFailed, match="nothing was sampled"):
        cluster_figures.memory_growth(rounds(few=[fused(memory={})] * 2, many=[fused(memory={})] * 2))


def test_each_rung_is_held_against_the_first_and_the_one_before() -> None:
    records = rounds(a=[fused(image=4.0)] * 2, b=[fused(image=2.0)] * 2, c=[fused(image=1.0)] * 2)
    rungs = [Rung("a", "first"), Rung("b", "second"), Rung("c", "third")]
    found = list(cluster_figures.ablation(records, rungs))
    assert [one.name for one in found] == ["engine_ablation_0_a", "engine_ablation_1_b", "engine_ablation_2_c"]
    assert [one.value for one in found] == pytest.approx([1, 2, 4])
    assert "third; 0.500 s/image; 2.00 times as fast as the step before" in found[2].note


# The steps


def counted(order: list[str], names: str = "abc") -> dict[str, engines.Side]:
    def side(name: str) -> engines.Side:
        def run() -> Trial:
            order.append(name)
            return Trial({"images": 1, "seconds": 1.0})

        return run

    return {name: side(name) for name in names}


def test_sides_take_turns_in_an_order_that_changes(tmp_path: Path) -> None:
    order: list[str] = []
    records = engines.rounds(bench(tmp_path), 4, counted(order), {"c": 2})
    assert [one["round"] for one in records] == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert order[:6] == ["a", "b", "c", "c", "b", "a"]
    assert "c" not in order[6:]


def test_an_interrupted_step_goes_on_with_the_round_it_was_in(tmp_path: Path) -> None:
    order: list[str] = []
    sides = counted(order)

    def second_time() -> Trial:
        if "b" in order:
            raise KeyboardInterrupt
        return sides["b"]()

    todo = replace(bench(tmp_path), journal=Journal(tmp_path / "j"))
    with pytest.raises(KeyboardInterrupt):
        engines.rounds(todo, 3, {**sides, "b": second_time})
    assert order == ["a", "b", "c", "c"]
    with (tmp_path / "j").open("a") as file:
        file.write('{"round": 1, "si')
    order.clear()
    records = engines.rounds(todo, 3, sides)
    assert sorted(order) == sorted("abcabc")
    assert [(one["round"], one["side"]) for one in records].count((1, "c")) == 1
    assert len(records) == 9
    assert todo.journal is not None
    assert todo.journal.read() == records


def test_every_rung_is_a_setting_that_both_engines_take() -> None:
    spec = load_topology("local")
    job = engines.Job(
        "file:/srv/in/a", "file:/srv/out/b", "file:/srv/in/m.xml", "file:/srv/in/p.npy", "fused", "f32", 8
    )
    for rung, name, _, changes in RUNGS:
        applied = changed(name, changes).applied(job, spec)
        assert applied.engine == name.split("-")[0], rung
        assert all(getattr(applied, key) == value for key, value in changes.items()), rung
        sliced = in_slices(changed(name, changes), 24).applied(job, spec)
        assert sliced.slice_images == 12
        assert sliced.read_partitions == (applied.read_partitions and 2 * applied.read_partitions)
    sides = [rung.side for rung, *_ in RUNGS]
    assert len({figures.side_name(side) for side in sides}) == len(sides)
    assert figures.side_name("bigdl, one thread a task") == "bigdl_one_thread_a_task"
    assert setting("fused").applied(job, spec).threads_per_task == 1


def test_every_full_plan_gives_the_slowest_node_its_twenty_images() -> None:
    plan = engines.FULL
    assert min(plan.bigdl, plan.fused, plan.int8, plan.bare, plan.peers, plan.one_worker, plan.ablation) >= 20
    assert plan.six_workers / 6 >= 20
    assert plan.heterogeneous_bigdl / 3 >= 20
    # The old worker takes about a sixth of what the engine hands out.
    assert plan.heterogeneous / 6 >= 20


def test_the_best_way_has_the_most_images_a_second() -> None:
    grid = [{"streams": 1, "images": 6, "seconds": 4.0}, {"streams": 2, "images": 6, "seconds": 3.0}]
    assert best_way({"grid": grid})["streams"] == 2


def test_heads_say_the_model() -> None:
    assert HEAD["model"] in named(figures.engines(engine_rounds()))["engine_fused_over_bigdl"].note
