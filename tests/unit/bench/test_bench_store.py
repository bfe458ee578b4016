"""latest.json: merged, whole, and other groups' figures kept; sessions: resumed, torn files measured again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import NOW, figure

from experiments.bench import store
from experiments.errors import UserError
from experiments.host.paths import ROOT

KEYS = {"value", "low", "high", "n", "unit", "note", "group", "commit", "host", "date", "records"}


def test_an_entry_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    store.merge([figure()], tmp_path)
    content = json.loads((tmp_path / "latest.json").read_text())
    assert list(content) == ["figures"]
    assert set(content["figures"]["model_mask_ap"]) >= KEYS
    assert store.read_latest(tmp_path) == {"model_mask_ap": figure()}


def test_other_groups_and_other_figures_are_kept(tmp_path: Path) -> None:
    other = figure("yarn_x", 3.0, group="yarn", commit="older")
    store.merge([other, figure(value=0.5), figure("model_convert_seconds", 100.0)], tmp_path)
    merged = store.merge([figure(value=0.7)], tmp_path)
    assert merged == store.read_latest(tmp_path)
    assert {name: one.value for name, one in merged.items()} == {
        "yarn_x": 3.0,
        "model_mask_ap": 0.7,
        "model_convert_seconds": 100.0,
    }
    assert merged["yarn_x"] == other
    assert [path.name for path in tmp_path.iterdir()] == ["latest.json"]


def test_without_a_file_there_are_no_figures(tmp_path: Path) -> None:
    assert store.read_latest(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"figures": {"x": 1}}', '{"figures": {"x": {"value": 1}}}'])
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "latest.json").write_text(text)
    with pytest.raises(UserError, match=r"latest\.json: is not as `make bench` writes it"):
        store.merge([figure()], tmp_path)
    assert (tmp_path / "latest.json").read_text() == text


def test_a_session_is_taken_up_on_the_same_code_and_boot_only(tmp_path: Path) -> None:
    first = store.session("model", NOW, fresh=False, bench=tmp_path)
    assert store.session("model", NOW, fresh=False, bench=tmp_path).folder == first.folder
    for other in (replace(NOW, code="code-2"), replace(NOW, boot="boot-2")):
        (first.folder / "session.json").write_text(json.dumps({"schema": 1, "group": "model", **vars(NOW)}))
        assert not store._is_of(first.folder, "model", other)
    assert not store._is_of(first.folder, "yarn", NOW)
    assert store._is_of(first.folder, "model", NOW)
    assert store._is_of(first.folder, "model", replace(NOW, commit="another, of texts or of what others measure"))


def test_a_session_that_cannot_be_read_is_not_taken_up(tmp_path: Path) -> None:
    first = store.session("model", NOW, fresh=False, bench=tmp_path)
    (first.folder / "session.json").write_text('{"schema": 1,')
    assert not store._is_of(first.folder, "model", NOW)


def test_records_come_back_as_they_were_saved(tmp_path: Path) -> None:
    session = store.session("model", NOW, fresh=False, bench=tmp_path)
    assert session.load("step") is None
    session.save("step", [{"a": 1}, {"b": [2.5, None]}])
    assert session.load("step") == [{"a": 1}, {"b": [2.5, None]}]


@pytest.mark.parametrize(
    "tear",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "\n".join(text.splitlines()[:-1]) + "\n",
        lambda text: "\n".join(text.splitlines()[1:]) + "\n",
        lambda _: "",
    ],
    ids=["mid-line", "no end", "a record short", "empty"],
)
def test_a_torn_file_counts_as_not_measured(tmp_path: Path, tear: object) -> None:
    session = store.session("model", NOW, fresh=False, bench=tmp_path)
    session.save("step", [{"a": number} for number in range(5)])
    path = session.folder / "step.jsonl"
    path.write_text(tear(path.read_text()))  # type: ignore[operator]
    assert session.load("step") is None


def test_figures_name_their_raw_data_within_the_checkout(tmp_path: Path) -> None:
    session = store.Session(store.BENCH / "raw" / "model-x", NOW)
    assert session.records("step") == "results/bench/raw/model-x/step.jsonl"
    assert store.Session(tmp_path, NOW).records("step") == str(tmp_path / "step.jsonl")


def test_a_steps_journal_goes_when_its_raw_file_is_there(tmp_path: Path) -> None:
    session = store.session("model", NOW, fresh=False, bench=tmp_path)
    journal = session.journal("a")
    assert journal.read() == []
    journal.add({"round": 0})
    journal.add({"round": 1})
    with journal.path.open("a") as file:
        file.write('{"round": 2')
    assert journal.read() == [{"round": 0}, {"round": 1}]
    session.save("a", [{"round": 0}])
    assert not journal.path.exists()
    assert session.load("a") == [{"round": 0}]


def test_each_committed_figure_can_be_traced_to_its_records() -> None:
    """Of figures taken over from an older file the records are gone: the new ones were lost on the way."""
    untraced = [name for name, one in store.read_latest().items() if not (ROOT / one.records).is_file()]
    assert store.read_latest()
    assert not untraced
