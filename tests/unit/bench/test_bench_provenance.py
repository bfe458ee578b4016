"""When a figure is stale: in a repository of the test's own."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import figure

from experiments.bench.provenance import FLAGS, UNKNOWN, provenance, stale
from experiments.bench.types import Figure, Provenance


def git(root: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (
        ("code.py", "a = 1\n"),
        ("README.md", "text\n"),
        ("results/x.json", "{}\n"),
        (".gitignore", "i/"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def made(now: Provenance) -> Figure:
    return figure(commit=now.commit, code=now.code)


def test_a_clean_checkout_has_a_plain_commit_and_its_figures_are_fresh(root: Path) -> None:
    now = provenance(root)
    assert len(now.commit) == 40
    assert not stale(made(now), now, root)
    assert set(now.host) == {"cpu_model", "flags", "cores", "memory_mb", "kernel"}
    assert set(now.host["flags"]) <= set(FLAGS)
    assert now.boot


@pytest.mark.parametrize(
    "name",
    [
        *("results/x.json", "results/new.json", "README.md", "docs/new.txt", "i/ignored.py"),
        "experiments/host/images.py",  # it says when an image is built anew, and not what is in it
    ],
)
def test_results_and_texts_make_nothing_dirty_or_stale(root: Path, name: str) -> None:
    before = made(provenance(root))
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("other\n")
    assert provenance(root).commit == before.commit
    assert not stale(before, provenance(root), root)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "texts")
    assert not stale(before, provenance(root), root)


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_other_code_makes_dirty_and_stale_also_once_it_is_committed(root: Path, name: str) -> None:
    before = made(provenance(root))
    (root / name).write_text("a = 2\n")
    now = provenance(root)
    assert now.commit == before.commit + "-dirty"
    assert stale(before, now, root)
    assert not stale(made(now), now, root)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    assert stale(before, provenance(root), root)
    # What was measured on the working tree is what was then committed.
    assert not stale(made(now), provenance(root), root)
    (root / name).write_text("a = 3\n")
    assert stale(made(now), provenance(root), root)


def test_what_another_group_measures_makes_nothing_stale(root: Path) -> None:
    own = ("code.py", "part/")
    before = made(provenance(root, own))
    (root / "other.py").write_text("b = 1\n")
    assert provenance(root, own).commit == before.commit
    assert not stale(before, provenance(root, own), root, own)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "other")
    assert not stale(before, provenance(root, own), root, own)
    (root / "part").mkdir()
    (root / "part" / "new.py").write_text("c = 1\n")
    assert stale(before, provenance(root, own), root, own)


def test_a_commit_that_is_not_of_this_repository_is_stale(root: Path) -> None:
    now = provenance(root)
    assert stale(replace(made(now), commit="0" * 40), now, root)


def test_without_git_nothing_is_known_and_older_figures_are_stale(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = tmp_path_factory.mktemp("bare")
    now = provenance(bare)
    assert now.commit == UNKNOWN
    assert stale(made(provenance(root)), now, bare)
