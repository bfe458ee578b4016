"""What a cluster can read, and how files get there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_fakes import FakeEngine

from cluster_app.contract.job import Job
from experiments.cluster import staging, state
from experiments.cluster.staging import check_readable, local_path
from experiments.errors import UserError
from experiments.topology import load_topology

STANDALONE, YARN = load_topology("standalone"), load_topology("yarn")
ON_SHARE = Job(
    input="file:/srv/in/photos",
    output="file:/srv/out/run",
    model="file:/srv/in/model/fp32.xml",
    priors="file:/srv/in/model/priors.npy",
    engine="bigdl",
    precision="f32",
    image_size=192,
)
IN_HDFS = replace(
    ON_SHARE,
    input="hdfs:/staged/photos",
    output="hdfs:/demo/run",
    model="hdfs:///staged/model/fp32.xml",
    priors="hdfs://master:8020/staged/model/priors.npy",
)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:/srv/in/a", "/srv/in/a"),
        ("file:///srv/in/a", "/srv/in/a"),
        ("hdfs:/a/b", "/a/b"),
        ("hdfs:///a/b", "/a/b"),
        ("hdfs://master:8020/a/b", "/a/b"),
        ("hdfs://master:8020", "/"),
        ("file:/home/me/my%20photos", "/home/me/my%20photos"),
    ],
)
def test_the_path_of_a_uri(uri: str, path: str) -> None:
    assert local_path(uri) == path


def test_a_path_of_this_host_survives_its_uri(tmp_path: Path) -> None:
    path = tmp_path / "100% photos (1)#é"
    path.mkdir()
    assert staging._on_host(path.as_uri()) == path
    assert staging._on_host(f"file:{path}") == path


def test_what_the_nodes_share_is_readable() -> None:
    check_readable(STANDALONE, ON_SHARE)
    check_readable(STANDALONE, replace(ON_SHARE, input="file:/srv/out/earlier"))
    check_readable(load_topology("local"), ON_SHARE)
    check_readable(YARN, IN_HDFS)


def test_all_that_cannot_be_read_is_said_at_once() -> None:
    job = replace(ON_SHARE, input="file:/home/me/photos", output="file:/srv/in/run", priors="hdfs:/a/priors.npy")
    with pytest.raises(UserError) as caught:
        check_readable(STANDALONE, job)
    assert [message.split(":")[0] for message in caught.value.messages] == ["input", "priors", "output"]
    reading, priors, output = caught.value.messages
    assert "nodes see only /srv/in and /srv/out" in reading
    assert "--stage" in reading
    assert "standalone has no HDFS" in priors
    assert "--stage" not in output


def test_on_yarn_only_hdfs_is_shared() -> None:
    with pytest.raises(UserError) as caught:
        check_readable(YARN, ON_SHARE)
    assert len(caught.value.messages) == 4
    assert all("share HDFS only" in message for message in caught.value.messages)


@pytest.mark.parametrize("uri", ["file:/srv/input/photos", "file:/srv/in-2/photos", "file:/tmp/srv/in/photos"])
def test_a_folder_that_only_looks_shared(uri: str) -> None:
    with pytest.raises(UserError, match="nodes see only"):
        check_readable(STANDALONE, replace(ON_SHARE, input=uri))


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose files are on this host, and a cluster's share in a folder of the test's."""
    monkeypatch.setattr(state, "CLUSTERS", tmp_path / "clusters")
    monkeypatch.setattr(staging, "Engine", FakeEngine)
    photos, model = tmp_path / "my photos", tmp_path / "model"
    (photos / "deep").mkdir(parents=True)
    (photos / "deep" / "a.jpg").write_bytes(b"a")
    model.mkdir()
    for name in ("fp32.xml", "fp32.bin", "priors.npy"):
        (model / name).write_text(name)
    (tmp_path / "clusters" / "standalone" / "share" / "in").mkdir(parents=True)
    return replace(
        ON_SHARE,
        input=photos.as_uri(),
        model=(model / "fp32.xml").as_uri(),
        priors=(model / "priors.npy").as_uri(),
    )


