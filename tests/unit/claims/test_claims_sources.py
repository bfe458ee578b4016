"""What verdicts rest on beside runs: facts of benchmarks and models, and the trials of the synchrony experiment."""

from __future__ import annotations

from claims_material import side

from experiments.analysis.trials import Trials
from experiments.bench.types import Figure
from experiments.claims import ledger, sources
from experiments.claims.ledger import load_claims
from experiments.claims.types import HOLDS, OPEN, REFUTED, UNDECIDED, Evidence

CLAIMS = load_claims()


def test_facts_of_benchmarks_and_of_a_model() -> None:
    figure = Figure("f", 1.5, 1.4, 1.6, 9, "ratio", "", "model", "0123456789abc", {}, "2026-01-01", "r", "c")
    fact = sources.from_bench({"f": figure}, stale=["f"])["f"]
    assert (fact.value, fact.low, fact.n) == (1.5, 1.4, 9)
    assert fact.source == "make bench GROUP=model, 2026-01-01, commit 0123456789 (stale)"
    found = sources.from_manifest(
        {
            "name": "yolact",
            "seeded": True,
            "onnx": {"opset": 11, "operators_removed": {"Slice": 3, "Shape": 2}},
            "verification": {"artefacts": {"fp16": {"detections": {"share": 0.99, "score_difference": 0.01}}}},
        }
    )
    assert {name: fact.value for name, fact in found.items()} == {
        "model_opset": 11,
        "model_operators_removed": 5,
        "model_fp16_matched": 0.99,
        "model_fp16_score_difference": 0.01,
    }
    assert found["model_opset"].source == "manifest of yolact, seeded weights"
    assert sources.from_manifest({}) == {}


def test_trials_of_the_synchrony_experiment() -> None:
    lines = [
        {
            "mode": mode,
            "failed": failed,
            "repeat": 0,
            "host": {"cpu_model": "made", "cores": 2, "began": "b"},
            "seconds": 3.0,
            "tasks": 10 + failed + more,
            "failed_tasks": failed,
        }
        for mode, more in (("dynamic", 0), ("barrier", 9))
        for failed in (0, 1)
    ]
    for line in lines:
        # Without a failure nothing runs again.
        line["tasks"] = line["tasks"] if line["failed"] else 10
    found, hosts = sources.from_synchrony(lines)
    assert hosts == {-1: "2 cores of made"}
    assert {one.figure("seconds") for one in found} == {None}, "an A/A's seconds are those of whole trials"
    assert [(one.cell, one.round, one.figure("run_again")) for one in found] == [
        ("dynamic", 1, None),
        ("dynamic-failed", 1, 0.0),
        ("barrier", 1, None),
        ("barrier-failed", 1, 9.0),
    ]
    assert side(preset="synchrony", cell="static").preset == sources.SYNCHRONY
    once = ledger.judge(CLAIMS["D5"], Evidence(Trials(found, {})))
    assert once.direction == UNDECIDED
    assert "1 trials; 5 are needed" in once.said
    five, _ = sources.from_synchrony({**line, "repeat": repeat} for repeat in range(5) for line in lines)
    verdict = ledger.judge(CLAIMS["D5"], Evidence(Trials(five, {})))
    assert verdict.direction == HOLDS
    assert "other tasks that ran again: 0" in verdict.said


def test_of_a_repeat_that_was_made_again_the_later_lines_count() -> None:
    def line(mode: str, seconds: float, began: str) -> dict[str, object]:
        return {"mode": mode, "failed": False, "repeat": 0, "seconds": seconds, "host": {"began": began}}

    lines = [line("dynamic", 1.0, "a"), line("dynamic", 2.0, "b"), line("static", 3.0, "b")]
    found, _ = sources.from_synchrony(lines)
    assert [(one.cell, one.block) for one in found] == [("dynamic", -1), ("static", -1)]
    assert [one.name.rpartition(" ")[2] for one in found] == ["2", "3"], "named by their lines in the file"


def synchrony(**seconds: float) -> Evidence:
    """Five repeats, in which each way of sharing out tasks took so long."""
    noise = (0.98, 0.99, 1.0, 1.01, 1.02)
    lines = [
        {"mode": mode, "failed": False, "repeat": repeat, "seconds": value * noise[repeat], "topology": "heterogeneous"}
        for repeat in range(5)
        for mode, value in seconds.items()
    ]
    return Evidence(Trials(sources.from_synchrony(lines)[0], {}))


def test_where_equal_shares_alone_make_nodes_wait_synchrony_is_not_the_cause() -> None:
    found = ledger.judge(CLAIMS["S3"], synchrony(dynamic=30, static=50, barrier=70))
    assert found.direction == REFUTED
    assert any("no A/A of this figure was run" in text for text in found.conditions)


def test_where_they_make_nobody_wait_it_stays_open() -> None:
    assert ledger.judge(CLAIMS["S3"], synchrony(dynamic=30, static=30, barrier=50)).direction == OPEN


def test_repeats_after_another_start_are_a_block_of_their_own() -> None:
    line = {"mode": "static", "failed": False, "seconds": 3.0}
    starts = ("a", "a", "b")
    found, _ = sources.from_synchrony({**line, "repeat": n, "host": {"began": began}} for n, began in enumerate(starts))
    assert [one.block for one in found] == [-1, -1, -2]
