"""Tables and figures hold what was measured."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_material import detection, square, write_folder

from cluster_app.evaluate import tables
from cluster_app.evaluate.accuracy import measure, summary
from cluster_app.evaluate.coco import read_dataset
from cluster_app.evaluate.figures import boundary_figure, save


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    read = read_dataset(write_folder(tmp_path_factory.mktemp("coco") / "data")).annotations
    perfect = {
        3: [detection(square(4, 6, 10), 0.9), detection(square(30, 10, 20), 0.8, 2)],
        7: [detection(square(0, 0, 40), 0.7)],
    }
    worse = {**perfect, 3: [detection(square(4, 7, 10), 0.9), detection(square(30, 12, 20), 0.8, 2)]}
    return summary({"torch": measure(read, perfect), "openvino-int8": measure(read, worse)})


def test_the_table_for_people(measured: dict[str, Any]) -> None:
    text = tables.markdown(measured)
    row = next(line for line in text.splitlines() if line.startswith("| torch"))
    assert "1.000 (1.000 to 1.000)" in row
    assert "none" in row  # no object is large
    assert "| openvino-int8 | torch " in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 3
    for block in blocks:
        assert len({len(line) for line in block}) == 1


def test_the_table_for_programs(measured: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(measured))))
    found = {(row["backend"], row["group"], row["metric"]): row for row in rows}
    value = measured["openvino-int8"]["boundary_iou"]["0.02"]
    row = found["openvino-int8", "boundary_iou", "0.02"]
    assert [float(row[key]) for key in ("value", "low", "high")] == [value[key] for key in ("value", "low", "high")]
    assert found["torch", "mask", "AP_large"]["value"] == ""
    assert ("openvino-int8", "mask_AP_against torch", "fraction") in found
    assert len(found) == len(rows)


def test_the_figure_holds_the_data(measured: dict[str, Any], tmp_path: Path) -> None:
    figure = boundary_figure(measured, "by hand")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["torch", "openvino-int8"]
    for container, (_, one) in zip(axes.containers, measured.items(), strict=True):
        line, _, (bars,) = container.lines
        expected = one["boundary_iou"]
        np.testing.assert_allclose(np.array(line.get_ydata(), float), [point["value"] for point in expected.values()])
        np.testing.assert_allclose(np.array(line.get_xdata(), float), [float(ratio) for ratio in expected], rtol=0.05)
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, [[point["low"], point["high"]] for point in expected.values()])
    paths = save(figure, tmp_path, "boundary-iou")
    assert [path.name for path in paths] == ["boundary-iou.svg", "boundary-iou.png"]
    assert "openvino-int8" in paths[0].read_text()
    assert paths[1].read_bytes().startswith(b"\x89PNG")