def test_staging_rewrites_uris_and_nothing_else(mine: Job, tmp_path: Path) -> None:
    staged = staging.stage(STANDALONE, mine, lambda _: None)
    assert replace(staged, input=mine.input, model=mine.model, priors=mine.priors) == mine
    check_readable(STANDALONE, staged)
    share = tmp_path / "clusters" / "standalone" / "share"

    def content(uri: str) -> Path:
        return share / "in" / Path(local_path(uri)).relative_to("/srv/in")

    assert (content(staged.input) / "deep" / "a.jpg").read_bytes() == b"a"
    assert content(staged.input).name == "my photos"
    assert content(staged.model).read_text() == "fp32.xml"
    assert content(staged.model).with_suffix(".bin").read_text() == "fp32.bin"
    assert content(staged.priors).read_text() == "priors.npy"
    assert not list((share / "in").glob(".*"))


def test_the_same_files_are_staged_once_and_changed_ones_again(mine: Job, tmp_path: Path) -> None:
    first = staging.stage(STANDALONE, mine, lambda _: None)
    assert staging.stage(STANDALONE, mine, lambda _: None) == first
    (tmp_path / "my photos" / "b.jpg").write_bytes(b"b")
    second = staging.stage(STANDALONE, mine, lambda _: None)
    assert second.input != first.input
    assert second.model == first.model


@pytest.mark.parametrize("key", ["input", "model", "priors"])
def test_a_path_that_is_not_here_is_named(mine: Job, key: str) -> None:
    with pytest.raises(UserError, match=f"{key}: /nowhere/x.xml: there is no such path"):
        staging.stage(STANDALONE, replace(mine, **{key: "file:/nowhere/x.xml"}), lambda _: None)  # type: ignore[arg-type]


def test_only_local_paths_are_staged(mine: Job, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--stage uploads local paths"):
        staging.stage(STANDALONE, replace(mine, input=f"hdfs:{tmp_path}"), lambda _: None)


def test_a_fingerprint_follows_names_sizes_and_times(tmp_path: Path) -> None:
    file = tmp_path / "photos" / "a.jpg"
    file.parent.mkdir()
    file.write_bytes(b"a")
    os.utime(file, ns=(1, 1))
    os.utime(file.parent, ns=(1, 1))
    seen = [staging._fingerprint([file.parent])]
    assert staging._fingerprint([file.parent]) == seen[0]
    file.write_bytes(b"ab")
    os.utime(file, ns=(1, 1))
    seen.append(staging._fingerprint([file.parent]))
    os.utime(file, ns=(1, 2))
    seen.append(staging._fingerprint([file.parent]))
    file.rename(file.with_name("b.jpg"))
    os.utime(file.parent, ns=(1, 1))
    seen.append(staging._fingerprint([file.parent]))
    assert len(set(seen)) == 4


def test_a_finished_output_is_copied_over_an_older_one(mine: Job, tmp_path: Path) -> None:
    made = tmp_path / "clusters" / "standalone" / "share" / "out" / "deep" / "run"
    made.mkdir(parents=True)
    (made / "_SUCCESS").touch()
    target = tmp_path / "results" / "output"
    target.mkdir(parents=True)
    (target / "older").touch()
    staging.fetch_output(STANDALONE, replace(mine, output="file:/srv/out/deep/run/"), target)
    assert [path.name for path in target.iterdir()] == ["_SUCCESS"]


def test_what_was_half_written_is_removed_on_the_driver() -> None:
    engine = FakeEngine()
    staging.remove_partial(engine, STANDALONE, ON_SHARE)  # type: ignore[arg-type]
    assert engine.calls == [("exec", "clusterbed-standalone-master", "rm", "-rf", "/srv/out/.run.partial")]
