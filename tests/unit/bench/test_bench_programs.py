"""What programs in containers answer, and how folders of photographs are made."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from experiments.bench import bed, programs
from experiments.errors import RunFailed
from experiments.topology import load_topology


def test_the_last_answer_counts() -> None:
    lines = ["chatter", 'yardstick: {"images": 1}', "more", 'yardstick: {"images": 2}']
    assert programs._answer(lines, "here") == {"images": 2}


def test_no_answer_is_a_failure() -> None:
    with pytest.raises(RunFailed, match="here: the program ended without an answer"):
        programs._answer(["chatter"], "here")


def test_the_zip_holds_what_the_yardsticks_import() -> None:
    names = set(zipfile.ZipFile(io.BytesIO(programs._application())).namelist())
    assert {
        "cluster_app/__init__.py",
        "cluster_app/yardsticks/bare.py",
        "cluster_app/pipeline/fused_worker.py",
    } <= names
    assert not any(name.startswith("cluster_app/network") for name in names)


def test_a_folder_repeats_its_photographs_under_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "from" / "inner").mkdir(parents=True)
    (tmp_path / "from" / "a.jpg").write_bytes(b"a")
    (tmp_path / "from" / "inner" / "b.jpg").write_bytes(b"b")
    made = bed.folder_of(tmp_path / "from", ("a.jpg", "inner/b.jpg"), 5, tmp_path / "to")
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        "00000-a.jpg": b"a",
        "00001-b.jpg": b"b",
        "00002-a.jpg": b"a",
        "00003-b.jpg": b"b",
        "00004-a.jpg": b"a",
    }


@pytest.mark.parametrize("topology", ["local", "heterogeneous", "databricks"])
def test_beds_are_shipped_topologies_under_names_of_their_own(topology: str) -> None:
    spec = bed._spec(topology)
    assert spec.name == f"bench-{topology}"
    assert spec.nodes == load_topology(topology).nodes
