"""Netron's refusals; that it serves a graph is seen with Docker."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from experiments.errors import HostError, UserError
from experiments.host import netron


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.onnx", r"MODEL=.*nowhere\.onnx: there is no such file"),
        ("notes.txt", r"is no model file; allowed"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=message):
        netron.serve(tmp_path / name, netron.DEFAULT_PORT, print)


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netron, "Engine", lambda: pytest.fail("asked the engine"))
    (tmp_path / "model.onnx").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HostError, match=rf"127\.0\.0\.1:{port} cannot be had .* PORT=number"):
            netron.serve(tmp_path / "model.onnx", port, print)
