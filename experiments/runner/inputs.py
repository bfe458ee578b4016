"""The images of a trial: COCO's from a folder of the user's, or synthetic scenes and photographs; so many of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cluster_app.contract.memory import MAX_MEGAPIXELS
from experiments import scenes
from experiments.errors import UserError
from experiments.host import models
from experiments.host.paths import ARTEFACTS
from experiments.known_objects import FOLDER
from experiments.matrix.types import Preset
from experiments.photographs import check_user_folder, collect

Say = Callable[[str], None]

# Where `clusterbed data coco` puts COCO's validation images.
COCO = ARTEFACTS / "coco" / "val2017"
INPUTS = ARTEFACTS / "run-inputs"
_QUALITY = 92
# As Pillow names them; a phone's JPEG of several pictures is MPO.
_READ_FORMATS = ("JPEG", "MPO", "PNG")
# Those that a PNG can hold.
_KEPT_MODES = ("1", "L", "LA", "I", "I;16", "RGB", "RGBA")


@dataclass(frozen=True)
class Source:
    """Where images come from. name: coco, or synthetic; files: in order, folders kept; known: COCO annotations of those
    whose objects are known, else None."""

    name: str
    root: Path
    files: tuple[Path, ...]
    known: Path | None


@dataclass(frozen=True)
class Inputs:
    """An input folder. files: paths in it; holding: those with objects that the trained model knows; digest: of names
    and bytes."""

    folder: Path
    source: str
    files: tuple[str, ...]
    holding: tuple[str, ...]
    digest: str


def source(preset: Preset, say: Say) -> Source:
    """The first of the preset's sets that is on this host. Raises UserError where none is."""
    for name in preset.sets:
        if name == "synthetic":
            return _synthetic(say)
        folder = Path(preset.coco) if preset.coco else COCO
        if folder.is_dir() or preset.coco:
            return Source("coco", folder, _files(preset, folder), None)
    raise UserError(
        f"{preset.source}: input.sets = {json.dumps(list(preset.sets))}: none is here; give --set input.coco=FOLDER "
        'with COCO\'s images, or add "synthetic"'
    )


def _files(preset: Preset, folder: Path) -> tuple[Path, ...]:
    """A folder's files. Raises UserError, in which the preset's key stands for the demo's."""
    try:
        return tuple(check_user_folder(folder))
    except UserError as error:
        given = f"{preset.source}: input.coco = {json.dumps(str(folder))}"
        raise UserError(*(message.replace(f"IMAGES={folder}", given, 1) for message in error.messages)) from None


def _synthetic(say: Say) -> Source:
    """Scenes whose objects are known, before photographs; photographs alone while no trained model ships."""
    photographs = ARTEFACTS / "calibration-photographs"
    files, known = collect(photographs, malformed=False), None
    if models.SHIPPED.is_file():
        known = scenes.make(ARTEFACTS / "demo-scenes", photographs, say)
        files = [*sorted((known.parent / "images").iterdir()), *files]
    return Source("synthetic", photographs, tuple(files), known)


def prepare(source: Source, count: int, side: int | None) -> Inputs:
    """A folder with so many images of a source, its files repeated in turn where it has fewer.

    side: pixels of the longer side that each is scaled to, None leaves the files as they are. Kept by what it is made
    of, and made aside: a folder that is there is whole.
    Raises UserError that names every file which is no image that a job can read: with it no trial would be valid.
    """
    wanted = [(_name(source, index), source.files[index % len(source.files)]) for index in range(count)]
    stamp = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in wanted]
    key = hashlib.sha256(json.dumps([source.name, side, stamp]).encode()).hexdigest()[:12]
    folder = INPUTS / f"{source.name}-{count}-{key}"
    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        problems = [(path, _place(path, partial / name, side)) for name, path in wanted]
        if told := dict.fromkeys(f"{path}: {why}; take it out, or mend it" for path, why in problems if why):
            shutil.rmtree(partial)
            raise UserError(*told)
        partial.rename(folder)
    return Inputs(folder, source.name, tuple(name for name, _ in wanted), _holding(source, wanted), _digest(folder))


def _name(source: Source, index: int) -> str:
    """In the input: scenes in a folder of their own, as elsewhere; a number in front keeps repeated files apart.

    Other characters than these go: Spark's image reader does not find names that a URL quotes, and the job would read
    such a file in a partition of its own, beside those whose number is varied.
    """
    path = source.files[index % len(source.files)]
    scene = source.known is not None and path.parent == source.known.parent / "images"
    flat = path.name if scene else path.relative_to(source.root).as_posix()
    flat = re.sub(r"[^A-Za-z0-9._-]+", "-", flat)
    return f"{FOLDER}/{index:05d}-{flat}" if scene else f"{index:05d}-{flat}"


def _place(path: Path, target: Path, side: int | None) -> str | None:
    """Puts a file there. Returns why no job would compute it, and each trial be invalid; None where it would."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Image.open(path) as opened:
            opened.load()
            scaled = None if side is None else _scaled(opened, side)
            refused = _refused(opened) if side is None else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"cannot be read as an image ({error})"
    if scaled is None:
        try:
            os.link(path, target)
        except OSError:  # another file system
            shutil.copyfile(path, target)
    elif target.suffix.lower() in (".jpg", ".jpeg"):
        scaled.convert("RGB" if scaled.mode != "L" else "L").save(target, "JPEG", quality=_QUALITY)
    else:
        scaled.save(target, "PNG")  # also under another name: jobs go by a file's bytes
    return refused


def _refused(opened: Image.Image) -> str | None:
    """What jobs give a row that says so, and no detections."""
    if opened.format not in _READ_FORMATS:
        return f"is {opened.format}; jobs read JPEG and PNG"
    if opened.format != "PNG" and opened.mode == "CMYK":
        return "is a CMYK JPEG; jobs read grey and colour ones"
    megapixels = opened.width * opened.height / 1e6
    return (
        f"has {megapixels:,.0f} megapixels; jobs read {MAX_MEGAPIXELS} at most" if megapixels > MAX_MEGAPIXELS else None
    )


def _scaled(opened: Image.Image, side: int) -> Image.Image:
    image = opened if opened.mode in _KEPT_MODES else opened.convert("RGB")
    factor = side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _holding(source: Source, wanted: list[tuple[str, Path]]) -> tuple[str, ...]:
    if source.known is None:
        return ()
    content = json.loads(source.known.read_text())
    with_objects = {one["image_id"] for one in content["annotations"]}
    names = {one["file_name"] for one in content["images"] if one["id"] in with_objects}
    return tuple(name for name, path in wanted if path.name in names and name.startswith(f"{FOLDER}/"))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
