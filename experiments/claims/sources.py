"""What rules look at beside a run's records: figures of the benchmarks, a built model's manifest, hosts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from experiments.analysis.trials import Trial
from experiments.bench.types import Figure
from experiments.claims.types import Fact

# The preset under which trials of `python -m experiments.synchrony` are known here.
SYNCHRONY = "synchrony"
# Its file of trials.
SYNCHRONY_TRIALS = "trials.jsonl"
# Between file and number in the name of a trial that is named by where it lies.
LINE = ", line "
# The time of a trial's one phase.
PHASE = "phase_seconds"
# Behind the name of a cell in which a task failed.
FAILED = "-failed"


def from_bench(figures: Mapping[str, Figure], stale: Iterable[str] = ()) -> dict[str, Fact]:
    """Figures of `make bench` under their names; a stale one, of other code, says so."""
    old = frozenset(stale)
    return {
        name: Fact(
            one.value,
            f"make bench GROUP={one.group}, {one.date}, commit {one.commit[:10]}" + (" (stale)" if name in old else ""),
            one.low,
            one.high,
            one.n,
            one.unit,
        )
        for name, one in figures.items()
    }


def from_manifest(manifest: Mapping[str, Any]) -> dict[str, Fact]:
    """What a model's manifest says of its conversion; facts that an older manifest lacks are left out."""
    found: dict[str, tuple[Any, str]] = {
        "model_opset": (_at(manifest, "onnx", "opset"), ""),
        "model_operators_removed": (_summed(_at(manifest, "onnx", "operators_removed")), "operators"),
        "model_priors_bytes": (_at(manifest, "files", "priors.onnx", "bytes"), "bytes"),
    }
    for artefact, name in (("model", "onnx"), ("fp32", "fp32"), ("fp16", "fp16")):
        detections = _at(manifest, "verification", "artefacts", artefact, "detections")
        found[f"model_{name}_matched"] = (_at(detections, "share"), "")
        found[f"model_{name}_score_difference"] = (_at(detections, "score_difference"), "")
    source = f"manifest of {manifest.get('name')}" + (", seeded weights" if manifest.get("seeded") else "")
    return {
        name: Fact(float(value), source, unit=unit)
        for name, (value, unit) in found.items()
        if isinstance(value, int | float)
    }


def hosts_of(environment: Mapping[str, Any]) -> dict[int, str]:
    """Each block's host in words, from a run's environment.json; a block that does not say is left out."""
    found = {}
    for block in environment.get("blocks", ()):
        if words := _host_text(block.get("host", {})):
            found[int(block["block"])] = words
    return found


def from_synchrony(lines: Iterable[Mapping[str, Any]]) -> tuple[tuple[Trial, ...], Mapping[int, str]]:
    """Trials of `python -m experiments.synchrony`, from its trials.jsonl: a cell for each way of sharing out tasks, and
    one for the same with a task that failed. And by block its host, in words. Of a repeat that was cut and made again
    the later lines count.

    A repeat is a round; what one host made without a break is a block, numbered downwards from -1 so that it is none of
    a run's. A trial with a failure also has `run_again`: how many attempts there were beside those of its repeat
    without one and those that failed; 0 where only failed tasks ran again.
    """
    last = {
        (line["repeat"], line["mode"], line["failed"]): (number, line) for number, line in enumerate(lines, start=1)
    }
    numbers, lines = [number for number, _ in last.values()], [line for _, line in last.values()]
    blocks = {one: -number for number, one in enumerate(dict.fromkeys(map(_host_key, lines)), start=1)}
    hosts = {blocks[_host_key(line)]: words for line in lines if (words := _host_text(line.get("host") or {}))}
    clean = {(line["mode"], line["repeat"]): line.get("tasks") for line in lines if not line["failed"]}
    trials = (
        _synchrony_trial(number, line, clean.get((line["mode"], line["repeat"])), blocks[_host_key(line)])
        for number, line in zip(numbers, lines, strict=True)
    )
    return tuple(trials), hosts


def _host_key(line: Mapping[str, Any]) -> str:
    return json.dumps(line.get("host"), sort_keys=True)


def _host_text(host: Mapping[str, Any]) -> str:
    return f"{host['cores']} cores of {host['cpu_model']}" if "cores" in host and "cpu_model" in host else ""


def _synchrony_trial(number: int, line: Mapping[str, Any], tasks: int | None, block: int) -> Trial:
    cell, again = str(line["mode"]), {}
    if line["failed"]:
        cell += FAILED
        own, failed = line.get("tasks"), line.get("failed_tasks")
        if own is not None and failed is not None and tasks is not None:
            again = {"run_again": own - failed - tasks}
    return Trial(
        name=f"{SYNCHRONY}/{SYNCHRONY_TRIALS}{LINE}{number}",
        preset=SYNCHRONY,
        comparison=SYNCHRONY,
        cell=cell,
        block=block,
        round=line["repeat"] + 1,
        core=None,
        settings={
            "scheduling": line["mode"],
            "topology": line.get("topology"),
            "failed": line["failed"],
            "engine": "fused",
            "model": line.get("model"),
            "images": line.get("images_in_all"),
        },
        # Its `seconds` are the phase's; those of a run's records are a trial's.
        evidence={**{key: value for key, value in line.items() if key != "seconds"}, PHASE: line["seconds"], **again},
    )


def _at(content: Any, *steps: str) -> Any:
    for step in steps:
        content = content.get(step) if isinstance(content, Mapping) else None
    return content


def _summed(counts: Any) -> Any:
    return sum(counts.values()) if isinstance(counts, Mapping) else None
