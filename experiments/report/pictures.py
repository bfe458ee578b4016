"""Overlays as the report holds them: small JPEG files inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from experiments.errors import UserError

# Longest sides in pixels, tried in order until all pictures together fit.
SIDES = (640, 480, 320)
# Bytes of all JPEG files together: base64 makes 5.3 MB of them, and the whole page stays under 6 MB.
BUDGET = 4_000_000
_QUALITY = 82


@dataclass(frozen=True)
class Picture:
    """image: the input it was drawn on; uri holds the JPEG itself; width and height in pixels."""

    image: str
    uri: str
    width: int
    height: int


def load_pictures(folder: Path, paths: Sequence[str], budget: int = BUDGET) -> list[Picture]:
    """The overlays at `paths`, relative to `folder`, made smaller until they fit; as many as do if they never fit.

    Raises UserError if one cannot be read as an image.
    """
    encoded: list[tuple[Picture, int]] = []
    for side in SIDES:
        encoded = [_picture(folder / path, side) for path in paths]
        if sum(size for _, size in encoded) <= budget:
            return [picture for picture, _ in encoded]
    kept, used = [], 0
    for picture, size in encoded:
        used += size
        if used > budget:
            break
        kept.append(picture)
    return kept


def _picture(path: Path, side: int) -> tuple[Picture, int]:
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except OSError as error:
        raise UserError(f"{path}: cannot be read as an image ({error}); run the demo again") from error
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    content = buffer.getvalue()
    uri = "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")
    return Picture(image_of(path), uri, small.width, small.height), len(content)


def image_of(path: Path) -> str:
    """The input that an overlay was drawn on: its path, quoted, is the overlay's name."""
    return unquote(path.name.removesuffix(".png"))
