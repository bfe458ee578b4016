"""The ablation's table is made from the stored figures, and put between two marks of the document."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_fakes import figure

from experiments.bench import ablation
from experiments.bench.ablation import BEGIN, END
from experiments.bench.store import read_latest
from experiments.errors import UserError

STEPS = {
    f"engine_ablation_{step}": figure(
        f"engine_ablation_{step}", value, low=value - 0.1, high=value + 0.1, note=f"changed {step[-1]}; one node", n=2
    )
    for step, value in (("10_c", 9.0), ("0_a", 1.0), ("1_b", 2.5))
}


def test_steps_stand_in_their_order_with_their_intervals() -> None:
    rows = [line for line in ablation.table(STEPS | {"x": figure("x")}).splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["0_a", "1_b", "10_c"]
    assert "| 2.50 (2.40 .. 2.60) | 2 | changed b |" in rows[1]


def test_what_every_step_says_is_said_once_below_the_table() -> None:
    assert ablation.table(STEPS).count("one node") == 1
    assert ablation.table(STEPS).endswith("; one node.")


def test_without_figures_it_says_so() -> None:
    assert ablation.table({}) == ablation.NOT_MEASURED


def test_only_what_is_between_the_marks_changes(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text(f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    ablation.write(STEPS, document, tmp_path)
    text = document.read_text()
    assert text.startswith(f"before\n\n{BEGIN}\n\n| step |")
    assert text.endswith(f"\n\n{END}\n\nafter\n")
    assert "old" not in text
    assert (tmp_path / "ablation.md").read_text() == ablation.table(STEPS) + "\n"
    ablation.write(STEPS, document, tmp_path)
    assert document.read_text() == text


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_document_without_its_marks_is_named(text: str) -> None:
    with pytest.raises(UserError, match=r"doc\.md: needs the lines"):
        ablation.filled(text, STEPS, "doc.md")


def test_the_document_holds_the_table_of_the_stored_figures() -> None:
    text = ablation.DOCUMENT.read_text()
    assert ablation.filled(text, read_latest(), "docs/benchmarks.md") == text
