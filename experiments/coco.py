"""COCO's validation images of 2017 and their annotations: fetched, resumed, checked. Lin et al., ECCV 2014.

    FOLDER/val2017/*.jpg, FOLDER/annotations/instances_val2017.json

COCO publishes no checksums: those here are what its archives have had since 2017, as several projects state them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import requests
from requests.exceptions import RequestException

from experiments.errors import HostError, RunFailed, UserError

SERVER = "http://images.cocodataset.org"
IMAGES, ANNOTATIONS = "val2017", "annotations/instances_val2017.json"
_CHUNK = 2**20
_MB = 10**6
# Seconds without a byte until a connection counts as broken; how often it is then made again, if some had come.
_SILENCE, _ATTEMPTS = 30.0, 5
_AGAIN = "remove it and run the command again"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Archive:
    """A file on the server. bytes: its size; keeps: which of its members are unpacked, by how their names begin."""

    path: str
    bytes: int
    sha256: str
    keeps: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Release:
    """What is fetched, and how many images, annotations and categories it must hold then."""

    archives: tuple[Archive, ...]
    images: int
    annotations: int
    categories: int
    server: str = SERVER

    def url(self, archive: Archive) -> str:
        return f"{self.server}/{archive.path}"


VAL2017 = Release(
    (
        Archive(
            "zips/val2017.zip",
            815_585_330,
            "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
            f"{IMAGES}/",
        ),
        Archive(
            "annotations/annotations_trainval2017.zip",
            252_907_541,
            "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
            ANNOTATIONS,
        ),
    ),
    images=5000,
    annotations=36_781,
    categories=80,
)


def fetch(folder: Path, say: Say, release: Release = VAL2017) -> None:
    """Has the images and annotations in the folder, whole and checked. What is there already is not fetched again.

    Raises HostError where the server cannot be reached or the disk is too small, RunFailed for an archive that is not
    the published one, UserError for a folder whose files are not the data set's.
    """
    for archive in release.archives:
        if not _unpacked(folder, archive).exists():
            _require_room(folder, archive)
            _unpack(_downloaded(folder, archive, release, say), folder, archive, say)
    check(folder, release)
    for archive in release.archives:
        (folder / archive.name).unlink(missing_ok=True)


def check(folder: Path, release: Release = VAL2017) -> None:
    """Raises UserError unless the folder holds all images, and annotations that are of them."""
    files = {path.name for path in (folder / IMAGES).glob("*.jpg")}
    known = _read(folder / ANNOTATIONS)
    listed = {str(image["file_name"]) for image in known["images"]}
    wanted = {"images": release.images, "annotations": release.annotations, "categories": release.categories}
    problems = [
        f"{folder / ANNOTATIONS}: holds {len(known[key])} {key}, {number} are published; {_AGAIN}"
        for key, number in wanted.items()
        if len(known[key]) != number
    ]
    missing = sorted(listed - files)
    if missing:
        problems.append(
            f"{folder / IMAGES}: {len(missing)} of {len(listed)} images are missing, the first {missing[0]}; {_AGAIN}"
        )
    if problems:
        raise UserError(*problems)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: content[key] for key in ("images", "annotations", "categories")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no COCO annotation file ({error!r}); {_AGAIN}") from None


def _unpacked(folder: Path, archive: Archive) -> Path:
    return folder / archive.keeps.rstrip("/")


def _require_room(folder: Path, archive: Archive) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = 2 * archive.bytes, shutil.disk_usage(folder).free
    if free < needed:
        raise HostError(
            f"{folder}: {needed // _MB} MB are needed for {archive.name} and what is in it, {free // _MB} MB are free; "
            "give another place with --folder"
        )


def _downloaded(folder: Path, archive: Archive, release: Release, say: Say) -> Path:
    """The whole archive, which a person may have put there too; a part of it from before is gone on with."""
    target, partial = folder / archive.name, folder / f"{archive.name}.partial"
    if not target.exists():
        say(f"fetching {release.url(archive)} ({archive.bytes // _MB} MB)")
        _transfer(partial, archive, release, say)
        _require_published(partial, archive)
        partial.rename(target)
    else:
        _require_published(target, archive)
    return target


def _transfer(partial: Path, archive: Archive, release: Release, say: Say) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        before = _size(partial)
        if before >= archive.bytes:
            return
        try:
            _append(partial, release.url(archive), archive, say)
        except RequestException as error:
            if attempt == _ATTEMPTS or _size(partial) == before:
                raise _unreachable(partial, archive, release, error) from None
            say(f"{archive.name}: the connection broke after {_size(partial) // _MB} MB; going on")
    if _size(partial) < archive.bytes:
        raise HostError(
            f"{release.url(archive)}: ended after {_size(partial)} of {archive.bytes} bytes; the same command goes on"
        )


def _append(partial: Path, url: str, archive: Archive, say: Say) -> None:
    """Goes on behind what is there; from the beginning where the server sends no parts."""
    begin = _size(partial)
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    with requests.get(url, headers=headers, stream=True, timeout=_SILENCE) as answer:
        answer.raise_for_status()
        goes_on = answer.status_code == requests.codes.partial_content
        said = begin if goes_on else 0
        with partial.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                if file.tell() - said >= archive.bytes / 10:
                    said = file.tell()
                    say(f"{archive.name}: {said // _MB} of {archive.bytes // _MB} MB")


def _unreachable(partial: Path, archive: Archive, release: Release, error: Exception) -> HostError:
    folder, urls = partial.parent, " and ".join(release.url(one) for one in release.archives)
    names = " and ".join(one.name for one in release.archives)
    return HostError(
        f"{release.url(archive)}: cannot be fetched ({type(error).__name__}): this host has no way to it. By hand: "
        f"download {urls} on another machine, put {names} into {folder}, and run the command again; or give a folder "
        "of COCO's that you have: --folder here, input.coco in a preset"
    )


def _require_published(path: Path, archive: Archive) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if (_size(path), digest.hexdigest()) != (archive.bytes, archive.sha256):
        aside = path.with_name(f"{archive.name}.wrong")
        path.replace(aside)
        raise RunFailed(
            f"{archive.name}: {_size(aside)} bytes with the SHA-256 {digest.hexdigest()}; published are "
            f"{archive.bytes} with {archive.sha256}; kept as {aside}; run the command again to fetch it anew"
        )


def _unpack(path: Path, folder: Path, archive: Archive, say: Say) -> None:
    """The members that are kept, made aside: what is there is whole."""
    target = _unpacked(folder, archive)
    aside = folder / f".{target.name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    say(f"unpacking {archive.name}")
    with zipfile.ZipFile(path) as opened:
        members = [one for one in opened.infolist() if one.filename.startswith(archive.keeps) and not one.is_dir()]
        for member in members:
            # By its last name alone: whatever an archive says, nothing is written elsewhere.
            with opened.open(member) as source, (aside / PurePosixPath(member.filename).name).open("wb") as sink:
                shutil.copyfileobj(source, sink)
    if not members:
        raise RunFailed(f"{path}: holds no {archive.keeps}")
    target.parent.mkdir(parents=True, exist_ok=True)
    (aside if archive.keeps.endswith("/") else aside / target.name).rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
