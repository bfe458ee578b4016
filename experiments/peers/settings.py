"""How the peers are tuned, from settings.toml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import Field

from experiments.shapes import Count, Number, Schema, Shape, Text, parse, read_toml

SETTINGS_FILE = Path(__file__).with_name("settings.toml")


class Ray(Shape):
    """batch: images an actor takes at once; blocks: into how many the files are divided; reader_cpus: what a task that
    reads holds of a core; store_mb: memory of the object store.
    """

    why: Text
    batch: Count
    blocks: Count
    reader_cpus: Number
    store_mb: Count
    environment: dict[str, str] = Field(description="a table of texts")


class PandasUdf(Shape):
    """spark: settings of spark-submit."""

    why: Text
    spark: dict[str, str] = Field(description="a table of texts")


class PeerSettings(Shape):
    schema_: Schema = Field(alias="schema")
    ray: Ray = Field(description="a table")
    pandas_udf: PandasUdf = Field(alias="pandas-udf", description="a table")

    @property
    def why(self) -> Mapping[str, str]:
        """The reasons, by the peer's name."""
        return {"ray": self.ray.why, "pandas-udf": self.pandas_udf.why}


def read_settings(path: Path) -> PeerSettings:
    """The settings of a file. Raises UserError with one message for each thing that is wrong with it."""
    return parse(PeerSettings, read_toml(path), str(path))


@cache
def settings() -> PeerSettings:
    """The committed settings."""
    return read_settings(SETTINGS_FILE)
