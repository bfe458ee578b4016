"""Where the engines' figures are measured: nodes that stay up while sides take turns in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cluster_app.contract.job import Job
from experiments.cluster import lifecycle, staging, state
from experiments.cluster.interrupts import uninterrupted
from experiments.host import images
from experiments.host.engine import Engine, compose_up
from experiments.host.models import Model
from experiments.profiles import load_profiles
from experiments.render import compose_document, container_name, cpuset_variable, to_yaml
from experiments.shapes import read_toml
from experiments.topology import TOPOLOGIES, parse_topology
from experiments.types import ClusterSpec
from experiments.waiting import wait_until

Say = Callable[[str], None]

PREFIX = "bench-"
# Docker's own 64 MB of shared memory are too few for a peer's object store.
_SHARED_MEMORY = "1g"
_START_TIMEOUT = 30.0
# Of a node alone, in MB: BigDL's defaults hold several images of 550 pixels at once, more than `local` is made for.
_NODE_MEMORY, _HEAP, _OVERHEAD = 10240, 4096, 4096
# Photographs in the size of COCO's.
PHOTOGRAPHS = ("china.jpg", "flower.jpg", "rocket.jpg", "motorcycle/engine.jpg")
SMALL_PHOTOGRAPHS = ("coins-small.jpg",)


@dataclass(frozen=True)
class Bed:
    """Nodes that are up, and a folder of this host for what trials leave."""

    spec: ClusterSpec
    scratch: Path
    say: Say

    @property
    def driver(self) -> str:
        """The container that jobs are submitted from."""
        return container_name(self.spec.name, self.spec.driver.name)

    @property
    def out(self) -> Path:
        """The folder of this host that the nodes write to."""
        return state.share(self.spec.name) / "out"

    def job(self, model: Model, weights: str, folder: Path) -> Job:
        """A job over a folder of this host, staged; the engine's setting is applied to it. weights: the IR's name."""
        job = Job(
            input=folder.resolve().as_uri(),
            output="file:/srv/out/none",
            model=(model.folder / f"{weights}.xml").as_uri(),
            priors=(model.folder / "priors.npy").as_uri(),
            engine="fused",
            precision="f32",
            image_size=model.size,
        )
        return staging.stage(self.spec, job, lambda _: None)

    def lift_quotas(self) -> None:
        """Lets each node use its machine's cores, as while it boots."""
        cores = {node.name: self.spec.machine(node.machine).cores for node in self.spec.nodes}
        for one in Engine().containers(self.spec.name):
            Engine().set_cpus(one.id, cores[one.node])

    def put_quotas(self) -> None:
        """Puts the topology's quotas, calibrated, back in force."""
        known = state.load(self.spec.name)
        assert known is not None
        for one in Engine().containers(self.spec.name):
            cpus = known.measured[one.node].cpus
            assert cpus is not None
            Engine().set_cpus(one.id, cpus)


@contextmanager
def cluster(topology: str, scratch: Path, say: Say) -> Iterator[Bed]:
    """A shipped topology under a name of its own, brought up as by `clusterbed up`; taken down at the end."""
    bed = Bed(_spec(topology), scratch, say)
    lifecycle.down(bed.spec.name, lambda _: None)
    lifecycle.up(bed.spec, say)
    try:
        yield bed
    finally:
        with uninterrupted():
            lifecycle.down(bed.spec.name, say)


@contextmanager
def node(image: str, scratch: Path, say: Say) -> Iterator[Bed]:
    """The node of the topology `local`, from that image, its limits in force from the start, its memory larger."""
    bed = Bed(_roomier(replace(_spec("local"), name=f"{PREFIX}{image}")), scratch, say)
    engine = Engine()
    images.require(engine, {images.tag(image)})
    lifecycle.down(bed.spec.name, lambda _: None)
    try:
        _start_node(engine, bed, image)
        yield bed
    finally:
        with uninterrupted():
            lifecycle.down(bed.spec.name, say)


def _spec(topology: str) -> ClusterSpec:
    path = TOPOLOGIES / f"{topology}.toml"
    return parse_topology(read_toml(path), name=f"{PREFIX}{topology}", where=str(path), profiles=load_profiles())


def _roomier(spec: ClusterSpec) -> ClusterSpec:
    driver, executor = spec.driver, spec.executor
    executor = replace(executor, memory_mb=_HEAP, overhead_mb=_OVERHEAD)
    return replace(spec, nodes=(replace(driver, memory_mb=_NODE_MEMORY, executor=executor),))


def _start_node(engine: Engine, bed: Bed, image: str) -> None:
    spec = bed.spec
    state.prepare(spec.name)
    document = compose_document(spec)
    service = document["services"][spec.driver.name]
    document["services"][spec.driver.name] = {**service, "image": images.tag(image), "shm_size": _SHARED_MEMORY}
    path = state.folder(spec.name) / "compose.yml"
    path.write_text(to_yaml(document, spec.name))
    (machine,) = spec.machines
    cores = sorted(os.sched_getaffinity(0))[: machine.cores]
    variables = {
        "CLUSTERBED_SHARE": str(state.share(spec.name)),
        "CLUSTERBED_UID": str(os.getuid()),
        cpuset_variable(machine.name): ",".join(map(str, cores)),
    }
    compose_up(path, dict(os.environ) | variables, spec.name)

    def unready() -> str | None:
        # The supervisor is what the node's own program becomes when it has prepared everything.
        done = engine.exec(bed.driver, ["pgrep", "-x", "s6-svscan"], check=False)
        return None if done.status == 0 else "its supervisor"

    wait_until(unready, what=f"{spec.name} to start", timeout=_START_TIMEOUT)


def folder_of(photographs: Path, names: tuple[str, ...], count: int, target: Path) -> Path:
    """A new folder of `count` files: the named photographs again and again, numbered."""
    target.mkdir(parents=True)
    for number in range(count):
        source = photographs / names[number % len(names)]
        shutil.copyfile(source, target / f"{number:05d}-{source.name}")
    return target
