"""Which code, which host: what makes figures comparable, and when a figure has become stale."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from experiments.bench.types import EVERYTHING, Figure, Provenance
from experiments.host import capacity
from experiments.host.command import run
from experiments.host.paths import ROOT

Code = tuple[str, ...]

# Files that decide when images and models are built anew, and whether a host may be used, and never what is measured:
# what is in an image is docker/, what is in a model cluster_app/network/.
PREPARING = tuple(
    f"experiments/host/{name}.py" for name in ("alone", "doctor", "images", "models", "netron", "settings")
)

DIRTY = "-dirty"
UNKNOWN = "unknown"
# Flags of the processor that decide which kernels OpenVINO takes.
FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16")


def provenance(root: Path = ROOT, code: Code = EVERYTHING) -> Provenance:
    """Of the checkout and the host as they are now. code: see Group. Without git the commit is "unknown"."""
    host = capacity.measure(root)
    return Provenance(
        commit=_commit(root, code),
        code=_digest(root, code),
        boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        host={
            "cpu_model": host.cpu_model,
            "flags": [flag for flag in FLAGS if flag in host.cpu_flags],
            "cores": host.cores,
            "memory_mb": host.memory_mb,
            "kernel": host.kernel,
        },
    )


def stale(figure: Figure, now: Provenance, root: Path = ROOT, code: Code = EVERYTHING) -> bool:
    """Whether the figure is of other code than the checkout has now. code: of the figure's group.

    A later commit that changes results or texts only, or what another group measures, changes no figure: so a figure
    can be committed with the work that it is of, and with the README that quotes it.
    """
    if figure.commit == now.commit or figure.commit.endswith(DIRTY):
        return figure.code != now.code
    if UNKNOWN in (figure.commit, now.commit):
        return True
    since = _git(root, "diff", "--name-only", "-z", figure.commit, "--")
    return since is None or any(_counts(name, code) for name in (*since.split("\0"), *_untracked(root)))


def _commit(root: Path, code: Code) -> str:
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return UNKNOWN
    changed = (_git(root, "diff", "--name-only", "-z", "HEAD", "--") or "").split("\0")
    dirty = any(_counts(name, code) for name in (*changed, *_untracked(root)))
    return head.strip() + (DIRTY if dirty else "")


def _digest(root: Path, code: Code) -> str:
    """Over the names and bytes of all files of the checkout, committed or not, that count."""
    listed = _git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    digest = hashlib.sha256()
    for name in sorted(set((listed or "").split("\0"))):
        path = root / name
        if _counts(name, code) and path.is_file():
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32] if listed is not None else UNKNOWN


def _counts(name: str, code: Code) -> bool:
    path = PurePosixPath(name)
    measured = bool(name) and path.parts[0] not in ("results", "docs", "tests") and path.suffix != ".md"
    return measured and name.startswith(code) and name not in PREPARING


def _untracked(root: Path) -> list[str]:
    return (_git(root, "ls-files", "--others", "--exclude-standard", "-z") or "").split("\0")


def _git(root: Path, *words: str) -> str | None:
    done = run(["git", "-C", str(root), *words], check=False)
    return done.stdout if done.status == 0 else None
