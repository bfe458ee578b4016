"""Table 1 from made-up times: medians, ratios, verdicts on the paper's claims, and files that are not whole."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from cluster_app.evaluate import table_1, video_benchmark
from cluster_app.evaluate.order import balanced
from cluster_app.evaluate.verdicts import FP16, FP32, PAPERS

SPEEDS = {"torch": 1.0, "onnx": 0.8, FP32: 0.7, FP16: 0.7, "openvino-int8": 0.2}
NOISE = (1.0, 1.02, 0.97, 1.01, 0.99)


def header(node: str, sides: dict[str, float]) -> dict[str, Any]:
    about = {"library": "made up 1.0", "arithmetic": ["f32"], "threads": 1}
    return {
        "kind": "header",
        "schema": 1,
        "model": "yolact-r50-550",
        "seeded": True,
        "node": node,
        "cpus": None if node == "bare" else 0.75,
        "threads": 1,
        "rounds": 5,
        "seed": 1,
        "footage": {"clips": ["a.mp4"], "rate": 60, "size": [640, 360]},
        "sides": {side: about for side in sides},
    }


def records(seconds: int, node: str = "bare", **speeds: float) -> list[dict[str, Any]]:
    """Times by side; each side's noise comes in another order, so that equal speeds are not told apart."""
    sides = {**SPEEDS, **{key.replace("_", "-"): value for key, value in speeds.items()}}
    rows = [header(node, sides)]
    for number in range(5):
        for place, (side, speed) in enumerate(sides.items()):
            for index in range(2):
                time = speed * NOISE[(number + 2 * place) % 5]
                parts = {"decode": 0.05, "preprocess": 0.05, "inference": time - 0.15, "postprocess": 0.05}
                frame = {"seconds": seconds, "round": number, "place": place, "side": side, "frame": number + 5 * index}
                rows.append({"kind": "frame", **frame, **parts, "detections": 40})
    return rows


def loads(fp16: float = 200.0, fp32: float = 300.0) -> list[dict[str, Any]]:
    return [
        {
            "kind": "load",
            "round": number,
            "side": side,
            "load_seconds": 1.0,
            "bytes": int(size * 1e6),
            "memory": {"ran": dict.fromkeys(("rss_mb", "peak_mb", "private_mb", "mapped_mb"), size + number)},
        }
        for number in range(5)
        for side, size in ((FP16, fp16), (FP32, fp32))
    ]


def table(tmp_path: Path, *parts: list[dict[str, Any]]) -> dict[str, Any]:
    files = []
    for index, part in enumerate(parts):
        files.append(tmp_path / f"{index}.jsonl")
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in part))
    assert table_1.main(["--records", *map(str, files), "--out", str(tmp_path / "table-1.json")]) == 0
    content: dict[str, Any] = json.loads((tmp_path / "table-1.json").read_text())
    return content


