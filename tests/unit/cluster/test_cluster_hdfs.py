"""WebHDFS as this host speaks it: what is asked, where it goes, and what a refusal says. No network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from experiments.cluster.hdfs import Hdfs
from experiments.errors import RunFailed

PORTS = {"master": {9870: 40001, 9864: 40002}, "slave-1": {9864: 40003}}


def answer(status: int = 200, json: object = None, content: bytes = b"") -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = requests.compat.json.dumps(json).encode() if json is not None else content
    return made


def refused(status: int, message: str) -> requests.Response:
    body = {"exception": "AccessControlException", "javaClassName": "org.apache.hadoop.X", "message": message}
    return answer(status, {"RemoteException": body})


class Session:
    """Gives prepared answers by WebHDFS operation, or by address; keeps what was asked."""

    def __init__(self, **answers: requests.Response | list[requests.Response]) -> None:
        self.answers = {name: one if isinstance(one, list) else [one] for name, one in answers.items()}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.sent: dict[str, bytes] = {}
        self.blocks: dict[str, bytes] = {}

    def request(
        self, method: str, address: str, *, timeout: float, params: dict[str, Any] | None = None, data: Any = None
    ) -> requests.Response:
        assert timeout > 0
        if params is None:
            return self._block(address, data)
        self.asked.append((method, address, params))
        waiting = self.answers[params["op"]]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def _block(self, address: str, data: Any) -> requests.Response:
        if data is None:
            return answer(content=self.blocks[address])
        self.sent[address] = data.read()
        return self.answers.get("data", [answer(201)])[0]


def hdfs(session: Session) -> Hdfs:
    files = Hdfs("master", PORTS)
    assert files._session.trust_env is False
    files._session = session  # type: ignore[assignment]
    return files


def test_whether_a_path_is_there() -> None:
    session = Session(GETFILESTATUS=[answer(200, {"FileStatus": {}}), refused(404, "File does not exist: /b")])
    files = hdfs(session)
    assert files.exists("/a folder/100%")
    assert not files.exists("/b")
    method, address, parameters = session.asked[0]
    assert (method, address) == ("GET", "http://127.0.0.1:40001/webhdfs/v1/a%20folder/100%25")
    assert parameters == {"op": "GETFILESTATUS", "user.name": "cluster"}


def test_a_path_that_may_not_be_seen_is_no_absent_one() -> None:
    with pytest.raises(RunFailed, match=r"hdfs:/a: status 403: Permission denied: user=cluster$"):
        hdfs(Session(GETFILESTATUS=refused(403, "Permission denied: user=cluster\n\tat org.apache.X"))).exists("/a")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (answer(500, content=b"<html>broken</html>"), "<html>broken"),
        (answer(500, {"other": 1}), "other"),
        (refused(500, ""), "status 500"),
    ],
)
def test_a_refusal_in_another_form(made: requests.Response, said: str) -> None:
    with pytest.raises(RunFailed, match=said):
        hdfs(Session(MKDIRS=made)).mkdirs("/a")


def test_renaming_and_deleting() -> None:
    session = Session(
        RENAME=[answer(json={"boolean": True}), answer(json={"boolean": False})],
        DELETE=[answer(json={"boolean": True}), answer(json={"boolean": False})],
    )
    files = hdfs(session)
    files.rename("/a", "/b c")
    assert session.asked[-1][0] == "PUT"
    assert session.asked[-1][2]["destination"] == "/b c"
    with pytest.raises(RunFailed, match="hdfs:/a: could not be renamed to /b"):
        files.rename("/a", "/b")
    assert files.delete("/a") is True
    assert files.delete("/a") is False
    assert session.asked[-1][0] == "DELETE"
    assert session.asked[-1][2]["recursive"] == "true"


def place(node: str, path: str) -> requests.Response:
    return answer(json={"Location": f"http://{node}:9864/webhdfs/v1{path}?op=CREATE&namenoderpcaddress=master:8020"})


def outside(port: int, path: str) -> str:
    return f"http://127.0.0.1:{port}/webhdfs/v1{path}?op=CREATE&namenoderpcaddress=master:8020"


def test_a_file_goes_to_the_datanode_through_this_hosts_port(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"pixels")
    session = Session(CREATE=place("slave-1", "/in/a.jpg"))
    hdfs(session).put(file, "/in/a.jpg")
    assert session.sent == {outside(40003, "/in/a.jpg"): b"pixels"}
    assert session.asked[0][2]["noredirect"] == "true"


def test_a_folder_goes_with_all_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.jpg").write_bytes(b"b")
    (tmp_path / "a.jpg").write_bytes(b"a")
    session = Session(CREATE=[place("master", "/in/a.jpg"), place("slave-1", "/in/deep/b.jpg")])
    hdfs(session).put(tmp_path, "/in")
    assert [address.rsplit("/v1", 1)[1] for _, address, _ in session.asked] == ["/in/a.jpg", "/in/deep/b.jpg"]
    assert session.sent == {outside(40002, "/in/a.jpg"): b"a", outside(40003, "/in/deep/b.jpg"): b"b"}


def test_a_datanode_that_refuses_is_heard(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"pixels")
    session = Session(CREATE=place("slave-1", "/in/a.jpg"), data=refused(403, "no space"))
    with pytest.raises(RunFailed, match=r"hdfs:/in/a\.jpg: status 403: no space"):
        hdfs(session).put(file, "/in/a.jpg")


def test_a_datanode_that_is_not_published_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.touch()
    with pytest.raises(RunFailed, match="slave-2:9864 is not published"):
        hdfs(Session(CREATE=place("slave-2", "/in/a.jpg"))).put(file, "/in/a.jpg")


def listing(**kinds: str) -> requests.Response:
    entries = [{"pathSuffix": name, "type": kind} for name, kind in kinds.items()]
    return answer(json={"FileStatuses": {"FileStatus": entries}})


def test_a_folder_comes_home_with_all_in_it(tmp_path: Path) -> None:
    session = Session(
        LISTSTATUS=[listing(_SUCCESS="FILE", overlays="DIRECTORY"), listing(a="FILE")],
        OPEN=[place("master", "/out/_SUCCESS"), place("slave-1", "/out/overlays/a")],
    )
    session.blocks = {outside(40002, "/out/_SUCCESS"): b"", outside(40003, "/out/overlays/a"): b"png"}
    hdfs(session).get("/out", tmp_path / "home")
    assert (tmp_path / "home" / "_SUCCESS").read_bytes() == b""
    assert (tmp_path / "home" / "overlays" / "a").read_bytes() == b"png"


def test_one_file_comes_home_under_the_name_asked_for(tmp_path: Path) -> None:
    session = Session(LISTSTATUS=listing(**{"": "FILE"}), OPEN=place("master", "/out/a"))
    session.blocks = {outside(40002, "/out/a"): b"a"}
    hdfs(session).get("/out/a", tmp_path / "new" / "b")
    assert (tmp_path / "new" / "b").read_bytes() == b"a"
