"""The settings in which engines are compared are jobs, and what is wrong with their file is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_app.contract.job import Job
from experiments.engine_settings import NAMES, SETTINGS_FILE, read_settings, setting
from experiments.errors import UserError
from experiments.topology import load_topology

JOB = Job("file:/srv/in/a", "file:/srv/out/b", "file:/srv/in/m.xml", "file:/srv/in/p.npy", "fused", "f32", 192, top_k=7)


@pytest.mark.parametrize("cluster", ["local", "standalone", "heterogeneous"])
@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_a_job_on_each_cluster(name: str, cluster: str) -> None:
    spec, one = load_topology(cluster), setting(name)
    job = one.applied(JOB, spec)
    assert job.engine == name.split("-")[0]
    assert job.top_k == 7
    assert 1 <= job.threads_per_task <= spec.executor.cores
    assert one.why.endswith(".")
    # Neither may be handicapped where it is not the library's own choice.
    assert (job.post_processing, job.reader, job.precision) == ("executors", "spark", "f32")


def test_what_depends_on_the_cluster() -> None:
    local = load_topology("local")
    defaults, tuned = setting("bigdl-defaults"), setting("bigdl-tuned")
    assert defaults.applied(JOB, local).threads_per_task == 2
    assert defaults.applied(JOB, local).read_partitions is None
    assert defaults.applied(JOB, local).batch_size == 4
    assert defaults.spark == {"spark.task.cpus": "1"}
    assert tuned.applied(JOB, local).read_partitions == 2
    assert tuned.applied(JOB, load_topology("standalone")).read_partitions == 3


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(UserError, match="'bigdl-tune': unknown; did you mean 'bigdl-tuned'"):
        setting("bigdl-tune")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[fused.job]", "[fused.jobs]", "fused.jobs = .*: unknown key; .*allowed: "),
        ("partitions_per_slot = 1", "partitions_per_slot = 0", "partitions_per_slot = 0: must be a whole number of 1"),
        ("batch_size = 4", "batchsize = 4", "bigdl-defaults.job.batchsize: is no key of a job file; did you mean"),
        ('\nthreads = "executor"', '\nthreads = "all"', 'bigdl-defaults.threads = "all": must be "executor"'),
        ('"spark.task.cpus" = "1"', '"spark.task.cpus" = 1', "must be a table of texts"),
        ("schema = 1", "schema = 2", "schema = 2: must be 1"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    path, text = tmp_path / "settings.toml", SETTINGS_FILE.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        read_settings(path)


def test_a_setting_that_makes_no_job_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS_FILE.read_text().replace("batch_size = 4", "batch_size = 0", 1))
    with pytest.raises(UserError, match=r"engine setting bigdl-defaults: batch_size = 0: must be a whole number"):
        read_settings(path)["bigdl-defaults"].applied(JOB, load_topology("local"))
