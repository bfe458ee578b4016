"""Preset files: each malformed fixture is a valid one with one thing wrong, and gets one message."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import pytest

from experiments.claims.ledger import load_claims
from experiments.errors import UserError
from experiments.matrix.expansion import expand
from experiments.matrix.preset import (
    CHANGED,
    FIRST_LINE,
    PRESETS,
    as_run,
    load_preset,
    parse_preset,
    run_copy,
    shipped_presets,
)
from experiments.matrix.types import Preset

FIXTURES = Path(__file__).parents[2] / "fixtures" / "presets"
MEMORY_RULE = "a whole number with m (MB) or g (GB) behind it"

# By fixture: what its one message must hold: key, value, what is allowed or mends it.
MESSAGES = {
    "not-toml": ("is not TOML", "line 7", "correct that place"),
    "not-utf8": ("is not UTF-8", "byte 107"),
    "schema-2": ("schema = 2", "must be 1"),
    "schema-missing": ("schema is missing", "give 1"),
    "title-missing": ("title is missing", "a text"),
    "title-empty": ('title = ""', "a text"),
    "unknown-key": ("sede = 3", "unknown key", "did you mean 'seed'", "allowed: axes,"),
    "workload-unknown": ('workload = "jobs"', "one of job, video"),
    "seed-negative": ("seed = -1", "0 or more"),
    "repeats-zero": ("repeats = 0", "from 1 to 1000"),
    "repeats-text": ('repeats = "4"', "from 1 to 1000"),
    "repeats-too-many": ("repeats = 1001", "from 1 to 1000"),
    "warm-ups-negative": ("warm_ups = -1", "0 or more"),
    "warm-up-each-unknown": ('warm_up_each = "round"', '"cell" or "cluster"'),
    "fresh-and-warm": ("warm_ups = 1", "fresh_cluster = true", "set warm_ups = 0"),
    "same-cells-none": ("same_cells = true", "no two cells have the same settings"),
    "same-cells-text": ('same_cells = "no"', "true or false"),
    "compare-by-unknown": ('compare_by: "modle"', "did you mean 'model'"),
    "compare-by-unset": ("compare_by", '"executor_memory"', "allowed: engine"),
    "core-zero": ("scale.core = 0", '"fit", or', "from 0.05 to 1"),
    "core-tiny": ("scale.core = 0.01", '"fit", or', "from 0.05 to 1"),
    "core-too-exact": ("scale.core = 0.16667", "of at most 4 decimals"),
    "core-text": ('scale.core = "full"', '"fit", or', "from 0.05 to 1"),
    "services-one": ("scale.services = 1.0", "over 0 and under 1"),
    "services-zero": ("scale.services = 0.0", "over 0 and under 1"),
    "scale-unknown-key": ("scale.service = 0.25", "did you mean 'services'"),
    "sets-unknown": ('input.sets[0] = "imagenet"', "coco and synthetic"),
    "sets-empty": ("input.sets = []", "coco and synthetic"),
    "synthetic-first": ('input.sets = ["synthetic", "coco"]', "is never taken", "give it last"),
    "coco-empty": ('input.coco = ""', "a folder of COCO's images"),
    "coco-unused": ('input.coco = "/data/val2017"', 'input.sets = ["synthetic"] leaves it out', "or leave it out"),
    "setting-unknown": ("settings.imagse = 48", "no such setting", "did you mean 'images'", "allowed: batch_size"),
    "images-zero": ("settings.images = 0", "1 or more"),
    "images-nan": ("settings.images = nan", "a whole number"),
    "images-too-many": ("settings.images = 10000000000", "1,000,000,000 at most"),
    "number-too-long": ("is not TOML", "digits", "correct that place"),
    "images-true": ("settings.images = true", "a whole number"),
    "engine-unknown": ('settings.engine = "bigdlx"', 'one of "bigdl", "fused"'),
    "runners-own": ("settings.output", "no such setting", "allowed: batch_size"),
    "job-mismatch": ("cell 'workers=1 model=small", "batch_size = 4", "fused"),
    "axis-empty": ("axes.workers = []", "one or more values", "axes.workers = [1, 2]"),
    "axis-no-list": ("axes.workers = 6", "a list"),
    "axis-twice": ("axes.workers", "2 is given 2 times"),
    "axis-value": ("axes.workers[1] = 0", "from 1 to 64"),
    "axis-unknown": ("axes.worker = [1, 2, 6]", "did you mean 'workers'"),
    "axis-and-zip": ("axes.model", "varied 2 times", "vary it once"),
    "axis-memory": ('axes.executor_memory[0] = "2gb"', MEMORY_RULE),
    "zip-lengths": ("zips[0]", "weights 2, image_size 3", "one length"),
    "zip-unknown": ("zips[0].imagesize = [192, 256]", "no such setting", "did you mean 'image_size'"),
    "zip-no-list": ("zips[0].image_size = 192", "a list"),
    "zip-empty": ("zips[0] = {}", "leave it out"),
    "exclude-nothing": ("exclude[0] = { workers = 5", "no cell", "take it out"),
    "exclude-all": ("exclude[0] = {}", "excludes every cell"),
    "exclude-unknown": ("exclude[0].wrokers = 6", "did you mean 'workers'"),
    "cell-no-name": ("cells[0].name is missing", "a name"),
    "cell-twice": ("cells.exp-2", "two cells have this name"),
    "cell-same-settings": ("cells.exp-3", "same settings as 'exp-2'", "same_cells = true"),
    "cell-setting": ('cells.exp-2.set.read_partitions = "8"', "1 or more"),
    "cell-unknown-key": ("cells.exp-2.remark", "allowed: name, note, set"),
    "no-cells": ("there is no cell", "give an axis"),
    "too-many-cells": ("1910412 cells", "at most 100000"),
}


def test_every_fixture_is_in_the_table() -> None:
    assert {path.stem for path in FIXTURES.glob("*.toml")} == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_malformed_preset_gets_one_message(name: str) -> None:
    path = FIXTURES / f"{name}.toml"
    with pytest.raises(UserError) as caught:
        expand(load_preset(str(path)))
    (message,) = caught.value.messages
    assert message.startswith(f"{path}: ")
    for part in MESSAGES[name]:
        assert part in message


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - {"no-cells"}))
def test_fixture_is_the_valid_file_with_one_thing_wrong(name: str) -> None:
    good = (FIXTURES / "valid" / "full.toml").read_bytes().splitlines()
    bad = (FIXTURES / f"{name}.toml").read_bytes().splitlines()
    changes = [code for code in difflib.SequenceMatcher(None, good, bad).get_opcodes() if code[0] != "equal"]
    assert len(changes) == 1


def test_valid_file_says_all_it_holds() -> None:
    preset = load_preset(str(FIXTURES / "valid" / "full.toml"))
    cells = expand(preset)
    assert len(cells) == 11  # 3 workers x 2 models x 2 pairs, without 2 excluded, and the named one
    assert (preset.seed, preset.repeats, preset.core, preset.services) == (3, 4, "fit", 0.25)
    assert cells[0].name == "workers=1 model=small weights=FP32 image_size=192"
    assert cells[-1].name == "exp-2"
    assert cells[-1].settings["engine"] == "bigdl"
    assert {cell.comparison for cell in cells} == {"model small", "model r50"}


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = (FIXTURES / "valid" / "full.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(
        text.replace("images = 48", 'images = 0\nengines = "x"').replace("workers = [1, 2, 6]", "cores = []")
    )
    with pytest.raises(UserError) as caught:
        load_preset(str(path))
    assert len(caught.value.messages) == 3


def test_settings_of_another_workload_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('schema = 1\ntitle = "t"\nworkload = "video"\n[settings]\nworkers = 2\n[[cells]]\nname = "a"\n')
    with pytest.raises(UserError, match=r"settings\.workers = 2: no such setting.*allowed: frames"):
        load_preset(str(path))


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(UserError, match=r"'smoek'.*did you mean 'smoke'.*table-10.*a TOML"):
        load_preset("smoek")


PAPER = ["table-1", "table-2", "tables-3-4", "table-5", "table-6", "table-7", "table-8", "table-10", "reader"]
OURS = [
    "smoke",
    "aa",
    "scaling",
    "quota-cpuset",
    "engines",
    "bigdl-settings",
    "precisions",
    "partitions",
    "cores-threads",
]


@pytest.mark.parametrize("name", [*PAPER, *OURS, "table-10-full"])
def test_shipped_presets_expand(name: str) -> None:
    preset = load_preset(name)
    assert expand(preset)
    assert preset.title
    assert bool(preset.reproduces) == name.startswith(("table", "reader"))


def named(rules: object) -> set[str]:
    """The presets that a claim's rules look at."""
    if isinstance(rules, Mapping):
        own = {str(rules["preset"])} if "preset" in rules else set[str]()
        return own.union(*(named(one) for one in rules.values()))
    return set[str]().union(*(named(one) for one in rules)) if isinstance(rules, list | tuple) else set()


