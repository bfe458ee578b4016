"""The images: which there are, what each is made from, and whether what is there is current."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from experiments.errors import HostError
from experiments.host import settings
from experiments.host.command import run, run_logged
from experiments.host.engine import DOCKER, Engine
from experiments.host.paths import DOCKER as FOLDERS
from experiments.host.paths import ENVIRONMENT, LOGS

STACK = "paper"
_FINGERPRINT = "org.clusterbed.fingerprint"
_STAMP = ENVIRONMENT.with_suffix(".stamp")
_PACKING = ENVIRONMENT.with_suffix(".seconds")


@dataclass(frozen=True)
class Image:
    """An image of the stack: made from docker/NAME, on the images `parents`, or on a Debian suite."""

    name: str
    parents: tuple[str, ...] = ()
    suite: str | None = None


IMAGES = (
    Image("base", suite="bullseye"),
    Image("python", parents=("base",)),
    Image("spark", parents=("python",)),
    Image("yarn-slave", parents=("base",)),
    Image("yarn-master", parents=("spark", "yarn-slave")),
    Image("builder", suite="bookworm"),
)
# Built only for what needs them.
OPTIONAL = (Image("openvino-2021", parents=("builder", "python")), Image("peers", parents=("spark",)))


def tag(name: str, stack: str = STACK) -> str:
    return f"clusterbed/{name}:{stack}"


def build_all(say: Callable[[str], None], *, extra: Collection[str] = ()) -> None:
    """Builds what is missing or out of date, parents first, and of the optional images those in `extra`.

    Raises CommandFailed with the end of the build's log.
    """
    engine = Engine()
    wanted = (*IMAGES, *(image for image in OPTIONAL if image.name in extra))
    prints = fingerprints(wanted, settings.certificates_fingerprint())
    options: list[str] | None = None
    for image in wanted:
        if _current(engine, image.name, prints[image.name]):
            say(f"image {tag(image.name)}: up to date")
            continue
        options = options if options is not None else settings.build_options()
        if image.suite:
            run([str(FOLDERS / "host" / "base-image.sh"), image.suite], timeout=900)
        say(f"image {tag(image.name)}: building")
        begin = time.monotonic()
        _build(image, prints[image.name], options)
        size = engine.image_mb(tag(image.name))
        say(f"image {tag(image.name)}: built in {time.monotonic() - begin:.0f} s, {size:.0f} MB")


def require(engine: Engine, tags: set[str]) -> None:
    """Raises HostError that names the images that are missing."""
    missing = sorted(one for one in tags if engine.image_labels(one) is None)
    if missing:
        listed = ", ".join(missing)
        raise HostError(f"missing image{'s' if len(missing) > 1 else ''}: {listed}; `make images` builds them")


def require_current(engine: Engine, names: Collection[str], *, packed: bool) -> None:
    """Raises HostError that names those of these images that are not what docker/ now says. packed: also the packed
    environment, which YARN's nodes are sent.
    """
    wanted = (*IMAGES, *OPTIONAL)
    prints = fingerprints(wanted, settings.certificates_fingerprint())
    stale = [tag(name) for name in sorted(names) if not _current(engine, name, prints[name])]
    if packed and not _packed(fingerprints(wanted)["python"]):
        stale.append("the packed environment")
    if stale:
        raise HostError(
            f"not of this checkout: {', '.join(stale)}; `make images` makes {'them' if stale[1:] else 'it'}"
        )


def fingerprints(wanted: Sequence[Image] = IMAGES, host: str = "") -> dict[str, str]:
    """By image: a hash over its folder and what it is made on, the same on every host. Parents come first.

    host: what an image carries of the host it is built on (its certificates). It decides whether the image is built
    anew there; a record leaves it out, so that a run made on one host goes on on another.
    """
    prints: dict[str, str] = {}
    for image in wanted:
        digest = hashlib.sha256(host.encode())
        for parent in image.parents:
            digest.update(prints[parent].encode())
        if image.suite:
            digest.update((FOLDERS / "host" / "base-image.sh").read_bytes())
        folder = FOLDERS / image.name
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            # A file of git's is for all to execute or for none, whatever the user's umask made of it.
            executable = 0o111 if path.stat().st_mode & 0o100 else 0
            digest.update(f"{path.relative_to(folder)} {executable}".encode() + path.read_bytes())
        prints[image.name] = digest.hexdigest()[:32]
    return prints


def _current(engine: Engine, name: str, fingerprint: str) -> bool:
    labels = engine.image_labels(tag(name))
    return labels is not None and labels.get(_FINGERPRINT) == fingerprint


def _build(image: Image, fingerprint: str, options: list[str]) -> None:
    arguments = [DOCKER, "buildx", "build", "--builder", "default", "--progress", "plain", *options]
    arguments += ["--label", f"{_FINGERPRINT}={fingerprint}", "--tag", tag(image.name), str(FOLDERS / image.name)]
    run_logged(arguments, LOGS / f"build-{image.name}.log", where=f"image {tag(image.name)}")


def pack_environment(say: Callable[[str], None]) -> None:
    """Packs the Python environment with conda-pack, for YARN. Skipped when it is packed from the current image."""
    current = fingerprints()["python"]
    if _packed(current):
        say("packed environment: up to date")
        return
    say("packed environment: packing")
    begin = time.monotonic()
    ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    partial = ENVIRONMENT.with_name("partial-" + ENVIRONMENT.name)
    pack = ["--entrypoint", "/opt/env/bin/conda-pack", "-v", f"{ENVIRONMENT.parent}:/artefacts"]
    Engine().run_once(
        tag("python"),
        ["-q", "--force", "-p", "/opt/env", "--n-threads", "2", "-o", f"/artefacts/{partial.name}"],
        options=pack,
    )
    partial.rename(ENVIRONMENT)
    seconds = time.monotonic() - begin
    _STAMP.write_text(current)
    _PACKING.write_text(f"{seconds:.1f}\n")
    say(f"packed environment: {ENVIRONMENT.stat().st_size / 1e6:.0f} MB in {seconds:.0f} s")


def packed() -> dict[str, float | None] | None:
    """MB (10^6 bytes) of the packed environment, and the seconds that packing took; None where there is none."""
    if not ENVIRONMENT.exists():
        return None
    seconds = float(_PACKING.read_text()) if _PACKING.exists() else None
    return {"mb": round(ENVIRONMENT.stat().st_size / 1e6, 1), "seconds": seconds}


def _packed(fingerprint: str) -> bool:
    return ENVIRONMENT.exists() and _STAMP.exists() and _STAMP.read_text() == fingerprint
