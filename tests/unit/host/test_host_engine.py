"""What the engine's own messages become, and what is read of a container."""

from __future__ import annotations

import pytest
from docker.errors import DockerException

from experiments.errors import HostError
from experiments.host.command import CommandFailed
from experiments.host.engine import Limits, NoEngine, _container, _explained, _reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", "group docker"),
        ("('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", "does not exist"),
        ("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))", "refuses connections"),
        ("something else\nand more", "something else"),
    ],
)
def test_why_no_engine_answers(text: str, said: str) -> None:
    reason = _reason(DockerException(f"Error while fetching server API version: {text}"))
    assert said in reason
    assert "\n" not in reason
    error = NoEngine(reason)
    assert error.exit_status == 3
    assert "doctor --fix" in str(error)


def failed(stderr: str) -> CommandFailed:
    return CommandFailed(["docker", "compose", "up"], 1, "", stderr, "standalone")


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("Container m Starting\nBind for 127.0.0.1:8080 failed: port is already allocated\n", "`ports`"),
        ("listen tcp 127.0.0.1:8080: bind: address already in use", "`ports`"),
        ("Error response from daemon: No such image: clusterbed/spark:paper", "`make images`"),
        ("pull access denied for clusterbed/spark", "`make images`"),
        ("write /var/lib/docker/x: no space left on device", "`make clean`"),
    ],
)
def test_what_the_host_lacks_is_explained(stderr: str, said: str) -> None:
    error = _explained(failed(stderr))
    assert isinstance(error, HostError)
    assert said in str(error)
    assert stderr.strip().splitlines()[-1] in str(error)
    assert str(error).startswith("standalone: ")


@pytest.mark.parametrize("stderr", ["", "network clusterbed-standalone is ambiguous"])
def test_another_failure_stays_as_it_is(stderr: str) -> None:
    error = failed(stderr)
    assert _explained(error) is error


def attributes(**host: object) -> dict[str, object]:
    labels = {"org.clusterbed.cluster": "standalone", "org.clusterbed.node": "master", "org.clusterbed.roles": "driver"}
    published = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}], "7077/tcp": None}
    return {
        "Id": "abc",
        "Name": "/clusterbed-standalone-master",
        "Config": {"Labels": labels},
        "State": {"Status": "running"},
        "NetworkSettings": {"Ports": published},
        "HostConfig": host,
    }


def test_what_is_read_of_a_container() -> None:
    one = _container(attributes(NanoCpus=340_000_000, Memory=3 * 2**30, CpusetCpus="0,1"))
    assert (one.id, one.name, one.cluster, one.node, one.roles, one.state) == (
        "abc",
        "clusterbed-standalone-master",
        "standalone",
        "master",
        "driver",
        "running",
    )
    assert one.ports == {8080: 49153}
    assert one.limits == Limits(0.34, 3072, "0,1")


@pytest.mark.parametrize("host", [{}, {"NanoCpus": 0, "Memory": 0, "CpusetCpus": ""}])
def test_a_container_without_limits(host: dict[str, object]) -> None:
    assert _container(attributes(**host)).limits == Limits(None, 0, "")
