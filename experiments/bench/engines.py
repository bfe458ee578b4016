"""GROUP=engines: the two engines, the ceiling over them, other ways to do the same, and what each step between buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cluster_app.contract.job import Job
from experiments.agreement import agreement
from experiments.bench import bed, cluster_figures, model_figures, trials
from experiments.bench import engine_figures as figures
from experiments.bench.bed import PHOTOGRAPHS, SMALL_PHOTOGRAPHS, Bed
from experiments.bench.cluster_figures import FEW, MANY, ONE, SIX, SOLO
from experiments.bench.engine_figures import BARE, BARE_INT8, DEFAULTS, FUSED, FUSED_INT8, PANDAS_UDF, RAY, TUNED
from experiments.bench.model import calibration
from experiments.bench.rungs import FP32, INT8, RUNGS, changed, in_slices
from experiments.bench.trials import Trial
from experiments.bench.types import Bench, Group, Record, Step
from experiments.engine_settings import EngineSetting, setting
from experiments.host import images, models
from experiments.host.paths import ARTEFACTS
from experiments.photographs import collect

# What the figures can depend on: the job, its images, the clusters, the models, and how it is measured.
CODE = (
    "cluster_app/contract/",
    "cluster_app/network/",
    "cluster_app/pipeline/",
    "cluster_app/tasks/",
    "cluster_app/yardsticks/",
    "docker/base/",
    "docker/builder/",
    "docker/peers/",
    "docker/python/",
    "docker/spark/",
    "experiments/agreement.py",
    "experiments/bench/bed.py",
    "experiments/bench/cluster_figures.py",
    "experiments/bench/containers.py",
    "experiments/bench/engine",
    "experiments/bench/gate.py",
    "experiments/bench/programs.py",
    "experiments/bench/rungs.py",
    "experiments/bench/statistics.py",
    "experiments/bench/trials.py",
    "experiments/cluster/",
    "experiments/engine_settings",
    "experiments/eventlog.py",
    "experiments/fit.py",
    "experiments/host/",
    "experiments/isa.py",
    "experiments/memory/",
    "experiments/peers/",
    "experiments/photograph",
    "experiments/profiles",
    "experiments/render.py",
    "experiments/topologies/",
    "experiments/topology.py",
)
ROUNDS = 5
# Sides of bigdl on several nodes are only reported.
BIGDL_ROUNDS = 2


@dataclass(frozen=True)
class Plan:
    """How many images a side takes. Each node does at least 20 of them; docs/benchmarks.md has the arithmetic."""

    bigdl: int = 24
    fused: int = 60
    int8: int = 160
    bare: int = 30
    bare_int8: int = 100
    peers: int = 30
    heterogeneous: int = 180
    heterogeneous_bigdl: int = 60
    solo: int = 12
    one_worker: int = 24
    six_workers: int = 144
    few: int = 100
    many: int = 2000
    ablation: int = 24
    empty_tasks: int = 2000


FULL = Plan()
QUICK = Plan(4, 6, 8, 4, 4, 8, 12, 6, 2, 4, 24, 20, 60, 4, 200)


def _plan(bench: Bench) -> Plan:
    return QUICK if bench.quick else FULL


def _photographs() -> Path:
    folder = ARTEFACTS / "calibration-photographs"
    collect(folder, malformed=False)
    return folder


def _r50(bench: Bench, *, small: bool = False, int8: bool = False) -> models.Model:
    size = models.DEMO_SIZE if small or bench.quick else models.PAPER_SIZE
    return models.build(None, [size], bench.say, full=int8)[size]


def _folder(bench: Bench, count: int, names: tuple[str, ...] = PHOTOGRAPHS) -> Path:
    """The input of that many photographs, made once."""
    target = bench.scratch / f"input-{names[0].split('.')[0]}-{count}"
    return target if target.exists() else bed.folder_of(_photographs(), names, count, target)


def _header(model: models.Model, where: str) -> Record:
    return {"model": model.folder.name, "where": where}


Side = Callable[[], Trial]


def rounds(
    bench: Bench, count: int, sides: Mapping[str, Side], last: Mapping[str, int] = MappingProxyType({})
) -> list[Record]:
    """Each side once a round, in an order that turns from round to round. last: sides that end after fewer rounds.

    Whole rounds that the step's journal has are kept; a round that was interrupted is done again.
    """
    wanted = {number: {name for name in sides if number < last.get(name, count)} for number in range(count)}
    kept = _whole_rounds(bench.journal.read() if bench.journal else [], wanted)
    if bench.journal:
        bench.journal.write(kept)
    records, done = list(kept), {record["round"] for record in kept}
    for number in sorted(set(wanted) - done):
        for name in turn(list(sides), number):
            if name in wanted[number]:
                bench.say(f"round {number + 1}/{count}: {name}")
                records.append({"round": number, "side": name, **sides[name]().record})
                if bench.journal:
                    bench.journal.add(records[-1])
    return records


def turn(names: Sequence[str], number: int) -> list[str]:
    """The order of a round: in two rounds running forwards and backwards, in the next pair from the next name on."""
    start = number // 2 % len(names)
    turned = [*names[start:], *names[:start]]
    return turned if number % 2 == 0 else turned[::-1]


def _whole_rounds(records: Sequence[Record], wanted: Mapping[int, set[str]]) -> list[Record]:
    found: dict[int, set[str]] = {}
    for record in records:
        found.setdefault(record["round"], set()).add(record["side"])
    return [record for record in records if found[record["round"]] == wanted.get(record["round"])]


def _engine(place: Bed, job: Job, one: EngineSetting, **more: Any) -> Side:
    return lambda: trials.engine_trial(place, one, job, **more)


# Steps


def _engines(bench: Bench) -> Sequence[Record]:
    plan, model = _plan(bench), _r50(bench, int8=True)
    with bed.node("spark", bench.scratch, bench.say) as place:
        few, some = (place.job(model, FP32, _folder(bench, count)) for count in (plan.bigdl, plan.fused))
        int8 = place.job(model, INT8, _folder(bench, plan.int8))
        grids = {BARE: (some, plan.bare), BARE_INT8: (int8, plan.bare_int8)}
        ways = {name: trials.bare(place, job, images=0) for name, (job, _) in grids.items()}
        best = {name: trials.best_way(tried) for name, tried in ways.items()}
        sides: dict[str, Side] = {
            DEFAULTS: _engine(place, few, in_slices(setting(DEFAULTS), plan.bigdl)),
            BARE: partial(_bare, place, *grids[BARE], best[BARE]),
            FUSED: _engine(place, some, setting(FUSED)),
            TUNED: _engine(place, few, in_slices(setting(TUNED), plan.bigdl)),
            BARE_INT8: partial(_bare, place, *grids[BARE_INT8], best[BARE_INT8]),
            FUSED_INT8: _engine(place, int8, setting(FUSED)),
        }
        head = [_header(model, _local(place)), *({"grid_of": n, **ways[n], "best": best[n]} for n in ways)]
        return [*head, *rounds(bench, bench.repeats(ROUNDS), sides)]


def _bare(place: Bed, job: Job, count: int, way: Mapping[str, Any]) -> Trial:
    return Trial(trials.bare(place, job, images=count, way=way))


def _local(place: Bed) -> str:
    return f"one node of {place.spec.executor.total_cores} cores, one thread a task unless its setting says otherwise"


def _peers(bench: Bench) -> Sequence[Record]:
    plan, model = _plan(bench), _r50(bench)
    images.build_all(bench.say, extra=["peers"])
    with bed.node("peers", bench.scratch, bench.say) as place:
        job = place.job(model, FP32, _folder(bench, plan.peers))
        reference: list[Trial] = []

        def fused() -> Trial:
            reference[:] = [trials.engine_trial(place, setting(FUSED), job)]
            return reference[0]

        def peer(run: trials.Peer) -> Trial:
            # In a round that begins with a peer, the engine's rows are those of the round before.
            one = run(place, job)
            if not reference:
                fused()
            same = asdict(agreement(FUSED, reference[0].rows, one.rows))
            return Trial({**one.record, "agreement": same}, one.rows)

        sides: dict[str, Side] = {
            FUSED: fused,
            RAY: partial(peer, trials.ray_trial),
            PANDAS_UDF: partial(peer, trials.pandas_udf_trial),
        }
        return [_header(model, _local(place)), *rounds(bench, bench.repeats(ROUNDS), sides)]


def _heterogeneous(bench: Bench) -> Sequence[Record]:
    plan, model = _plan(bench), _r50(bench, small=True)
    with bed.cluster("heterogeneous", bench.scratch, bench.say) as place:
        many = place.job(model, FP32, _folder(bench, plan.heterogeneous))
        few = place.job(model, FP32, _folder(bench, plan.heterogeneous_bigdl))

        def solo() -> Trial:
            place.put_quotas()
            return Trial({"images": plan.solo, "nodes": trials.solos(place, many, images=plan.solo)})

        sides: dict[str, Side] = {
            SOLO: solo,
            FUSED: _engine(place, many, setting(FUSED), quotas_late=True),
            TUNED: _engine(place, few, in_slices(setting(TUNED), plan.heterogeneous_bigdl), quotas_late=True),
        }
        last = {TUNED: bench.repeats(BIGDL_ROUNDS)}
        where = f"topology heterogeneous, {len(place.spec.executor_nodes)} nodes"
        return [_header(model, where), *rounds(bench, bench.repeats(ROUNDS), sides, last)]


def _scaling(bench: Bench) -> Sequence[Record]:
    plan, model = _plan(bench), _r50(bench, small=True)
    with bed.cluster("databricks", bench.scratch, bench.say) as place:
        one, six = (place.job(model, FP32, _folder(bench, count)) for count in (plan.one_worker, plan.six_workers))
        cores = place.spec.executor.cores
        sides = {
            ONE: _engine(place, one, setting(FUSED), conf={"spark.cores.max": str(cores)}, quotas_late=True),
            SIX: _engine(place, six, setting(FUSED), quotas_late=True),
        }
        where = f"topology databricks, {place.spec.executor.core_share:g} cores a worker"
        measured = rounds(bench, bench.repeats(ROUNDS), sides)
        place.lift_quotas()
        empty = trials.empty_tasks(place, tasks=plan.empty_tasks, repeats=bench.repeats(ROUNDS))
        limit = {"tasks_a_run": empty["tasks"], "seconds": empty["seconds"], "slots": empty["slots"]}
        return [_header(model, where), *measured, limit]


def _memory(bench: Bench) -> Sequence[Record]:
    plan = _plan(bench)
    model = models.build(None, [models.SMALL_SIZE], bench.say, configuration="small")[models.SMALL_SIZE]
    with bed.node("spark", bench.scratch, bench.say) as place:
        few, many = (
            place.job(model, FP32, _folder(bench, count, SMALL_PHOTOGRAPHS)) for count in (plan.few, plan.many)
        )
        sides = {FEW: _engine(place, few, setting(FUSED)), MANY: _engine(place, many, setting(FUSED))}
        return [_header(model, _local(place)), *rounds(bench, bench.repeats(ROUNDS), sides)]


def _ablation(bench: Bench) -> Sequence[Record]:
    plan, model = _plan(bench), _r50(bench, small=True, int8=True)
    folder = _folder(bench, plan.ablation)
    with bed.node("spark", bench.scratch, bench.say) as place:
        jobs = {weights: place.job(model, weights, folder) for weights in (FP32, INT8)}
        sides = {
            rung.side: _engine(place, jobs[weights], _rung(name, changes, plan.ablation))
            for rung, name, weights, changes in RUNGS
        }
        return [_header(model, _local(place)), *rounds(bench, bench.repeats(ROUNDS), sides)]


def _rung(name: str, changes: Mapping[str, Any], images: int) -> EngineSetting:
    one = changed(name, changes)
    return one if name == FUSED else in_slices(one, images)


def _ablation_figures(records: Sequence[Record]) -> Sequence[Any]:
    return cluster_figures.ablation(records, [rung for rung, *_ in RUNGS])


ENGINES = Group(
    "engines",
    (
        Step("calibration", 30, calibration, model_figures.calibration),
        Step("engines", 1350, _engines, figures.engines),
        Step("peers", 485, _peers, figures.peers),
        Step("heterogeneous", 840, _heterogeneous, cluster_figures.heterogeneous),
        Step("scaling", 590, _scaling, cluster_figures.scaling),
        Step("memory", 305, _memory, cluster_figures.memory_growth),
    ),
    CODE,
)
# A group of its own: no target rests on it, and it would not fit into the hour.
ABLATION = Group("ablation", (Step("ablation", 1260, _ablation, _ablation_figures),), CODE)
