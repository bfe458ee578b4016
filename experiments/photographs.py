"""The demo's input: real photographs that two packages hold, and three malformed files.

Nothing is downloaded: scikit-image and scikit-learn carry the pictures in their wheels, and neither is imported.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageDraw

from experiments.errors import HostError, UserError

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the source


@dataclass(frozen=True)
class Source:
    """A photograph as a package ships it: the distribution, the file's path in it, and whose it is."""

    package: str
    path: str
    credit: str


@dataclass(frozen=True)
class Photograph:
    """One file of the set: its source, and what was done to it. Without a change the bytes are the package's.

    box is cut out first; the cut is then brought to `side` pixels on its longer side, converted to Pillow's `mode`,
    and written in the format of the name's suffix.
    """

    name: str
    source: str
    box: Box | None = None
    side: int | None = None
    mode: str | None = None

    @property
    def shipped(self) -> bool:
        return self.box is None and self.side is None and self.mode is None

    @property
    def change(self) -> str:
        """What was done, in words."""
        parts = []
        if self.box:
            parts.append("cut out at ({}, {}) to ({}, {})".format(*self.box))
        if self.side:
            parts.append(f"scaled to {self.side} px on the longer side")
        if self.mode:
            parts.append(_MODES[self.mode])
        return ", ".join(parts) or "as shipped"


def _skimage(name: str, credit: str) -> Source:
    return Source("scikit-image", f"skimage/data/{name}", credit)


def _sklearn(name: str, credit: str) -> Source:
    return Source("scikit-learn", f"sklearn/datasets/images/{name}", credit)


# Credits and terms as the packages state them (docstrings of skimage.data, README of scikit-learn's images).
SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "astronaut": _skimage("astronaut.png", "Eileen Collins; NASA Great Images database; public domain"),
        "camera": _skimage("camera.png", "Camera; photograph by Lav Varshney; CC0"),
        "chelsea": _skimage("chelsea.png", "Chelsea the cat; photograph by Stefan van der Walt; CC0"),
        "coffee": _skimage("coffee.png", "Coffee cup, Pikolo Espresso Bar; photograph by Rachel Michetti; CC0"),
        "coins": _skimage("coins.png", "Greek coins from Pompeii; Brooklyn Museum; no known copyright restrictions"),
        "hubble": _skimage("hubble_deep_field.jpg", "Hubble eXtreme Deep Field; NASA; public domain"),
        "motorcycle-left": _skimage(
            "motorcycle_left.png",
            "Motorcycle, left view; Scharstein et al., Middlebury 2014 stereo benchmark; no licence stated",
        ),
        "motorcycle-right": _skimage(
            "motorcycle_right.png",
            "Motorcycle, right view; Scharstein et al., Middlebury 2014 stereo benchmark; no licence stated",
        ),
        "retina": _skimage("retina.jpg", "Fundus photograph of a left eye; Mikael Häggström; CC0"),
        "rocket": _skimage("rocket.jpg", "Falcon 9 with DSCOVR; SpaceX; public domain"),
        "china": _sklearn("china.jpg", "Summer Palace, China; photograph by danielbuechele (Flickr); CC BY 2.0"),
        "flower": _sklearn(
            "flower.jpg",
            "Flower; photograph by vultilion (Flickr; scikit-learn's README links that page and names "
            "danielbuechele); CC BY 2.0",
        ),
    }
)

_MODES: Mapping[str, str] = MappingProxyType(
    {
        "L": "converted to grey",
        "P": "reduced to a palette of 64 colours",
        "RGBA": "given an alpha channel that is opaque in an ellipse only",
    }
)

PHOTOGRAPHS = (
    Photograph("astronaut.png", "astronaut"),
    Photograph("camera.png", "camera"),
    Photograph("cats/chelsea.png", "chelsea"),
    Photograph("china.jpg", "china"),
    Photograph("coffee cup.png", "coffee"),
    Photograph("coins.png", "coins"),
    Photograph("flower.jpg", "flower"),
    Photograph("hubble.jpg", "hubble"),
    Photograph("motorcycle/left.png", "motorcycle-left"),
    Photograph("motorcycle/right.png", "motorcycle-right"),
    Photograph("rocket.jpg", "rocket"),
    Photograph("retina.jpg", "retina", side=900),
    Photograph("astronaut-large.jpg", "astronaut", side=1000),
    Photograph("astronaut-portrait.jpg", "astronaut", box=(120, 0, 400, 300)),
    Photograph("camera-tall.jpg", "camera", box=(110, 40, 350, 512)),
    Photograph("cats/chelsea-grey.jpg", "chelsea", mode="L"),
    Photograph("cats/chelsea-eyes.png", "chelsea", box=(100, 50, 350, 180), side=600),
    Photograph("china-palette.png", "china", side=480, mode="P"),
    Photograph("china-roof.jpg", "china", box=(100, 150, 560, 330)),
    Photograph("coffee-cut-out.png", "coffee", box=(90, 10, 570, 370), mode="RGBA"),
    Photograph("coins-small.jpg", "coins", side=192),
    Photograph("hubble-middle.png", "hubble", box=(250, 250, 750, 600)),
    Photograph("flower-close.png", "flower", box=(200, 60, 480, 400)),
    Photograph("motorcycle/engine.jpg", "motorcycle-left", box=(150, 100, 600, 430), side=800),
    Photograph("rocket-tower.jpg", "rocket", box=(240, 60, 420, 427)),
)
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


def credits_of(images: Iterable[str]) -> dict[str, str]:
    """Image path relative to the input -> whose photograph it is and what was done to it; names not of the set
    are left out."""
    photographs = {one.name: one for one in PHOTOGRAPHS}
    known = (photographs[image] for image in images if image in photographs)
    return {one.name: f"{SOURCES[one.source].credit}; {one.change}" for one in known}


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