@pytest.mark.parametrize("name", [*PAPER, *OURS, "table-10-full"])
def test_a_preset_names_the_claims_that_are_judged_by_it(name: str) -> None:
    judged = {id_: named([rule for _, rule in claim.rules]) for id_, claim in load_claims().items()}
    listed = set(load_preset(name).claims)
    assert listed <= set(judged)
    assert {id_ for id_ in listed if judged[id_]} == {id_ for id_, presets in judged.items() if name in presets}


def test_no_preset_ships_untested() -> None:
    assert set(shipped_presets()) == {*PAPER, *OURS, "table-10-full"}


def test_only_short_presets_have_fewer_than_five_repeats() -> None:
    assert [name for name in shipped_presets() if load_preset(name).repeats < 5] == ["smoke"]


CHANGES = {
    "repeats=3": lambda preset: preset.repeats == 3,
    "scale.core=0.2": lambda preset: preset.core == 0.2,
    "axes.workers=[1,4]": lambda preset: preset.axes[0].values == ((1,), (4,)),
    "images=12": lambda preset: preset.settings["images"] == 12,
    "precision=bf16": lambda preset: preset.settings["precision"] == "bf16",
    "input.coco=/data/coco": lambda preset: preset.coco == "/data/coco",
}


@pytest.mark.parametrize("change", CHANGES)
def test_set_changes_one_thing(change: str) -> None:
    assert CHANGES[change](load_preset(str(FIXTURES / "valid" / "full.toml"), [change]))


