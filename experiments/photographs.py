"""The demo's input: real photographs that two packages hold, and three malformed files.

Nothing is downloaded: scikit-image and scikit-learn carry the pictures in their wheels, and neither is imported.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageDraw

from experiments.errors import HostError, UserError
from experiments.photograph_set import PHOTOGRAPHS, SOURCES, Photograph, Source

TRUNCATED, HEADER_ONLY, TEXT = "truncated.jpg", "header-only.jpg", "text.jpg"
MALFORMED = (HEADER_ONLY, TEXT, TRUNCATED)
_TEXT = "This is a text file; only its name says JPEG.\n"
_QUALITY = 92


def collect(folder: Path, *, malformed: bool = True) -> list[Path]:
    """Writes the demo's input into `folder`, which then holds it and nothing else; returns the files in order.

    Files that are there already with the same bytes are left alone. What each file is made of goes into
    `manifest_path(folder)`, which lies outside the folder: every file in it is an input.
    malformed=False leaves out the three malformed files, for those who want photographs only.

    Raises UserError if the folder holds a file that is not of the set, HostError if a package lacks a picture.
    """
    contents = _contents(malformed)
    _refuse_others(folder, contents)
    for name, content in contents.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    text = json.dumps(_manifest(contents), indent=2, ensure_ascii=False)
    manifest_path(folder).write_text(text + "\n", encoding="utf-8")
    return [folder / name for name in contents]


def manifest_path(folder: Path) -> Path:
    """Where `collect` says what its files are made of: beside the folder, not in it."""
    return folder.with_name(f"{folder.name}.manifest.json")


def check_user_folder(folder: Path) -> list[Path]:
    """The files of a user's IMAGES folder that become rows, at any depth, in order.

    Names that start with a dot or an underscore are not input: Spark skips them. What is no image is input, and
    gets a row that says so. Raises UserError with one message a problem.
    """
    if not folder.exists():
        raise UserError(f"IMAGES={folder}: does not exist; give a folder with photographs (JPEG or PNG)")
    if not folder.is_dir():
        raise UserError(f"IMAGES={folder}: is a file; give the folder that it lies in")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UserError(f"IMAGES={folder}: may not be read by this user; change its permissions")
    files = [path for path in _files(folder) if not _skipped(path.relative_to(folder))]
    if not files:
        raise UserError(
            f"IMAGES={folder}: holds no input file; put JPEG or PNG files in it "
            "(names that start with . or _ do not count)"
        )
    problems = [problem for path in files if (problem := _problem(path, folder))]
    if problems:
        raise UserError(*problems)
    return files


def _problem(path: Path, folder: Path) -> str | None:
    name = path.relative_to(folder).as_posix()
    shown = name.encode("utf-8", "backslashreplace").decode()
    if ":" in name:
        return f"IMAGES={folder}: {shown}: Hadoop allows no colon in a path; rename it"
    if shown != name:
        return f"IMAGES={folder}: {shown}: the name is not UTF-8; rename it"
    if not path.is_file():
        return f"IMAGES={folder}: {shown}: is no file (a link to a folder or to nothing, a device); remove it"
    if not os.access(path, os.R_OK):
        return f"IMAGES={folder}: {shown}: may not be read by this user; change its permissions"
    return None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _skipped(relative: Path) -> bool:
    return any(part.startswith((".", "_")) for part in relative.parts)


def _refuse_others(folder: Path, contents: Mapping[str, bytes]) -> None:
    others = [name for path in _files(folder) if (name := path.relative_to(folder).as_posix()) not in contents]
    if others:
        raise UserError(
            f"{folder}: holds {others[0]}{f' and {len(others) - 1} more' if others[1:] else ''}, which is not of the "
            "demo's photographs; every file there would become an input: remove it, or give an empty folder"
        )


def _contents(malformed: bool) -> dict[str, bytes]:
    contents = {photograph.name: _bytes_of(photograph) for photograph in PHOTOGRAPHS}
    if malformed:
        contents[TRUNCATED] = _truncated(contents["rocket-tower.jpg"])
        contents[HEADER_ONLY] = _header_of(contents["china-roof.jpg"])
        contents[TEXT] = _TEXT.encode()
    return dict(sorted(contents.items()))


def _bytes_of(photograph: Photograph) -> bytes:
    content = _read(SOURCES[photograph.source])
    if photograph.shipped:
        return content
    image: Image.Image = Image.open(io.BytesIO(content))
    if photograph.box:
        image = image.crop(photograph.box)
    if photograph.side:
        factor = photograph.side / max(image.size)
        image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)
    if photograph.mode:
        image = _CONVERSIONS[photograph.mode](image)
    return _encoded(image, PurePosixPath(photograph.name).suffix)


def _read(source: Source) -> bytes:
    try:
        return Path(str(distribution(source.package).locate_file(source.path))).read_bytes()
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise HostError(
            f"{source.package} of the host's environment lacks {source.path}; install the environment afresh"
        ) from error


def _with_ellipse(image: Image.Image) -> Image.Image:
    alpha = Image.new("L", image.size, 0)
    ImageDraw.Draw(alpha).ellipse((0, 0, image.width - 1, image.height - 1), fill=255)
    image = image.convert("RGB")
    image.putalpha(alpha)
    return image


_CONVERSIONS: Mapping[str, Callable[[Image.Image], Image.Image]] = MappingProxyType(
    {
        "L": lambda image: image.convert("L"),
        "P": lambda image: image.convert("RGB").quantize(64, method=Image.Quantize.MEDIANCUT),
        "RGBA": _with_ellipse,
    }
)


def _encoded(image: Image.Image, suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".jpg":
        image.save(buffer, "JPEG", quality=_QUALITY)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def _truncated(jpeg: bytes) -> bytes:
    """The first 60 % of a JPEG: some of its image data, and no end."""
    return jpeg[: len(jpeg) * 6 // 10]


def _header_of(jpeg: bytes) -> bytes:
    """A JPEG up to its first scan: markers, tables and frame header (ITU T.81, annex B), and no image data."""
    position = 2
    while jpeg[position + 1] != 0xDA:
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    return jpeg[:position]


def _manifest(contents: Mapping[str, bytes]) -> dict[str, Any]:
    made = {one.name: one for one in PHOTOGRAPHS}
    malformed = {
        TRUNCATED: "the first 60 % of rocket-tower.jpg",
        HEADER_ONLY: "china-roof.jpg up to its first scan",
        TEXT: "a text file",
    }
    return {
        "schema": 1,
        "packages": {name: version(name) for name in ("scikit-image", "scikit-learn", "pillow")},
        "files": [
            {
                "image": name,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                **(_origin(made[name], content) if name in made else {"malformed": malformed[name]}),
            }
            for name, content in contents.items()
        ],
    }


def _origin(photograph: Photograph, content: bytes) -> dict[str, Any]:
    source = SOURCES[photograph.source]
    with Image.open(io.BytesIO(content)) as image:
        size, mode = image.size, image.mode
    return {
        "source": f"{source.package}: {source.path}",
        "credit": source.credit,
        "change": photograph.change,
        "width": size[0],
        "height": size[1],
        "mode": mode,
    }
