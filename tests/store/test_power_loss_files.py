"""Power loss without root: the files that Steward writes in Python, in every state that a power cut
may leave them in.

What is honest here. The real code runs once, its calls of ``os`` are recorded, and for every moment
every folder is built that POSIX allows after a power cut then (``crash_states``): unsynced writes
missing, torn or zeroed, unsynced names missing in any combination. On each the real code recovers
and is judged. That is harsher than any one file system, and it is the same on every machine. It
can't look into SQLite, which is C: there it takes the commit's word, which rests on
``synchronous=FULL`` (read back in ``test_power_loss_store``) and is tried on a real ext4 whose
power goes by ``make test-power``.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from steward.append_file import AppendFile
from tests.store.crash_states import State, put
from tests.store.recorded_calls import ProcessDies, Recording

LINES = 6
TURN = 30


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    (tmp_path / "disk").mkdir()
    return Recording(tmp_path / "disk")


def line(n: int) -> bytes:
    return b"line %d\n" % n


class Lines:
    """Appends lines; ``committed`` is the offset and how many lines it covers."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self.recording = recording
        self.path = folder / "log"
        self.committed = (0, 0)

    def write(self) -> None:
        for n in range(self.committed[1], LINES):
            offset = AppendFile(self.path, max_bytes=TURN, keep=LINES).append(
                self.committed[0], line(n)
            )
            self.committed = (offset, n + 1)
            self.recording.note(self.committed)


def lost_lines(state: State, folder: Path) -> bool:
    """Whether the appended file has anything but the committed lines for its next writer."""
    put(state, folder)
    offset, count = state.note or (0, 0)
    file = AppendFile(folder / "log", max_bytes=TURN, keep=LINES)
    after = file.append(offset, b"next\n")
    found = b"".join(path.read_bytes() for path in file.files(after))
    return found != b"".join(map(line, range(count))) + b"next\n"


def states_of_lines(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int = 0
) -> list[State]:
    """Where the process also dies before one of its calls, and another goes on: the states from
    then on."""
    lines, first = Lines(recording, tmp_path / "disk"), 0
    with monkeypatch.context() as patch:
        recording.patch(patch)
        recording.dies_at = dies_at
        try:
            lines.write()
        except ProcessDies:
            first = len(recording.log)
            lines.write()
    return list(recording.states(first))


def test_a_committed_line_is_in_its_file_once(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = states_of_lines(recording, tmp_path, monkeypatch)
    assert len(found) > 40
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    assert [s for n, s in enumerate(found) if lost_lines(s, tmp_path / str(n))] == []


def test_the_control_without_fsync_loses_lines(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.syncs = False
    found = states_of_lines(recording, tmp_path, monkeypatch)
    assert any(lost_lines(state, tmp_path / str(n)) for n, state in enumerate(found))


def test_a_committed_line_is_there_though_an_earlier_process_was_killed_before_it_could_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dies_at in itertools.count(1):
        folder = tmp_path / str(dies_at)
        (folder / "disk").mkdir(parents=True)
        recording = Recording(folder / "disk")
        found = states_of_lines(recording, folder, monkeypatch, dies_at)
        if recording.calls < dies_at:
            break
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda fd: None)
            bad = [s for n, s in enumerate(found) if lost_lines(s, folder / str(n))]
        assert bad == [], f"killed at call {dies_at}"
    assert dies_at > 20
