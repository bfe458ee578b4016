"""contents.json of a run's folder: what the hashes in its records stand for, and which of them each cell has now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.errors import UserError
from experiments.store.records import replace

CONTENTS = "contents.json"


@dataclass(frozen=True)
class Contents:
    """by_hash: what a cell's figures depend on. present: by cell, the hash that counts, of which it has a trial; a run
    of an older release does not have it, and there its last trial's counts.
    """

    by_hash: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    present: Mapping[str, str] = field(default_factory=dict)


def load(folder: Path) -> Contents:
    """Empty where the folder has none. Raises UserError for a file that is damaged."""
    path = folder / CONTENTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        by_hash, present = dict(found["contents"]), dict(found.get("present", {}))
    except FileNotFoundError:
        return Contents()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
    return Contents(by_hash, present)


def save(folder: Path, contents: Contents) -> None:
    table = {"schema": 1, "contents": contents.by_hash, "present": contents.present}
    replace(folder / CONTENTS, json.dumps(table, indent=1) + "\n")
