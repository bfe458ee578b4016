"""The event-log reader, on small logs in the form of Spark 3.1.3's JsonProtocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.eventlog import ExecutorRow, event_logs, read_event_log

LOGS = Path(__file__).parents[1] / "fixtures" / "eventlog"
FINISHED = LOGS / "app-20261122180000-0001"
IN_PROGRESS = LOGS / "app-20261122180000-0002.inprogress"
ROLLING = LOGS / "eventlog_v2_application_1795370000000_0003"


def test_application():
    application = read_event_log(FINISHED)
    assert application.app_id == "app-20261122180000-0001"
    assert application.name == "segmentation"
    assert application.spark_version == "3.1.3"
    assert application.start_time == 1795370400.0
    assert application.end_time == 1795370425.5
    assert application.executors == (ExecutorRow("0", "worker-1", 1, 2.5), ExecutorRow("1", "worker-2", 1, 3.1))


def test_task_that_succeeded():
    task = read_event_log(FINISHED).tasks[1]
    assert (task.stage_id, task.stage_name, task.phase) == (0, "collect at inventory.py:38", "inventory")
    assert (task.index, task.attempt, task.host, task.executor) == (1, 0, "worker-2", "1")
    assert (task.launch_s, task.finish_s, task.run_s) == (8.15, 9.9, 1.65)
    assert (task.failed, task.reason) == (False, None)


def test_tasks_are_in_order_of_launch():
    tasks = read_event_log(FINISHED).tasks
    assert len(tasks) == 8
    assert [task.launch_s for task in tasks] == sorted(task.launch_s for task in tasks)


def test_ends_other_than_success():
    ended = {(task.index, task.attempt): task for task in read_event_log(FINISHED).tasks if task.stage_id == 1}
    assert {key for key, task in ended.items() if task.failed} == {(0, 0), (1, 0), (1, 2)}
    assert ended[0, 0].reason == "ExceptionFailure: org.apache.spark.api.python.PythonException: ValueError: no"
    assert ended[1, 0].reason == "ExecutorLostFailure: Command exited with code 137"
    assert ended[1, 2].reason == "TaskKilled: another attempt succeeded"
    assert ended[1, 1].reason is None


def test_a_task_without_metrics_has_no_run_time():
    tasks = read_event_log(FINISHED).tasks
    assert [(task.index, task.attempt) for task in tasks if task.run_s is None] == [(1, 0)]


def test_a_stage_without_job_description_has_no_phase():
    last = read_event_log(FINISHED).tasks[-1]
    assert (last.stage_id, last.phase) == (2, None)


def test_log_in_progress_has_no_end_and_drops_the_line_that_is_cut_off():
    application = read_event_log(IN_PROGRESS)
    assert application.end_time is None
    assert [task.index for task in application.tasks] == [0]


def test_rolling_log_is_read_in_order_of_its_parts():
    application = read_event_log(ROLLING)
    assert application.app_id == "application_1795370000000_0003"
    assert [task.index for task in application.tasks] == [0, 1]
    assert application.end_time is not None


def test_ten_parts_are_ordered_by_number(tmp_path: Path):
    lines = FINISHED.read_text().splitlines(keepends=True)
    folder = tmp_path / "eventlog_v2_x"
    folder.mkdir()
    for number, line in enumerate(lines, start=1):
        (folder / f"events_{number}_x").write_text(line)
    assert len(lines) > 10
    assert read_event_log(folder) == read_event_log(FINISHED)


def test_event_logs_lists_files_and_rolling_folders():
    assert event_logs(LOGS) == [FINISHED, IN_PROGRESS, ROLLING]


def test_event_logs_of_an_empty_folder(tmp_path: Path):
    with pytest.raises(UserError, match="holds no event log"):
        event_logs(tmp_path)


def test_event_logs_of_a_file():
    with pytest.raises(UserError, match="is no folder"):
        event_logs(FINISHED)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text", "line 1: is not JSON"),
        ("other.json", 'line 1: has no key "Event"; this is no Spark event log'),
        ("no-application", "names no application with an id"),
        ("two-applications", "names 2 applications with an id"),
        ("no-task", "application app-20261122180000-0001 finished no task"),
        ("cut-off", "line 9: is not JSON"),
        ("lacks-key", "an event lacks the key 'Host'"),
        ("compressed.zstd", "spark.eventLog.compress=false"),
        ("absent", "cannot be read"),
    ],
)
def test_malformed_log(name: str, message: str):
    with pytest.raises(UserError) as caught:
        read_event_log(LOGS / "malformed" / name)
    assert message in str(caught.value)
    assert str(LOGS / "malformed" / name) in str(caught.value)


def test_folder_without_parts():
    with pytest.raises(UserError, match="without parts of a rolling event log"):
        read_event_log(LOGS / "malformed")


def test_a_line_separator_inside_a_string_ends_no_line(tmp_path: Path):
    """JSON allows U+2028 and its like unescaped inside a string; a message of a failed task may hold one."""
    log = tmp_path / "log"
    log.write_text(FINISHED.read_text().replace("segmentation", "seg\u2028ment\u0085ation"), encoding="utf-8")
    assert read_event_log(log).name == "seg\u2028ment\u0085ation"
