"""The seam over real clusters: up, a job with all its evidence, down."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet

from cluster_app.contract.job import Job
from experiments import isa
from experiments.cluster import lifecycle, staging, state
from experiments.cluster.submit import Submitted, submit
from experiments.cluster.submit import settings as settings_of
from experiments.engine_settings import EngineSetting, setting
from experiments.errors import RunFailed
from experiments.eventlog import Application, event_logs, read_event_log
from experiments.host import capacity, images, models, paths
from experiments.host.engine import Engine
from experiments.matrix import clusters
from experiments.matrix.plan import Plan, PlannedCell
from experiments.matrix.settings import MODELS, TRAINED, job_keys, job_of
from experiments.matrix.types import Settings
from experiments.profiles import load_profiles
from experiments.render import image as node_image
from experiments.runner import artefacts, environment, evidence, inputs, nodes, steady
from experiments.runner.artefacts import FILES, application_digest, made_from, submission_digest
from experiments.runner.evidence import Times
from experiments.runner.inputs import Inputs
from experiments.runner.instructions import reached
from experiments.runner.samples import Sampler
from experiments.runner.seam import Outcome, TimedOut
from experiments.runner.verdict import Ran, Row, invalid
from experiments.store.packing import EVENTS, LOGS, SAMPLES, TASKS
from experiments.topology import load_topology
from experiments.types import ClusterSpec

Say = Callable[[str], None]

_OUTPUTS = {"yarn": "hdfs:/runs"}
# The job's own clock ends a moment after the limit that it was given.
_GRACE = 2.0


class Clusters:
    """Trials that are Spark jobs on clusters of this project. `folder` is the run's."""

    def __init__(self, plan: Plan, folder: Path, say: Say) -> None:
        self._plan, self._folder, self._say = plan, folder, say
        self._up: ClusterSpec | None = None
        self._state: state.State | None = None
        self._source = cache(lambda: inputs.source(plan.preset, say))
        self._model = cache(artefacts.model)
        self._fingerprints = cache(images.fingerprints)
        self._inputs = cache(lambda count, side: inputs.prepare(self._source(), count, side))

    def environment(self) -> Mapping[str, Any]:
        used = {name for one in self._plan.runnable if one.cluster for name in _images(one.cluster)}
        yarn = any(one.cluster and one.cluster.manager == "yarn" for one in self._plan.runnable)
        images.require_current(Engine(), used, packed=yarn)
        return {**environment.describe(), "also_up": environment.beside(self._ours(), self._say)}

    def content(self, planned: PlannedCell) -> Mapping[str, Any]:
        settings, given, spec = planned.cell.settings, self._given(planned), planned.cluster
        assert spec is not None
        model, weights = self._folder_of(settings), str(settings["weights"])
        setting_name = settings.get("engine_setting")
        chosen = setting(str(setting_name)) if setting_name is not None else None
        job = chosen.applied(job_of(settings), spec) if chosen else job_of(settings)
        profiles, flags = load_profiles(), capacity.measure(paths.ROOT).cpu_flags
        named = [node.profile for node in spec.nodes if node.profile]
        return {
            "model": {"name": model.folder.name, "file": FILES[weights], "made_from": made_from(model)},
            "input": {"source": given.source, "images": len(given.files), "digest": given.digest},
            "engine_setting": _told(chosen) if chosen else None,
            "application": application_digest(),
            "spark": settings_of(spec, job, chosen.spark if chosen else {}),
            "isa": {node.name: dict(isa.environment(node.isa)) for node in spec.nodes},
            "instructions": {node.name: reached(node.isa, flags) for node in spec.nodes},
            "single_thread": {name: profiles[name].single_thread for name in named},
            "submission": submission_digest(),
            "node_images": {name: self._fingerprints()[name] for name in sorted(_images(spec))},
        }

    def steady(self) -> Mapping[str, Any]:
        return asdict(steady.wait(self._say))

    def up(self, planned: PlannedCell) -> Mapping[str, Any]:
        spec = self._written(planned)
        try:
            ready = lifecycle.up(spec, self._say)
        except RunFailed:
            # Where `up` leaves the logs of a cluster that did not come up, until the next one does not.
            kept = paths.LOGS / f"failed-{spec.name}"
            if kept.is_dir():
                when = time.strftime("%Y%m%d-%H%M%S")
                shutil.copytree(kept, self._folder / LOGS / f"boot-{spec.name}-{when}", dirs_exist_ok=True)
            raise
        self._up, self._state = spec, ready
        return {
            "registered_seconds": ready.registered_seconds,
            "canary_seconds": ready.canary_seconds,
            "ready_seconds": ready.ready_seconds,
            "quotas": {name: limits.cpus for name, limits in ready.measured.items()},
            "cpusets": {name: limits.cpuset for name, limits in ready.measured.items()},
            "memory_mb": {name: limits.memory_mb for name, limits in ready.measured.items()},
            "calibration": ready.calibration,
        }

    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        spec, given = self._running(), self._given(planned)
        began = time.monotonic()
        job = staging.stage(spec, self._job(planned, given, trial), self._say)
        upload = time.monotonic() - began
        scratch = self._folder / ".trial"
        shutil.rmtree(scratch, ignore_errors=True)
        submitted = time.time()
        sampler, host = Sampler(nodes.pids(spec.name)), steady.Elsewhere()
        try:
            with sampler, host:
                done = self._submitted(planned, spec, job, scratch)
            staging.fetch_output(spec, job, scratch / "output")
            # What is shipped to a new YARN cluster goes before the submission: it has a phase of its own.
            begun = submitted + (done.ship_environment_seconds or 0.0)
            times = Times(begun, done.submit_seconds, upload, done.ship_environment_seconds)
            elsewhere = host.cores(sum(one.cpu_s for one in sampler.used().values()))
            outcome = self._outcome(planned, given, done, times, sampler, trial)
        finally:
            lost = self._keep(spec, scratch, trial, sampler)
        return Outcome({**outcome.evidence, "cores_elsewhere": elsewhere, "evidence_lost": lost}, outcome.invalid)

    def down(self) -> Mapping[str, Any]:
        if self._up is None:
            return {}
        name, self._up, self._state = self._up.name, None, None
        begin = time.monotonic()
        lifecycle.down(name, self._say)
        return {"tear_down_seconds": round(time.monotonic() - begin, 2)}

    def clear(self) -> None:
        """By name, so that it also finds what a session before this one left when it was killed."""
        self._up = self._state = None
        engine = Engine()
        there = {*engine.clusters(), *(net.removeprefix("clusterbed-") for net in engine.networks())}
        for name in sorted(self._ours() & there):
            lifecycle.down(name, self._say)

    def _ours(self) -> set[str]:
        """Names of the run's clusters, also of those that it had in earlier plans."""
        planned = {one.cluster.name for one in self._plan.runnable if one.cluster}
        return planned | {path.stem for path in (self._folder / "topologies").glob("*.toml")}

    def able(self) -> None:
        environment.able()

    def _running(self) -> ClusterSpec:
        if self._up is None:
            raise RunFailed("no cluster is up")
        return self._up

    def _written(self, planned: PlannedCell) -> ClusterSpec:
        """The cell's cluster as a topology file of the run, and as read from it."""
        assert planned.cluster is not None
        path = self._folder / "topologies" / f"{planned.cluster.name}.toml"
        path.parent.mkdir(exist_ok=True)
        comment = f"{Path(planned.cluster.source).name} at {planned.share} of a host core for a paper core, as run."
        path.write_text(clusters.to_toml(planned.cluster, comment))
        return load_topology(str(path))

    def _given(self, planned: PlannedCell) -> Inputs:
        settings = planned.cell.settings
        return self._inputs(settings["images"], settings.get("image_side"))

    def _folder_of(self, settings: Settings) -> models.Model:
        name = str(settings["model"])
        size = int(str(settings.get("image_size") or MODELS[name]))
        return self._model(name, size, settings["weights"] == "INT8", self._say)

    def _job(self, planned: PlannedCell, given: Inputs, trial: str) -> Job:
        settings, spec = planned.cell.settings, self._running()
        folder = self._folder_of(settings).folder
        keys: dict[str, Any] = job_keys(settings)
        job = Job(
            input=given.folder.as_uri(),
            output=f"{_OUTPUTS.get(spec.manager, 'file:/srv/out')}/{trial}",
            model=(folder / FILES[str(settings["weights"])]).as_uri(),
            priors=(folder / "priors.npy").as_uri(),
            **keys,
        )
        named = settings.get("engine_setting")
        return setting(str(named)).applied(job, spec) if named is not None else job

    def _submitted(self, planned: PlannedCell, spec: ClusterSpec, job: Job, scratch: Path) -> Submitted:
        begin = time.monotonic()
        try:
            return submit(spec, job, scratch, self._say, timeout=planned.timeout, conf=_conf(planned))
        except RunFailed as error:
            if time.monotonic() - begin >= planned.timeout - _GRACE:
                raise TimedOut(*error.messages) from None
            raise

    def _outcome(
        self, planned: PlannedCell, given: Inputs, done: Submitted, times: Times, sampler: Sampler, trial: str
    ) -> Outcome:
        spec, known = self._running(), self._state
        assert known is not None
        (path,) = event_logs(done.event_log)
        log = read_event_log(path)
        self._keep_tasks(log, trial)
        rows = _rows(done.event_log.parent / "output")
        used = sampler.used()
        ran = Ran(
            spec=spec,
            job=done.job,
            result=done.result,
            storage=str(planned.cell.settings["weights"]),
            rows=rows,
            files=given.files,
            holding=given.holding if planned.cell.settings["model"] in TRAINED else (),
            quotas={one.node: one.limits.cpus for one in Engine().containers(spec.name)},
            wanted_quotas={node: limits.cpus or 0.0 for node, limits in known.measured.items()},
            oom_kills={node: one.oom_kills for node, one in used.items()},
            lost=[task.reason or "" for task in log.tasks if task.failed],
            task_cores=int(_conf(planned).get("spark.task.cpus", done.job.threads_per_task)),
        )
        return Outcome(
            {
                **evidence.record(spec, done.result, log, times),
                "used": {node: asdict(one) for node, one in used.items()},
                "sampler": {"share": round(sampler.share, 5), "problems": sampler.problems},
                "detections": done.result.counts.detections,
                "source": given.source,
                "job": json.loads(done.job.to_json()),
                "result": json.loads(done.result.to_json()),
            },
            invalid(ran),
        )

    def _keep_tasks(self, log: Application, trial: str) -> None:
        path = self._folder / TASKS / f"{trial}.json"
        path.parent.mkdir(exist_ok=True)
        executors = [asdict(one) for one in log.executors]
        content = {"schema": 1, "application": log.app_id, "start_time": log.start_time, "executors": executors}
        path.write_text(json.dumps({**content, "tasks": [asdict(task) for task in log.tasks]}) + "\n")

    def _keep(self, spec: ClusterSpec, scratch: Path, trial: str, sampler: Sampler) -> str | None:
        """Moves a trial's raw evidence to where it stays, and removes its output from the cluster. Never raises; says
        why something was lost.
        """
        lost = None
        logs = self._folder / LOGS / trial
        logs.mkdir(parents=True, exist_ok=True)
        try:
            sampler.save(self._folder / SAMPLES / f"{trial}.jsonl")
            if (scratch / "driver.log").exists():
                (scratch / "driver.log").replace(logs / f"{spec.driver.name}-driver.log")
            if (scratch / "events").exists():
                shutil.rmtree(self._folder / EVENTS / trial, ignore_errors=True)
                (self._folder / EVENTS).mkdir(exist_ok=True)
                (scratch / "events").rename(self._folder / EVENTS / trial)
            # Both are waits for the engine, and stand between trials.
            with ThreadPoolExecutor(max_workers=1) as pool:
                output = f"{_OUTPUTS.get(spec.manager, 'file:/srv/out')}/{trial}"
                removed = pool.submit(nodes.remove_output, spec, output)
                nodes.role_logs(spec, logs)
                removed.result()
        except Exception as error:  # whatever it is, it must not take the place of what ended the trial
            lost = f"{type(error).__name__}: {error}"
            self._say(f"{trial}: its evidence could not be kept whole: {lost}")
        shutil.rmtree(scratch, ignore_errors=True)
        return lost


def _conf(planned: PlannedCell) -> Mapping[str, str]:
    """Spark's settings that the cell's engine setting has beside those of every job."""
    named = planned.cell.settings.get("engine_setting")
    return setting(str(named)).spark if named is not None else {}


def _told(chosen: EngineSetting) -> dict[str, Any]:
    """Of an engine setting, what a cell's content holds. One partition a slot, or Spark's own number, is not told: so
    what was measured before this was told stays as it was.
    """
    partitions = chosen.partitions_per_slot or 1
    told = {"partitions_per_slot": partitions} if partitions != 1 else {}
    return {"job": dict(chosen.job), "spark": dict(chosen.spark), **told}


def _images(spec: ClusterSpec) -> set[str]:
    """Names of the images that its nodes are started from."""
    return {node_image(spec, node).split("/")[1].split(":")[0] for node in spec.nodes}


def _rows(output: Path) -> list[Row]:
    # The folder also holds the result: only the Parquet files are rows.
    table = pyarrow.parquet.read_table(sorted(output.glob("*.parquet")), columns=["image", "status", "detections"])
    return [Row(row["image"], row["status"], len(row["detections"] or ())) for row in table.to_pylist()]
