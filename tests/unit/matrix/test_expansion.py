"""Expanding presets made at random: what holds for each of them."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from experiments.errors import UserError
from experiments.matrix.expansion import expand
from experiments.matrix.preset import parse_preset

VALUES: dict[str, list[Any]] = {
    "workers": [1, 2, 3, 6],
    "images": [12, 24, 48],
    "cores": [1, 2, 4],
    "weights": ["FP32", "FP16", "INT8"],
    "engine": ["bigdl", "fused"],
    "read_partitions": [4, 8, 16],
}


def content(chance: random.Random) -> dict[str, Any]:
    """A preset with one to three axes, sometimes a zip, sometimes named cells."""
    keys = chance.sample(sorted(VALUES), chance.randint(2, 5))
    made: dict[str, Any] = {"schema": 1, "title": "made", "axes": {}, "settings": {}}
    for key in keys[:-2] or keys[:1]:
        made["axes"][key] = chance.sample(VALUES[key], chance.randint(1, len(VALUES[key])))
    if len(keys) > 3:
        length = chance.randint(2, 2)
        made["zips"] = [{key: chance.sample(VALUES[key], length) for key in keys[-2:]}]
    if chance.random() < 0.5:
        made["cells"] = [{"name": f"named-{n}", "set": {"batch_size": n + 2, "engine": "bigdl"}} for n in range(2)]
    return made


@pytest.mark.parametrize("seed", range(200))
def test_the_grid_is_the_product_without_what_is_excluded(seed: int) -> None:
    chance = random.Random(seed)
    made = content(chance)
    every = expand(parse_preset(made, "made", "made.toml"))
    sizes = [len(values) for values in made["axes"].values()]
    sizes += [len(next(iter(table.values()))) for table in made.get("zips", [])]
    assert len(every) == math.prod(sizes) + len(made.get("cells", []))
    assert len({cell.name for cell in every}) == len(every)
    assert len({tuple(sorted(map(repr, cell.settings.items()))) for cell in every}) == len(every)

    victim = chance.choice([cell for cell in every if not cell.name.startswith("named")])
    key = chance.choice(sorted(made["axes"]))
    made["exclude"] = [{key: victim.settings[key]}]
    gone = [cell for cell in every if "=" in cell.name and cell.settings[key] == victim.settings[key]]
    if len(gone) == len(every):
        with pytest.raises(UserError, match="there is no cell"):
            expand(parse_preset(made, "made", "made.toml"))
        return
    left = expand(parse_preset(made, "made", "made.toml"))
    assert [cell.name for cell in left] == [cell.name for cell in every if cell not in gone]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_preset_gives_the_same_cells(seed: int) -> None:
    made = content(random.Random(seed))
    assert expand(parse_preset(made, "m", "m")) == expand(parse_preset(made, "m", "m"))


def test_named_cells_stand_over_the_presets_settings() -> None:
    made = {
        "schema": 1,
        "title": "t",
        "settings": {"images": 12, "engine": "fused"},
        "cells": [{"name": "a", "set": {"images": 6}}, {"name": "b"}],
    }
    first, second = expand(parse_preset(made, "m", "m"))
    assert (first.settings["images"], second.settings["images"]) == (6, 12)
    assert first.settings["engine"] == "fused"
    assert first.settings["model"] == "small"  # a default


def test_equal_cells_are_allowed_where_that_is_meant() -> None:
    made = {"schema": 1, "title": "t", "same_cells": True, "cells": [{"name": "a"}, {"name": "b"}]}
    first, second = expand(parse_preset(made, "m", "m"))
    assert first.settings == second.settings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"timing": "materialised"}),
        ({"threads_per_task": 1}, {}),
        ({"model": "small"}, {"image_size": 192}),
        ({"read_partitions": 4, "batch_size": 1}, {"batch_size": 1, "read_partitions": 4}),
    ],
)
def test_the_same_cell_is_found_however_it_is_written(one: dict[str, Any], other: dict[str, Any]) -> None:
    made = {"schema": 1, "title": "t", "cells": [{"name": "a", "set": one}, {"name": "b", "set": other}]}
    with pytest.raises(UserError, match=r"cells\.b: has the same settings as 'a'"):
        expand(parse_preset(made, "m", "m.toml"))


def test_what_an_engine_setting_replaces_is_refused() -> None:
    made = {
        "schema": 1,
        "title": "t",
        "settings": {"engine_setting": "bigdl-tuned"},
        "axes": {"batch_size": [1, 4]},
    }
    with pytest.raises(UserError) as raised:
        expand(parse_preset(made, "m", "m.toml"))
    assert any(
        "cell 'batch_size=4': batch_size = 4: engine_setting = \"bigdl-tuned\" sets it" in text
        for text in raised.value.messages
    )
    # Also what is the same as without it: the cell would say bigdl, and run fused.
    del made["axes"]
    made |= {"settings": {}, "cells": [{"name": "a", "set": {"engine_setting": "fused", "engine": "bigdl"}}]}
    with pytest.raises(UserError, match='engine = "bigdl": engine_setting = "fused" sets it'):
        expand(parse_preset(made, "m", "m.toml"))
