"""Reads what the job's evidence needs from a Spark 3.1 event log: the application, its executors, its tasks.

The format is that of Spark's JsonProtocol: one JSON object a line, of which `Event` names the kind. Times in a log
are milliseconds since 1970; those here are seconds, of executors and tasks since the application's start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from experiments.errors import UserError

Event = Mapping[str, Any]

# Spark writes `.inprogress` behind the name until the application ends.
_IN_PROGRESS = ".inprogress"
# What Spark says beside a reason, by the kinds of ends that have it.
_DETAILS = ("Class Name", "Description", "Loss Reason", "Kill Reason", "Message")
# A rolling log is a folder of numbered parts.
_ROLLING = "eventlog_v2_"
_PART = re.compile(r"events_(\d+)_")


@dataclass(frozen=True)
class ExecutorRow:
    """An executor that registered: id ("driver" in local mode), host, Spark cores, when (s)."""

    id: str
    host: str
    cores: int
    added_s: float


@dataclass(frozen=True)
class TaskRow:
    """One attempt at a task, as it ended.

    stage_name is Spark's call site; phase is the job description that was set when the stage was submitted, or None.
    launch_s, finish_s: seconds since the application's start; run_s: seconds that the executor ran it, None where
    Spark recorded no metrics (some failures). reason: why it failed or was killed, else None. bytes_read and
    records_read: of its input, as Spark counts it, None without metrics.
    """

    stage_id: int
    stage_attempt: int
    stage_name: str
    phase: str | None
    index: int
    attempt: int
    host: str
    executor: str
    launch_s: float
    finish_s: float
    run_s: float | None
    failed: bool
    reason: str | None
    bytes_read: int | None = None
    records_read: int | None = None


@dataclass(frozen=True)
class Application:
    """One application. start_time, end_time: seconds since 1970; end_time is None where the log ends before it."""

    app_id: str
    name: str
    spark_version: str
    start_time: float
    end_time: float | None
    executors: tuple[ExecutorRow, ...]
    tasks: tuple[TaskRow, ...]


def event_logs(folder: Path) -> list[Path]:
    """The event logs in a folder that spark.eventLog.dir named, by name: files, and folders of rolling logs.

    Raises UserError if there is none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; give the one that spark.eventLog.dir names")
    found = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and _may_be_log(path))
    if not found:
        raise UserError(f"{folder}: holds no event log; set spark.eventLog.enabled=true for the job")
    return found


def read_event_log(path: Path) -> Application:
    """One application's log: a file, finished or .inprogress, or the folder of a rolling log.

    Raises UserError if it cannot be read, is no event log, names no application, or has no finished task.
    """
    lines = chain.from_iterable(_lines(part) for part in _parts(path))
    by_kind: dict[str, list[Event]] = {}
    for event in _events(lines):
        by_kind.setdefault(str(event["Event"]), []).append(event)
    starts = by_kind.get("SparkListenerApplicationStart", [])
    if len(starts) != 1 or "App ID" not in starts[0]:
        raise UserError(
            f"{path}: names {len(starts) or 'no'} application{'s' if starts[1:] else ''} with an id; "
            "a Spark event log names one"
        )
    try:
        return _application(path, starts[0], by_kind)
    except KeyError as error:
        raise UserError(f"{path}: an event lacks the key {error}; the log of a Spark 3.1 application has it") from error


def _application(path: Path, start: Event, by_kind: Mapping[str, list[Event]]) -> Application:
    begin = start["Timestamp"]
    stages = {_stage_key(event["Stage Info"]): event for event in by_kind.get("SparkListenerStageSubmitted", [])}
    tasks = [_task(event, stages, begin) for event in by_kind.get("SparkListenerTaskEnd", [])]
    if not tasks:
        raise UserError(f"{path}: application {start['App ID']} finished no task; there is nothing to draw from it")
    executors = [_executor(event, begin) for event in by_kind.get("SparkListenerExecutorAdded", [])]
    versions = [event["Spark Version"] for event in by_kind.get("SparkListenerLogStart", [])]
    ends = [event["Timestamp"] / 1000 for event in by_kind.get("SparkListenerApplicationEnd", [])]
    return Application(
        app_id=start["App ID"],
        name=start["App Name"],
        spark_version=versions[0] if versions else "unknown",
        start_time=begin / 1000,
        end_time=ends[-1] if ends else None,
        executors=tuple(sorted(executors, key=lambda one: (one.added_s, one.id))),
        tasks=tuple(sorted(tasks, key=lambda one: (one.launch_s, one.stage_id, one.index, one.attempt))),
    )


