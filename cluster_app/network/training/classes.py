"""The classes of the synthetic scenes, in the order of the small network's scores."""

from __future__ import annotations

CLASSES = ("star", "ring", "cross", "heart", "arrow", "crescent")
CATEGORIES = tuple({"id": index + 1, "name": name} for index, name in enumerate(CLASSES))
