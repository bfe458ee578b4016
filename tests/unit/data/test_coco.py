"""COCO fetched from a server of this test's: whole, in parts, broken, wrong, and not at all."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from experiments import coco
from experiments.cli import app as program
from experiments.coco import Archive, Release, check, fetch
from experiments.errors import HostError, RunFailed, UserError

NAMES = ("000000000139.jpg", "000000000285.jpg")


def zipped(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return held.getvalue()


def annotations(names: tuple[str, ...] = NAMES, number: int = 3) -> bytes:
    images = [{"id": index, "file_name": name} for index, name in enumerate(names)]
    content = {"images": images, "annotations": [{"id": one} for one in range(number)], "categories": [{"id": 1}]}
    return json.dumps(content).encode()


class Server:
    """Serves archives by path. parts: whether it answers ranges; break_after: bytes after which it hangs up, once."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.parts, self.break_after = files, True, 0
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.asked.append((request.path, asked))
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        begin = 0
        if asked and self.parts and (match := re.fullmatch(r"bytes=(\d+)-", asked)):
            begin = int(match[1])
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        if self.break_after:
            request.wfile.write(content[begin : begin + self.break_after])
            self.break_after = 0
            return
        request.wfile.write(content[begin:])


@pytest.fixture
def server() -> Iterator[Server]:
    images = zipped(**{f"val2017__{name}": name.encode() * 100 for name in NAMES})
    both = zipped(annotations__instances_val2017=b"", annotations__captions=b"x", **{coco.ANNOTATIONS: annotations()})
    made = Server({"/zips/val2017.zip": images, "/annotations/annotations_trainval2017.zip": both})
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def release(server: Server) -> Release:
    archives = tuple(
        Archive(
            one.path,
            len(server.files[f"/{one.path}"]),
            hashlib.sha256(server.files[f"/{one.path}"]).hexdigest(),
            one.keeps,
        )
        for one in coco.VAL2017.archives
    )
    return Release(archives, images=2, annotations=3, categories=1, server=server.url)


def quiet(_: str) -> None:
    pass


def test_images_and_annotations_lie_as_in_cocos_own_layout(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "coco", quiet, release(server))
    left = sorted(path.relative_to(tmp_path / "coco").as_posix() for path in (tmp_path / "coco").rglob("*.*"))
    assert left == ["annotations/instances_val2017.json", *(f"val2017/{name}" for name in NAMES)]
    assert (tmp_path / "coco" / "val2017" / NAMES[0]).read_bytes() == NAMES[0].encode() * 100
    before = len(server.asked)
    fetch(tmp_path / "coco", quiet, release(server))
    assert len(server.asked) == before


def test_what_came_before_an_interruption_is_kept(server: Server, tmp_path: Path) -> None:
    whole = server.files["/zips/val2017.zip"]
    (tmp_path / "val2017.zip.partial").write_bytes(whole[:50])
    fetch(tmp_path, quiet, release(server))
    assert server.asked[0] == ("/zips/val2017.zip", "bytes=50-")
    check(tmp_path, release(server))


def test_a_server_without_parts_begins_anew(server: Server, tmp_path: Path) -> None:
    server.parts = False
    (tmp_path / "val2017.zip.partial").write_bytes(b"x" * 50)
    fetch(tmp_path, quiet, release(server))
    check(tmp_path, release(server))


def test_a_connection_that_breaks_is_gone_on_with(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco, "_CHUNK", 20)
    server.break_after = 60
    said: list[str] = []
    fetch(tmp_path, said.append, release(server))
    assert server.asked[1] == ("/zips/val2017.zip", "bytes=60-")
    assert any("the connection broke" in line for line in said)


def test_an_archive_that_is_not_the_published_one_is_set_aside(server: Server, tmp_path: Path) -> None:
    wanted = release(server)
    server.files["/zips/val2017.zip"] = b"y" * wanted.archives[0].bytes
    with pytest.raises(RunFailed, match=r"val2017\.zip: \d+ bytes with the SHA-256 .*; published are"):
        fetch(tmp_path, quiet, wanted)
    assert not (tmp_path / "val2017").exists()
    assert (tmp_path / "val2017.zip.wrong").exists()


def test_archives_put_there_by_hand_are_taken_without_a_network(server: Server, tmp_path: Path) -> None:
    wanted = release(server)
    for archive in wanted.archives:
        (tmp_path / archive.name).write_bytes(server.files[f"/{archive.path}"])
    fetch(tmp_path, quiet, replace(wanted, server="http://127.0.0.1:9"))
    check(tmp_path, wanted)
    assert server.asked == []


def test_without_a_network_the_message_says_how_to_do_it_by_hand(server: Server, tmp_path: Path) -> None:
    with pytest.raises(HostError) as raised:
        fetch(tmp_path, quiet, replace(release(server), server="http://127.0.0.1:9"))
    (message,) = raised.value.messages
    for part in ("zips/val2017.zip", "annotations_trainval2017.zip", str(tmp_path), "input.coco", "ConnectionError"):
        assert part in message


def test_a_file_that_the_server_lacks_is_status_3(server: Server, tmp_path: Path) -> None:
    wanted = release(server)
    del server.files["/zips/val2017.zip"]
    with pytest.raises(HostError, match="HTTPError"):
        fetch(tmp_path, quiet, wanted)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is no COCO annotation file"),
        (b'{"images": []}', "is no COCO annotation file"),
        (annotations(number=2), "holds 2 annotations, 3 are published"),
        (annotations((*NAMES, "x.jpg")), "1 of 3 images are missing, the first x.jpg"),
    ],
)
def test_a_folder_that_does_not_hold_the_data_set_is_refused(
    server: Server, tmp_path: Path, content: bytes, said: str
) -> None:
    fetch(tmp_path, quiet, release(server))
    (tmp_path / coco.ANNOTATIONS).write_bytes(content)
    with pytest.raises(UserError, match=said):
        fetch(tmp_path, quiet, release(server))


def test_a_disk_that_is_too_small_is_said_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(HostError, match="0 MB are free; give another place with --folder"):
        fetch(tmp_path, quiet, release(server))
    assert server.asked == []


def test_the_command(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = release(server)
    monkeypatch.setattr(coco, "VAL2017", made)
    monkeypatch.setattr(coco.fetch, "__defaults__", (made,))

    def clusterbed(*words: str) -> int:
        return program.guarded(lambda: program.app(list(words), standalone_mode=False))

    assert clusterbed("data", "coco", "--folder", str(tmp_path / "coco")) == 0
    assert capsys.readouterr().out.startswith("data: ok, 2 images in ")
    assert clusterbed("data", "imagenet") == 2
