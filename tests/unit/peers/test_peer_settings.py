"""How peers are tuned: the committed file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.peers.settings import SETTINGS_FILE, read_settings, settings


def test_each_peer_has_its_tuning_and_the_reasons() -> None:
    assert set(settings().why) == {"ray", "pandas-udf"}
    assert all(len(why) > 100 for why in settings().why.values())
    assert settings().ray.batch == 1
    assert settings().pandas_udf.spark["spark.python.worker.reuse"] == "true"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch = 1", "batch = 0", "ray.batch = 0: must be a whole number of 1 or more"),
        ("blocks = 20\n", "", "ray.blocks is missing"),
        ("store_mb", "stor_mb", "ray.stor_mb = 300: unknown key; did you mean 'store_mb'"),
        ("schema = 1", "schema = 2", "schema = 2: must be 1"),
        ('"spark.locality.wait" = "0"', '"spark.locality.wait" = 0', "must be a table of texts"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "settings.toml"
    text = SETTINGS_FILE.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        read_settings(path)
    assert any(said in message for message in error.value.messages), error.value.messages