def test_medians_and_ratios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = table(tmp_path, records(15))["cells"]
    assert (cell["video_seconds"], cell["node"], cell["frames"], cell["rounds"]) == (15, "bare", 10, 5)
    onnx = cell["sides"]["onnx"]
    assert onnx["seconds"]["end_to_end"]["value"] == pytest.approx(0.8)
    assert onnx["seconds"]["inference"]["value"] == pytest.approx(0.65)
    assert onnx["over_torch"]["end_to_end"]["value"] == pytest.approx(0.8, rel=0.03)
    assert onnx["over_torch"]["end_to_end"]["low"] < 0.8 < onnx["over_torch"]["end_to_end"]["high"]
    assert cell["sides"]["torch"]["over_torch"]["end_to_end"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    shown = capsys.readouterr().out
    assert "15 s video, bare, yolact-r50-550: 10 frames in 5 rounds, 1 threads" in shown
    assert "| onnx | f32 | 0.800 (" in shown


def claims(tmp_path: Path, *parts: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    found = table(tmp_path, *parts)["claims"]
    return {key: (one["direction"], one["size"]) for key, one in found.items()}


def test_what_was_not_measured_is_not_judged(tmp_path: Path) -> None:
    found = claims(tmp_path, records(15))
    assert found["V2"] == found["V4"] == found["M6"] == ("not testable here", "not comparable")
    assert list(found) == ["V1", "V2", "V3", "V4", "V5", "M6"]


def test_a_side_that_is_lacking_makes_a_claim_untestable(tmp_path: Path) -> None:
    part = [row for row in records(15) if row.get("side") != "onnx"]
    del part[0]["sides"]["onnx"]
    assert claims(tmp_path, part)["V1"] == ("not testable here", "not comparable")


def test_the_winner_of_the_paper_is_not_ours(tmp_path: Path) -> None:
    found = claims(tmp_path, records(15), records(15, "limited"), records(78))
    assert found["V1"] == ("reversed", "smaller")
    # FP16 and FP32 cannot be told apart here; together they are the fastest.
    assert found["V2"] == ("holds", "agrees within both uncertainties")
    assert found["V3"] == ("no difference beyond noise", "larger")
    assert found["V4"] == ("no difference beyond noise", "larger")
    assert found["V5"] == ("no difference beyond noise", "not comparable")


def test_the_winner_of_the_paper_is_ours(tmp_path: Path) -> None:
    assert claims(tmp_path, records(15, onnx=0.6))["V1"] == ("holds", "larger")
    assert claims(tmp_path, records(15, onnx=0.735, openvino_fp32=0.9, openvino_fp16=0.9))["V1"] == (
        "holds",
        "agrees within both uncertainties",
    )
    fast = records(78, openvino_fp16=0.6)
    assert claims(tmp_path, fast)["V4"] == ("holds", "larger")
    assert claims(tmp_path, fast)["V5"] == ("holds", "not comparable")


def test_rows_of_ours_do_not_enter_the_papers_claims(tmp_path: Path) -> None:
    assert "openvino-int8" not in PAPERS
    assert claims(tmp_path, records(78, openvino_fp16=0.6, openvino_int8=0.1))["V4"][0] == "holds"


@pytest.mark.parametrize(
    ("speed", "memory", "direction"),
    [
        (0.6, 200.0, "holds"),
        (0.8, 200.0, "reversed"),
        (0.6, 400.0, "reversed"),
        (0.7, 200.0, "no difference beyond noise"),
    ],
)
def test_fp16_beside_fp32(tmp_path: Path, speed: float, memory: float, direction: str) -> None:
    content = table(tmp_path, [*records(15, openvino_fp16=speed), *loads(fp16=memory)])
    assert content["claims"]["M6"]["direction"] == direction
    assert content["resources"][FP16]["rss_mb"] == memory + 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.pop(0), "does not begin with the benchmark's header of schema 1"),
        (lambda rows: rows.pop(), "round 4 of the 15 s video is not whole"),
        (lambda rows: rows[-1].update(frame=99), "round 4 of the 15 s video is not whole"),
        (lambda rows: rows.__delitem__(slice(1, None)), "holds no frame"),
        (lambda rows: rows[0].update(schema=2), "does not begin with"),
        (lambda rows: rows.clear(), "does not begin with"),
    ],
)
def test_records_that_are_not_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, said: str) -> None:
    rows = records(15)
    change(rows)
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert table_1.main(["--records", str(file), "--out", str(tmp_path / "t.json")]) == 2
    assert f"error: {file}: " in (told := capsys.readouterr().err)
    assert said in told
    assert not (tmp_path / "t.json").exists()


def test_a_torn_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_text('{"kind": "hea')
    assert table_1.main(["--records", str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "t.json")]) == 2
    assert "a line is not JSON" in capsys.readouterr().err


def test_an_even_number_of_sides_follow_each_other_equally() -> None:
    orders = balanced(["a", "b", "c", "d"], 4, seed=3)
    after = [(one, two) for order in orders for one, two in itertools.pairwise(order)]
    assert len(set(after)) == len(after) == 12
    assert orders == balanced(["a", "b", "c", "d"], 4, seed=3)
    assert orders != balanced(["a", "b", "c", "d"], 4, seed=4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--side", "tensorflow"], "side = tensorflow: unknown; allowed: torch, onnx"),
        (["--case", "15:21"], "case = 15:21: frames must be a multiple of the 5 rounds"),
        (["--case", "0:20"], "seconds at least 1"),
        (["--rounds", "0"], "rounds = 0; allowed: 1 or more"),
        (["--round", "6"], "round = 6; allowed: 1 to 5"),
        ([], "holds no manifest.json; give a model folder"),
    ],
)
def test_a_benchmark_that_cannot_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    own = ["--model", str(tmp_path), "--videos", str(tmp_path), "--out", str(tmp_path / "o.jsonl"), "--node", "bare"]
    assert video_benchmark.main([*own, *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
