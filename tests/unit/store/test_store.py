"""The store: one line a record, whatever happens to the process that writes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.errors import RunFailed, UserError
from experiments.store.records import RECORDS, SCHEMA, TORN, Writer, load, replace

ROOT = Path(__file__).parents[3]


def quiet(_: str) -> None:
    pass


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    for number in range(3):
        with Writer(tmp_path, quiet) as writer:
            writer.append({"cell": "ä b", "number": number})
    loaded = load(tmp_path / RECORDS)
    assert [one["number"] for one in loaded.records] == [0, 1, 2]
    assert loaded.records[0] == {"schema": SCHEMA, "cell": "ä b", "number": 0}
    assert loaded.torn == ""
    first = (tmp_path / RECORDS).read_text().splitlines()[0]
    assert first.startswith('{"schema":1,')


def test_no_file_is_no_record(tmp_path: Path) -> None:
    assert load(tmp_path / RECORDS).records == ()


@pytest.mark.parametrize("seed", range(40))
def test_a_torn_last_line_is_moved_aside_and_reported(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Writer(tmp_path, quiet) as writer:
        for number in range(3):
            writer.append({"number": number, "text": "ü" * chance.randint(0, 20)})
    path = tmp_path / RECORDS
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    cut = chance.randint(last + 1, len(whole) - 1)
    path.write_bytes(whole[:cut])
    said: list[str] = []
    with Writer(tmp_path, said.append) as writer:
        writer.append({"number": 9})
    assert [one["number"] for one in load(path).records] == [0, 1, 9]
    assert len(said) == 1
    assert "cut off by a crash" in said[0]
    kept = (tmp_path / TORN).read_bytes()
    assert kept == whole[last:cut] + b"\n"


def test_a_run_has_one_writer(tmp_path: Path) -> None:
    with Writer(tmp_path, quiet), pytest.raises(RunFailed, match="another command is writing this run"):
        Writer(tmp_path, quiet).__enter__()
    with Writer(tmp_path, quiet) as writer:  # free again
        writer.append({})


def test_nothing_is_written_outside_of_with(tmp_path: Path) -> None:
    writer = Writer(tmp_path, quiet)
    with pytest.raises(RunFailed, match="not open"):
        writer.append({})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{half", r"records\.jsonl, line 2: is not JSON.*restore the file"),
        ("[1]", r"line 2: schema = null; this release knows 1"),
        ('{"cell": "a"}', r"line 2: schema = null"),
        ('{"schema": 2}', r"line 2: schema = 2; this release knows 1"),
    ],
)
def test_a_damaged_line_is_refused_by_number(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / RECORDS
    path.write_text(f'{{"schema": 1}}\n{line}\n{{"schema": 1}}\n')
    with pytest.raises(UserError, match=message):
        load(path)
    with pytest.raises(UserError, match=message):
        Writer(tmp_path, quiet).__enter__()


def test_what_is_no_number_is_not_written(tmp_path: Path) -> None:
    with Writer(tmp_path, quiet) as writer, pytest.raises(ValueError, match="not JSON compliant"):
        writer.append({"seconds": float("nan")})
    assert load(tmp_path / RECORDS).records == ()


WRITER = """
import sys
from pathlib import Path
from experiments.store.records import Writer
with Writer(Path(sys.argv[1]), print) as writer:
    for number in range(1_000_000):
        writer.append({"number": number, "text": "x" * (number % 5000)})
        print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_writer_loses_no_record_that_it_reported(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        reported = [int(process.stdout.readline())]
        time.sleep(random.Random(seed).random() / 3)
        os.kill(process.pid, signal.SIGKILL)
        reported += [int(line) for line in process.stdout.read().splitlines() if line]
    with Writer(tmp_path, quiet):
        pass
    numbers = [one["number"] for one in load(tmp_path / RECORDS).records]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > reported[-1]


def test_ten_thousand_trials_are_read(tmp_path: Path) -> None:
    (tmp_path / RECORDS).write_text("".join(f'{{"schema": {SCHEMA}, "number": {n}}}\n' for n in range(10_000)))
    assert [one["number"] for one in load(tmp_path / RECORDS).records] == list(range(10_000))


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    replace(tmp_path / "a.json", "one")
    replace(tmp_path / "a.json", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "two"