REFUSED = {
    "repeats": "give key=value",
    "=3": "give key=value",
    "repaets=3": "no such setting",
    "scale.cores=1": "did you mean 'core'",
    "a.b.c=1": "no such key",
    "cells.exp-2=1": "cells holds tables, which --set cannot change",
    "zips=3": "zips holds tables",
    "settings.workers=3": "the axis workers gives it",
    "repeats=3\nseed=9": "has a line break",
    "workers=3": "the axis workers gives it.*--set axes.workers=",
    "weights=FP16": "a table of zips gives it",
    "read_partitions=9": "the cell 'exp-2' gives it",
    "repeats=many": "from 1 to 1000",
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_set_that_means_nothing_is_refused(change: str) -> None:
    with pytest.raises(UserError, match=REFUSED[change]):
        load_preset(str(FIXTURES / "valid" / "full.toml"), [change])


def test_set_reaches_a_preset_by_name() -> None:
    preset: Preset = load_preset("smoke", ["repeats=7"])
    assert preset.repeats == 7


@pytest.mark.parametrize(
    "text", ["axes = 3", "zips = 3", 'zips = ["a"]', "cells = 3", '[[cells]]\nname = "a"\nset = 3']
)
def test_a_set_on_a_file_of_another_shape_says_what_is_wrong_with_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(f'schema = 1\ntitle = "t"\n{text}\n')
    with pytest.raises(UserError, match=r"odd\.toml: "):
        load_preset(str(path), ["images=4"])


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(UserError, match="1,000,000,000 at most"):
        load_preset("smoke", [f"image_size={'9' * 200}"])


def test_a_runs_copy_is_the_preset_as_it_was_run(tmp_path: Path) -> None:
    path = tmp_path / "preset.toml"
    shipped = (PRESETS / "smoke.toml").read_text()
    path.write_text(f"{FIRST_LINE}smoke\n{CHANGED}repeats=1\n{CHANGED}axes.images=[4]\n{shipped}")
    found = load_preset(str(path))
    assert (found.name, found.repeats, found.axes[0].values) == ("smoke", 1, ((4,),))
    assert load_preset(str(path), ["repeats=3"]).repeats == 3


def test_a_copy_of_a_copy_has_the_changes_of_both_each_once_and_the_last_one_decides(tmp_path: Path) -> None:
    path, shipped = tmp_path / "preset.toml", (PRESETS / "smoke.toml").read_text()
    path.write_text(run_copy(shipped, "smoke", ["images=48", "repeats=1"]))
    assert as_run(path) == ("smoke", ("images=48", "repeats=1"))
    assert path.read_text().endswith(shipped)
    for _ in range(2):
        path.write_text(run_copy(path.read_text(), "smoke", ["images=24", "repeats=1"]))
        assert as_run(path) == ("smoke", ("images=48", "images=24", "repeats=1"))
    assert path.read_text().count(FIRST_LINE) == 1
    # What stands below is the file's own text.
    path.write_text(f"{path.read_text()}{CHANGED}images=96\n")
    assert as_run(path)[1] == ("images=48", "images=24", "repeats=1")


def test_a_copy_has_the_lines_of_toml_alone(tmp_path: Path) -> None:
    """Other separators of lines may stand in a text, and in a comment."""
    path, text = (
        tmp_path / "preset.toml",
        'schema = 1 # one\u2028two\ntitle = "a\u2028b\u0085c"\n[[cells]]\nname = "a"\n',
    )
    path.write_text(run_copy(text, "mine", ["repeats=2"]), encoding="utf-8")
    assert path.read_text(encoding="utf-8").endswith(text)
    assert load_preset(str(path)).title == "a\u2028b\u0085c"
    path.write_text(run_copy(path.read_text(encoding="utf-8"), "mine", ["repeats=2"]), encoding="utf-8")
    assert as_run(path) == ("mine", ("repeats=2",))


def test_a_path_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_preset("a\0/b.toml")


def test_a_change_of_two_lines_is_refused() -> None:
    with pytest.raises(UserError, match=r"--set images=4\.\.\.: has a line break"):
        load_preset("smoke", ["images=4\nrepeats = 9"])


def test_same_cells_need_two_that_are() -> None:
    content = {"schema": 1, "title": "t", "same_cells": True, "axes": {"workers": [1, 2]}}
    with pytest.raises(UserError, match="no two cells have the same settings"):
        expand(parse_preset(content, "made", "made.toml"))
