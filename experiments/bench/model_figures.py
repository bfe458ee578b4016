"""From the records of GROUP=model to its figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median as middle
from typing import Any

from experiments.bench import statistics
from experiments.bench.types import CALIBRATION, Measured, Record
from experiments.errors import RunFailed

FP32, FP16, INT8, TORCH = "openvino-fp32", "openvino-fp16", "openvino-int8", "torch"
PRE, POST = "preprocess", "postprocess"
# Detections that an image must have to count for the share of pre- and post-processing.
FEWEST, MOST = 20, 100


def calibration(records: Sequence[Record]) -> Sequence[Measured]:
    found = statistics.median([record["seconds"] for record in records])
    note = "YOLACT R50 550, FP32, OpenVINO 2023.3, one thread, no quota; the best of each repeat's runs"
    return [Measured(CALIBRATION, found.value, "s/image", found.n, found.low, found.high, note, absolute=True)]


# Two libraries, two precisions


def openvino_over_torch(records: Sequence[Record]) -> Sequence[Measured]:
    return [_ratio("model_openvino_over_torch", records, TORCH, FP32)]


def int8_over_f32(records: Sequence[Record]) -> Sequence[Measured]:
    return [_ratio("model_int8_over_f32" + kernels(records[0]["flags"]), records, FP32, INT8)]


def kernels(flags: Sequence[str]) -> str:
    """What the name of an INT8 figure ends with: nothing for VNNI alone, as the target is for; others stand apart."""
    if "amx_int8" in flags:
        return "_amx"
    return "" if {"avx_vnni", "avx512_vnni"} & set(flags) else "_without_vnni"


def _ratio(name: str, records: Sequence[Record], above: str, below: str) -> Measured:
    header = next(record for record in records if "sides" in record)
    over, under = statistics.paired(records, above, below)
    found = statistics.ratio(over, under)
    note = f"{header['model']}, {header['threads']} thread each, inference alone: " + " over ".join(
        f"{header['sides'][side]['library']} {'+'.join(header['sides'][side]['arithmetic'])} {middle(times):.3f} s"
        for side, times in ((above, over), (below, under))
    )
    return Measured(name, found.value, "ratio", found.n, found.low, found.high, note)


# Around the network


def around_the_network(records: Sequence[Record]) -> Sequence[Measured]:
    found = {record["round"]: record["detections"] for record in records if record.get("side") == POST}
    fit = {number for number, detections in found.items() if FEWEST <= detections <= MOST}
    if not fit:
        raise RunFailed(f"no photograph with {FEWEST} to {MOST} detections: {sorted(set(found.values()))}")
    kept = [record for record in records if record.get("round") in fit]
    return [_share(f"model_{step}_fraction", kept, step) for step in (PRE, POST)]


def _share(name: str, records: Sequence[Record], step: str) -> Measured:
    share = statistics.ratio(*statistics.paired(records, step, FP32))
    by_photo: dict[str, list[float]] = {}
    for record in records:
        if record["side"] == step:
            by_photo.setdefault(record["photo"], []).append(record["seconds"])
    medians = sorted((1e3 * middle(times), photo) for photo, times in by_photo.items())
    fastest, slowest = (f"{milliseconds:.1f} ms ({photo})" for milliseconds, photo in (medians[0], medians[-1]))
    note = f"of FP32 inference, one thread each, {len(medians)} photographs, {fastest} to {slowest}"
    return Measured(name, share.value, "fraction", share.n, share.low, share.high, note)


# Conversion


def conversion(records: Sequence[Record]) -> Sequence[Measured]:
    """The whole command as a user waits for it, on two cores: checks and everything else are in it."""
    return [
        Measured(name, record["seconds"], "s", 1, note=f"{record['model']}, {what}; {_parts(record)}", absolute=True)
        for record, name, what in zip(
            records,
            ("model_convert_seconds", "model_int8_convert_seconds"),
            ("ONNX, FP32, FP16, priors, checks", "the same, INT8, variants with preprocessing inside, pictures"),
            strict=True,
        )
    ]


def _parts(record: Record) -> str:
    return ", ".join(f"{step} {seconds:.0f}" for step, seconds in record["steps"].items() if seconds >= 1)


# Accuracy


def accuracy(records: Sequence[Record]) -> Sequence[Measured]:
    """From accuracy.json of the backends on held-out scenes. Raises RunFailed for weights that are not trained."""
    (content,) = records
    if content["seeded"]:
        raise RunFailed(f"{content['model']} has seeded weights, which have no accuracy; the small trained model has")
    backends = content["backends"]
    library = backends[FP32]["library"]
    note = f"{content['model']}, {content['images']} held-out scenes, {content['objects']} objects, {library}"
    of_fp32 = backends[FP32]["mask"]
    figures = [_estimate("model_mask_ap", "AP", of_fp32["AP"], content, f"mask AP .50:.95, FP32, {note}")]
    figures += [
        _estimate(f"model_mask_{metric.lower()}", "AP", of_fp32[metric], content, f"mask {metric}, FP32, {note}")
        for metric in ("AP50", "AP75", "AP_small", "AP_medium", "AP_large")
        if of_fp32[metric]["value"] is not None
    ]
    int8, fp16 = (backends[kind]["mask_AP_against"][FP32] for kind in (INT8, FP16))
    figures.append(
        _estimate("model_int8_ap_fraction", "fraction", int8["fraction"], content, f"INT8 over FP32, {note}")
    )
    figures.append(_difference(fp16["difference"], content, note))
    return figures


def _estimate(name: str, unit: str, found: Mapping[str, Any], content: Record, note: str) -> Measured:
    return Measured(name, found["value"], unit, content["images"], found["low"], found["high"], note)


def _difference(found: Mapping[str, Any], content: Record, note: str) -> Measured:
    """How far FP16 is from FP32, either way; the interval is that of the signed difference, folded."""
    low, high = sorted((abs(found["low"]), abs(found["high"])))
    folded = 0.0 if found["low"] <= 0 <= found["high"] else low
    said = f"FP16 less FP32 is {found['value']:+.5f} mask AP, {note}"
    return Measured("model_f16_ap_difference", abs(found["value"]), "AP", content["images"], folded, high, said)


# Table 1


def video(records: Sequence[Record]) -> Sequence[Measured]:
    """A row for each backend, video and node against Torch, and a figure for each of the paper's claims."""
    table = records[0]["table"]
    rounds = min(cell["rounds"] for cell in table["cells"])
    return [figure for cell in table["cells"] for figure in _cell(cell)] + [
        _claim(key, found, rounds) for key, found in table["claims"].items() if found["change"] is not None
    ]


def _cell(cell: Mapping[str, Any]) -> list[Measured]:
    where = f"video_{cell['video_seconds']}s_{cell['node']}"
    return [
        Measured(
            f"{where}_{side.replace('-', '_')}_over_torch",
            found["over_torch"]["end_to_end"]["value"],
            "ratio of time",
            cell["rounds"],
            found["over_torch"]["end_to_end"]["low"],
            found["over_torch"]["end_to_end"]["high"],
            f"{cell['model']}, {cell['frames']} frames, {cell['threads']} thread, {'+'.join(found['arithmetic'])}, "
            f"{found['library']}; {found['seconds']['end_to_end']['value']:.3f} s a frame, "
            f"inference {found['seconds']['inference']['value']:.3f} s",
        )
        for side, found in cell["sides"].items()
        if side != TORCH
    ]


def _claim(key: str, found: Mapping[str, Any], rounds: int) -> Measured:
    change, paper = found["change"], found["paper"]
    said = f"direction: {found['direction']}; size: {found['size']}"
    if paper is not None:
        said += f"; the paper: {paper:+.1%}"
    note = f"{said}; {found['note']}" if found["note"] else said
    return Measured(
        f"video_{key}_change", change["value"], "change of time", rounds, change["low"], change["high"], note
    )
