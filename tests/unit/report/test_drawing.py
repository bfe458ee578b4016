"""Charts: what is drawn where."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from experiments.report import drawing
from experiments.report.drawing import Block, Scale, Segment
from experiments.report.records import Topology
from experiments.report.topology_drawing import NARROW, WIDE, draw

SCALE = Scale(10.0, (0.0, 5.0, 10.0))


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [
        (3.48, (0, 1, 2, 3)),
        (217, (0, 50, 100, 150, 200)),
        (0.31, (0, 0.1, 0.2, 0.3)),
        (9, (0, 2, 4, 6, 8)),
        (1000, (0, 200, 400, 600, 800, 1000)),
    ],
)
def test_ticks_are_round_and_lie_on_the_axis(largest: float, ticks: tuple[float, ...]):
    scale = drawing.scale_to(largest)
    assert scale.ticks == pytest.approx(ticks)
    assert scale.ticks[-1] <= scale.span
    assert scale.span >= largest


@pytest.mark.parametrize("largest", [0, -1, float("nan"), float("inf")])
def test_axis_without_a_length(largest: float):
    with pytest.raises(ValueError, match="an axis cannot end at"):
        drawing.scale_to(largest)


def test_segments_stand_one_after_the_other():
    svg = drawing.stacked_bar([Segment(2, "read", "2", "two"), Segment(5, "predict", "5", "five")], SCALE)
    assert 'x="0.000%" width="20.000%"' in svg
    assert 'x="20.000%" width="50.000%"' in svg
    assert "<title>five</title>" in svg


def test_a_narrow_segment_has_no_number_in_it():
    wide = drawing.stacked_bar([Segment(2, "read", "2.00", "two")], SCALE)
    narrow = drawing.stacked_bar([Segment(1, "read", "1.00", "one")], SCALE)
    assert ">2.00<" in wide
    assert ">1.00<" not in narrow


def test_share_bar_marks_what_was_expected():
    marked = drawing.share_bar(4, 5.0, "4", "four", SCALE)
    unmarked = drawing.share_bar(4, None, "4", "four", SCALE)
    assert '<line x1="50.000%" x2="50.000%"' in marked
    assert 'class="mark"' in marked
    assert 'class="mark"' not in unmarked


def test_overlapping_blocks_get_lanes_of_their_own():
    first, second, third = Block(0, 4, "a", ""), Block(2, 5, "a", ""), Block(4, 6, "a", "")
    assert drawing.lanes([third, second, first]) == [[first, third], [second]]
    assert drawing.lanes([]) == []


def test_timeline_outlines_what_failed():
    svg = drawing.timeline([[Block(1, 3, "read", "fine"), Block(3, 4, "read", "bad", failed=True)]], SCALE)
    assert svg.count('class="task k-read"') == 1
    assert svg.count('class="task k-read failed"') == 1
    assert 'x="10.000%" width="20.000%"' in svg


def test_axis_names_its_unit_once():
    assert drawing.axis(SCALE, "s").count(" s<") == 1


def test_everything_is_escaped():
    segment = Segment(5, 'x"><script>', "<b>", "<i>")
    svg = drawing.stacked_bar([segment], SCALE)
    assert isinstance(svg, Markup)
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "<i>" not in svg


def topology(machines: dict[str, int]) -> Topology:
    """One node a name; machines: how many nodes each has."""
    nodes = [
        {
            "name": f"{machine}-{number}",
            "roles": ["spark-worker"],
            "machine": machine,
            "cpus": 0.25,
            "memory_mb": 1536,
            "isa": None,
            "profile": None,
            "executor": None,
        }
        for machine, count in machines.items()
        for number in range(count)
    ]
    return Topology.model_validate(
        {"manager": "standalone", "machines": [{"name": name, "cores": 1} for name in machines], "nodes": nodes}
    )


def height(svg: str) -> float:
    return float(svg.partition('viewBox="0 0 ')[2].partition('"')[0].split()[1])


def test_every_node_is_drawn_with_what_it_has():
    svg = draw(topology({"a": 7}), WIDE, "seven nodes")
    assert [f">a-{number}<" in svg for number in range(7)] == [True] * 7
    assert svg.count('class="node"') == 7
    assert svg.count(">the host&#39;s ISA<") == 7
    assert 'aria-label="seven nodes"' in svg


def test_machines_stand_side_by_side_where_there_is_room():
    one, both = draw(topology({"a": 3}), WIDE, ""), draw(topology({"a": 3, "b": 1}), WIDE, "")
    assert height(both) == height(one)
    assert height(draw(topology({"a": 3, "b": 2}), WIDE, "")) > height(both)
    assert height(draw(topology({"a": 3, "b": 1}), NARROW, "")) > height(both)


def test_quotas_fill_the_bar_of_a_machine():
    svg = draw(topology({"a": 4}), NARROW, "")
    assert svg.count('class="quota"') == 4
    assert ">1 of 1 core<" in svg
