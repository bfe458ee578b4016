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
            return Source("coco", folder, tuple(check_user_folder(folder)), None)
    raise UserError(
        f"{preset.source}: input.sets = {json.dumps(list(preset.sets))}: none is here; give --set input.coco=FOLDER "
        'with COCO\'s images, or add "synthetic"'
    )


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
    """
    wanted = [(_name(source, index), source.files[index % len(source.files)]) for index in range(count)]
    stamp = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in wanted]
    key = hashlib.sha256(json.dumps([source.name, side, stamp]).encode()).hexdigest()[:12]
    folder = INPUTS / f"{source.name}-{count}-{key}"
    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for name, path in wanted:
            _place(path, partial / name, side)
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


def _place(path: Path, target: Path, side: int | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if side is None:
        try:
            os.link(path, target)
        except OSError:  # another file system
            shutil.copyfile(path, target)
        return
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB") if opened.mode in ("P", "CMYK") else opened.copy()
    except OSError as error:
        raise UserError(f"{path}: cannot be scaled ({error}); take it out of the folder, or mend it") from None
    factor = side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    scaled = image.resize(size, Image.Resampling.LANCZOS)
    if target.suffix.lower() in (".jpg", ".jpeg"):
        scaled.convert("RGB" if scaled.mode != "L" else "L").save(target, "JPEG", quality=_QUALITY)
    else:
        scaled.save(target)


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
