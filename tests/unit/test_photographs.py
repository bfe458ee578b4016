"""The demo's photographs, and the check of a user's folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image

from experiments import photographs
from experiments.errors import HostError, UserError
from experiments.photograph_set import PHOTOGRAPHS, SOURCES, Photograph, Source, credits_of
from experiments.photographs import MALFORMED, check_user_folder, collect, manifest_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "in"
    collect(folder)
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_the_set_and_nothing_else(folder: Path):
    assert names_in(folder) == {one.name for one in PHOTOGRAPHS} | {*MALFORMED}
    assert len(PHOTOGRAPHS) >= 24


def test_collect_returns_the_files_in_order(tmp_path: Path):
    paths = collect(tmp_path / "in")
    assert [path.relative_to(tmp_path / "in").as_posix() for path in paths] == sorted(names_in(tmp_path / "in"))


def test_every_photograph_decodes_and_is_at_most_1000_px(folder: Path):
    sizes = set()
    for one in PHOTOGRAPHS:
        with Image.open(folder / one.name) as image:
            image.load()
            sizes.add(image.size)
    assert len(sizes) > 15
    assert max(max(size) for size in sizes) <= 1000


def test_kinds_of_files(folder: Path):
    kinds = set()
    for one in PHOTOGRAPHS:
        with Image.open(folder / one.name) as image:
            kinds.add((image.format, image.mode))
            assert image.format == {".jpg": "JPEG", ".png": "PNG"}[Path(one.name).suffix]
    assert kinds >= {("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "L"), ("PNG", "P"), ("PNG", "RGBA")}


def test_the_alpha_channel_hides_something(folder: Path):
    with Image.open(folder / "coffee-cut-out.png") as image:
        assert image.getchannel("A").getextrema() == (0, 255)


def test_one_name_has_a_space_and_some_are_nested():
    assert any(" " in one.name for one in PHOTOGRAPHS)
    assert any("/" in one.name for one in PHOTOGRAPHS)


def test_truncated_jpeg(folder: Path):
    content = (folder / "truncated.jpg").read_bytes()
    assert (folder / "rocket-tower.jpg").read_bytes().startswith(content)
    assert b"\xff\xda" in content
    assert not content.endswith(b"\xff\xd9")
    with Image.open(folder / "truncated.jpg") as image, pytest.raises(OSError, match="truncated"):
        image.load()


def test_header_only_jpeg(folder: Path):
    content = (folder / "header-only.jpg").read_bytes()
    assert b"\xff\xc0" in content
    assert b"\xff\xda" not in content
    with Image.open(folder / "header-only.jpg") as image:
        assert image.size == (460, 180)


def test_text_jpeg(folder: Path):
    assert (folder / "text.jpg").read_bytes().startswith(b"This is a text file")
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(folder / "text.jpg")


def test_collecting_again_changes_no_file(folder: Path):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")}
    collect(folder)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")} == before


def test_a_changed_file_is_mended(tmp_path: Path):
    collect(tmp_path / "in")
    before = (tmp_path / "in" / "china.jpg").read_bytes()
    (tmp_path / "in" / "china.jpg").write_bytes(before[:1000])
    collect(tmp_path / "in")
    assert (tmp_path / "in" / "china.jpg").read_bytes() == before


def test_photographs_only(tmp_path: Path):
    collect(tmp_path / "in", malformed=False)
    assert names_in(tmp_path / "in") == {one.name for one in PHOTOGRAPHS}


def test_a_stranger_in_the_folder_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "mine.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match=r"holds mine\.jpg, which is not of the demo's photographs"):
        collect(tmp_path)
    assert names_in(tmp_path) == {"mine.jpg"}


def test_manifest_lies_outside_and_describes_each_file(folder: Path):
    path = manifest_path(folder)
    assert path.parent == folder.parent
    manifest = json.loads(path.read_text(encoding="utf-8"))
    described = {entry["image"]: entry for entry in manifest["files"]}
    assert described.keys() == names_in(folder)
    for name, entry in described.items():
        assert entry["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert ("malformed" in entry) == (name in MALFORMED)
    scaled = "scaled to 480 px on the longer side, reduced to a palette of 64 colours"
    assert described["china-palette.png"]["change"] == scaled
    assert described["china.jpg"]["change"] == "as shipped"
    assert described["china.jpg"]["credit"].endswith("CC BY 2.0")


def test_every_source_is_used_and_credited():
    assert {one.source for one in PHOTOGRAPHS} == SOURCES.keys()
    assert all(source.credit for source in SOURCES.values())


def test_credits_name_the_change_and_leave_out_strangers():
    credits = credits_of(["coins-small.jpg", "stranger.jpg"])
    assert credits == {
        "coins-small.jpg": "Greek coins from Pompeii; Brooklyn Museum; no known copyright restrictions; "
        "scaled to 192 px on the longer side"
    }


@pytest.mark.parametrize(
    "source",
    [Source("scikit-image", "skimage/data/absent.png", "x"), Source("no-such-package", "absent.png", "x")],
    ids=["file", "package"],
)
def test_a_package_without_the_picture(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photographs, "SOURCES", {"absent": source})
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", (Photograph("absent.png", "absent"),))
    with pytest.raises(HostError, match=r"lacks .*absent.png"):
        collect(tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_user_folder_lists_all_files_that_become_rows(tmp_path: Path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".thumbs").mkdir()
    for name in ("b.jpg", "notes.txt", "deep/er/a b.png", ".DS_Store", "_draft.jpg", ".thumbs/x.jpg"):
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in check_user_folder(tmp_path)]
    assert found == ["b.jpg", "deep/er/a b.png", "notes.txt"]


def test_user_folder_that_does_not_exist(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist; give a folder with photographs"):
        check_user_folder(tmp_path / "absent")


def test_user_folder_that_is_a_file(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="is a file; give the folder that it lies in"):
        check_user_folder(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", [None, ".hidden", "_SUCCESS"])
def test_user_folder_without_input(tmp_path: Path, name: str | None):
    if name:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match="holds no input file"):
        check_user_folder(tmp_path)


def test_user_folder_names_all_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "good.jpg").write_bytes(b"x")
    (tmp_path / "10:30.jpg").write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "album").symlink_to(tmp_path)
    with pytest.raises(UserError) as caught:
        check_user_folder(tmp_path)
    assert [message.partition(f"{tmp_path}: ")[2] for message in caught.value.messages] == [
        "10:30.jpg: Hadoop allows no colon in a path; rename it",
        "album: is no file (a link to a folder or to nothing, a device); remove it",
        "link.jpg: is no file (a link to a folder or to nothing, a device); remove it",
    ]


def test_user_folder_with_a_name_that_is_not_utf8(tmp_path: Path):
    (tmp_path / "f\udce9e.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="the name is not UTF-8; rename it"):
        check_user_folder(tmp_path)