def _executor(event: Event, begin: int) -> ExecutorRow:
    info = event["Executor Info"]
    return ExecutorRow(event["Executor ID"], info["Host"], info["Total Cores"], (event["Timestamp"] - begin) / 1000)


def _task(event: Event, stages: Mapping[tuple[int, int], Event], begin: int) -> TaskRow:
    info = event["Task Info"]
    key = (event["Stage ID"], event["Stage Attempt ID"])
    stage = stages.get(key, {})
    metrics = event.get("Task Metrics") or {}
    run_ms, read = metrics.get("Executor Run Time"), metrics.get("Input Metrics") or {}
    return TaskRow(
        stage_id=key[0],
        stage_attempt=key[1],
        stage_name=stage["Stage Info"]["Stage Name"] if stage else f"stage {key[0]}",
        phase=(stage.get("Properties") or {}).get("spark.job.description"),
        index=info["Index"],
        attempt=info["Attempt"],
        host=info["Host"],
        executor=info["Executor ID"],
        launch_s=(info["Launch Time"] - begin) / 1000,
        finish_s=(info["Finish Time"] - begin) / 1000,
        run_s=None if run_ms is None else run_ms / 1000,
        failed=info["Failed"] or info["Killed"],
        reason=_reason(event["Task End Reason"]),
        bytes_read=read.get("Bytes Read"),
        records_read=read.get("Records Read"),
    )


def _reason(end: Event) -> str | None:
    """A task's end in one line; None for success. Spark gives each kind of end keys of its own."""
    kind = end["Reason"]
    if kind == "Success":
        return None
    details = (_telling_line(str(end[key])) for key in _DETAILS if key in end)
    return ": ".join([kind, *filter(None, details)])


def _telling_line(text: str) -> str:
    """The first line, which says what happened; of a Python traceback the last, which does."""
    lines = text.strip().splitlines() or [""]
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip()


def _stage_key(info: Event) -> tuple[int, int]:
    return info["Stage ID"], info["Stage Attempt ID"]


def _events(lines: Iterable[tuple[str, str, bool]]) -> Iterator[Event]:
    """The event of each line; a last line that was cut off while being written is left out."""
    for where, text, may_be_cut in lines:
        try:
            event = json.loads(text)
        except ValueError as error:
            if may_be_cut:
                return
            raise UserError(f"{where}: is not JSON ({error}); a Spark event log has one JSON object a line") from error
        if not isinstance(event, dict) or "Event" not in event:
            raise UserError(f'{where}: has no key "Event"; this is no Spark event log')
        yield event


def _lines(part: Path) -> Iterator[tuple[str, str, bool]]:
    """(where, text, whether it may be cut off) for each line that is not blank."""
    try:
        # Only \n ends a line: splitlines would also break at the line separators that JSON allows inside a string.
        with part.open(encoding="utf-8", newline="\n") as stream:
            lines = list(stream)
    except OSError as error:
        raise UserError(f"{part}: cannot be read ({error.strerror}); give a Spark event log") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{part}: is no text (byte {error.start}); give an uncompressed event log (spark.eventLog.compress=false)"
        ) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            cut = part.name.endswith(_IN_PROGRESS) and number == len(lines) and not line.endswith("\n")
            yield f"{part}, line {number}", line, cut


def _parts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    parts = [part for part in path.iterdir() if _PART.match(part.name)]
    if not parts:
        raise UserError(f"{path}: is a folder without parts of a rolling event log (events_N_...); give the log itself")
    return sorted(parts, key=_part_number)


def _part_number(part: Path) -> int:
    match = _PART.match(part.name)
    return int(match[1]) if match else 0


def _may_be_log(path: Path) -> bool:
    return path.name.startswith(_ROLLING) if path.is_dir() else True
