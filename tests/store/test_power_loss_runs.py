"""What a command and a text log leave on disk, in every state that a power cut may leave it in.

As in ``test_power_loss_files``. An exit record is synced where no daemon hears of the end; where
one does, it isn't, and the daemon's commit of the result takes its place.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node import output, spawn
from node.methods import Event, Site
from node.methods.text_logging import METHOD
from steward.message import Body
from steward.store import Tables
from tests.store.conftest import arrival
from tests.store.crash_states import State, put
from tests.store.recorded_calls import ProcessDies, Recording


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    (tmp_path / "disk").mkdir()
    return Recording(tmp_path / "disk")


def run(recording: Recording, folder: Path, *, sync: bool) -> None:
    """A command's files, in the order in which the runner writes them."""
    runs = os.open(folder, os.O_RDONLY)
    run = spawn.claim("key", runs)
    for name in spawn.STREAMS:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, dir_fd=run)
        os.write(file, name.encode())
        os.close(file)
    recording.note("claimed")
    spawn.name_process(os.getpid(), run)
    how = {"exitCode": 3, "started": 1, "ended": 2, "stdoutSize": 6, "stderrSize": 6}
    spawn.write_exit("key", runs, how, spawn.STREAMS, sync=sync)
    recording.note("ended")
    os.close(run)
    os.close(runs)


def states_of_run(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sync: bool
) -> list[tuple[Path, State]]:
    with monkeypatch.context() as patch:
        recording.patch(patch)
        run(recording, tmp_path / "disk", sync=sync)
    found = [(tmp_path / str(n), state) for n, state in enumerate(recording.states())]
    for folder, state in found:
        put(state, folder)
    return found


def assert_said(folder: Path, record: output.Exit) -> None:
    """What there is of an output, and what is said to be lost, is all that was written."""
    assert record.exit_code == 3
    result = output.read_ending(folder / "key", record).result
    for name in spawn.STREAMS:
        assert result[f"{name}Size"] + result.get(f"{name}Lost", 0) == 6


def test_a_synced_end_is_there_with_its_output(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = states_of_run(recording, tmp_path, monkeypatch, sync=True)
    assert any(state.note == "ended" for _, state in found)
    for folder, state in found:
        record = output.read_exit(folder / "key")
        if state.note == "ended":
            assert record is not None, state
            result = output.read_ending(folder / "key", record).result
            assert (result["stdout"], result["stderr"]) == ("stdout", "stderr"), state
        if record is not None:
            assert_said(folder, record)


def test_an_end_that_was_not_synced_is_there_or_not_and_says_what_was_lost_of_its_output(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = set()
    for folder, _ in states_of_run(recording, tmp_path, monkeypatch, sync=False):
        record = output.read_exit(folder / "key")
        there.add(record is not None)
        if record is not None:
            assert_said(folder, record)
    assert there == {True, False}


class Offsets:
    """Of the tables, what a text log needs: the offsets that were committed."""

    def __init__(self) -> None:
        self.records = self
        self.committed: dict[str, int] = {}
        self.waiting: dict[str, int] = {}

    def append_offset(self, name: str) -> int:
        return self.committed.get(name, 0)

    def set_append_offset(self, name: str, offset: int) -> None:
        self.waiting[name] = offset


def log(offsets: Offsets, folder: Path, text: str) -> None:
    site = SimpleNamespace(state_dir=folder, text_log_bytes=30, text_log_files=4)
    event = Event(arrival(1), Body(data=(text,)))
    assert METHOD.handle is not None
    METHOD.handle(cast(Site, site), cast(Tables, offsets), [event])


@pytest.mark.parametrize("dies_at", range(10))
def test_a_logged_text_is_in_its_file_once(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    offsets: Any = Offsets()
    with monkeypatch.context() as patch:
        recording.patch(patch)
        recording.dies_at = dies_at
        for text in ("one\n", "two\n"):
            try:
                log(offsets, tmp_path / "disk", text)
            except ProcessDies:
                log(offsets, tmp_path / "disk", text)
            offsets.committed = dict(offsets.waiting)
            recording.note((text, offsets.committed))
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    for n, state in enumerate(recording.states(len(recording.log) - 1)):
        put(state, tmp_path / str(n))
        offsets.committed = dict(state.note[1])
        log(offsets, tmp_path / str(n), "end\n")
        found = (tmp_path / str(n) / "textlogging" / "ship1.log").read_text()
        assert found in ("one\ntwo\nend\n", "one\nend\n")
        assert ("two" in found) == (state.note[0] == "two\n"), state
