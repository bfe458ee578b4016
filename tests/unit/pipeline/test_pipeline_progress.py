"""Progress lines, what workers report, and errors said in one line."""

from __future__ import annotations

import pytest

from cluster_app.pipeline.arithmetic import Compiled
from cluster_app.pipeline.errors import cause
from cluster_app.pipeline.progress import INTERVAL, Progress, line
from cluster_app.pipeline.worker_report import Tallies, Tally, by_host, images_by_host

COMPILED = Compiled("worker-1", ("f32",), "AVX2")


def test_a_line_says_done_rate_rest_and_hosts() -> None:
    assert line(120, 500, 0, 60.0, {"worker-2": 80, "worker-1": 40}) == (
        "job: progress 120 of 500 images, 2.00 images/s, 190 s left; worker-1 40, worker-2 80"
    )


def test_a_resumed_job_counts_what_was_there_and_not_in_its_rate() -> None:
    assert line(10, 40, 60, 20.0, {}) == "job: progress 70 of 100 images, 0.50 images/s, 60 s left"


def test_lines_keep_their_distance(capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    progress = Progress(10, 0, lambda: now[0])
    for done in range(1, 11):
        now[0] += INTERVAL / 2
        progress.update(done, {})
    lines = capsys.readouterr().err.splitlines()
    assert [text.split()[2] for text in lines] == ["2", "4", "6", "8", "10"]


def test_nothing_done_is_nothing_said(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(10, 0, lambda: now[0])
    now[0] = 100.0
    progress.update(0, {})
    assert capsys.readouterr().err == ""


def test_tallies_add_up_by_process_and_host() -> None:
    tallies, adding = {}, Tallies()
    first = Tally(images=2, seconds=3.0, compile_seconds=1.0, peak_memory_mb=300, compiled=[COMPILED])
    for place, tally in (
        (("worker-1", 11), first),
        (("worker-1", 11), Tally(images=1, seconds=1.0, peak_memory_mb=280)),
        (("worker-1", 12), Tally(images=4, seconds=2.0, peak_memory_mb=310, compiled=[COMPILED])),
        (("worker-2", 11), Tally(images=8, seconds=1.5)),
    ):
        tallies = adding.addInPlace(tallies, {place: tally})
    assert images_by_host(tallies) == {"worker-1": 7, "worker-2": 8}
    one, two = by_host(tallies)
    assert (one.host, one.processes, one.images, one.compiles) == ("worker-1", 2, 7, 2)
    assert (one.seconds, one.compile_seconds, one.peak_memory_mb) == (6.0, 1.0, 310)
    assert (two.host, two.processes, two.images, two.compiles) == ("worker-2", 1, 8, 0)


JAVA = """An error occurred while calling o55.get.
: java.util.concurrent.ExecutionException: org.apache.spark.SparkException: Job aborted
\tat java.base/java.lang.Thread.run(Thread.java:829)
Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 604, in main
    process()
RuntimeError: Cannot open the model

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handle(PythonRunner.scala:517)
"""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (JAVA, "RuntimeError: Cannot open the model"),
        ("first\nCaused by: java.io.IOException: disk full\n\tat x", "Caused by: java.io.IOException: disk full"),
        ("one line", "one line"),
        ("first\nValueError: is in its second line", "first"),
        ("", "no message"),
    ],
)
def test_the_line_that_says_most(message: str, expected: str) -> None:
    assert cause(message) == expected
