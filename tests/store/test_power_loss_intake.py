"""``inmsg.txt`` when the power goes: whatever is left of the files, each message is taken once.

As in ``test_power_loss_files``; the database is one that keeps what was committed.
"""

from __future__ import annotations

import asyncio
import copy
import errno
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from node import claimed_file, intake
from node.submitting import judge_one
from steward.config import load
from steward.errors import StewardError
from steward.message import Message
from tests.store.crash_states import State, put
from tests.store.recorded_calls import ProcessDies, Recording

GIVEN = [[1, 2, 3], [4], "garbage", [5, "bad", 6], [7]]
"""Documents; what is no number can't be taken."""
DATA = [str(n) for n in range(1, 8)]
DEFAULTS = load({"node": "central"}).defaults


class Committed:
    """``IntakeStore``: what a database has committed."""

    def __init__(self, recording: Recording | None = None) -> None:
        self.messages: dict[str, str] = {}
        self.progress: dict[str, str] = {}
        self.recording = recording

    async def claims(self) -> Mapping[str, str]:
        return self.progress

    async def take(
        self, claim: str, progress: str, messages: Sequence[Message]
    ) -> Mapping[int, StewardError]:
        for message in messages:
            assert self.messages.setdefault(message.id, message.data[0]) == message.data[0]
        self.progress = {**self.progress, claim: progress}
        self._commit()
        return {}

    async def forget(self, claim: str) -> None:
        self.progress = {name: at for name, at in self.progress.items() if name != claim}
        self._commit()

    def _commit(self) -> None:
        if self.recording is not None:
            self.recording.note((dict(self.messages), self.progress))

    def again(self) -> Committed:
        """As the next start finds it."""
        return copy.copy(self)


def text() -> bytes:
    lines = []
    for content in GIVEN:
        elements = [
            {"toNode": "ship1" if isinstance(one, int) else "no name", "data": [str(one)],
             "commandOrEvent": "EventACK", "method": "TextLogging"} for one in content
        ]  # fmt: skip
        lines.append(content if isinstance(content, str) else json.dumps(elements))
    return "".join(f"{line}\n" for line in lines).encode()


def take_all(folder: Path, store: Committed) -> None:
    asyncio.run(_take_all(folder, store))


async def _take_all(folder: Path, store: Committed, *, patient: bool = False) -> None:
    reports: list[StewardError] = []
    looking = intake.Intake(
        folder, store, lambda value, job, who: judge_one(value, DEFAULTS, job, who), reports.append
    )
    try:
        await looking.look()
        while not (claimed_file.is_empty(folder) and not claimed_file.claimed(folder)):
            await looking.look()
            assert looking.status.open or patient, looking.status
            patient = False
        await looking.look()
    finally:
        looking.close()


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(claimed_file, "LATE_WRITERS", 0.0)
    monkeypatch.setattr(intake, "BATCH", 2)
    (tmp_path / "disk").mkdir()
    return Recording(tmp_path / "disk")


def played(
    recording: Recording, folder: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int = 0
) -> list[State]:
    """The states after a power cut; those alone that come after the process died, if it did."""
    store, first = Committed(recording), len(recording.log)
    with monkeypatch.context() as patch:
        recording.patch(patch)
        recording.dies_at = dies_at
        try:
            take_all(folder, store)
        except ProcessDies:
            first = len(recording.log)
            take_all(folder, store.again())
    return list(recording.states(first))


def after(state: State, folder: Path) -> Committed:
    """What is committed once the next start has taken all that is left."""
    put(state, folder)
    store = Committed()
    store.messages, store.progress = copy.deepcopy(state.note or ({}, {}))
    take_all(folder, store)
    assert (folder / claimed_file.NAME).read_bytes() == b""
    return store


def rejects(folder: Path) -> Counter[str]:
    """What counts of ``rejected/``: what was committed as its size is not looked up here."""
    lines = [
        json.loads(line)
        for path in folder.glob("rejected/*.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    return Counter("garbage" if "garbage" in line["text"] else "bad" for line in lines)


def test_what_was_given_durably_is_taken_once_and_rejected_once(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.durable(claimed_file.NAME, text())
    found = played(recording, tmp_path / "disk", monkeypatch)
    assert len(found) > 20
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    for n, state in enumerate(found):
        store = after(state, tmp_path / str(n))
        assert sorted(store.messages.values()) == DATA, state
        assert rejects(tmp_path / str(n)) == {"garbage": 1, "bad": 1}, state


def test_what_a_writer_had_not_synced_is_taken_once_at_most_and_what_was_taken_stays(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        recording.patch(patch)
        file = os.open(tmp_path / "disk" / claimed_file.NAME, os.O_WRONLY | os.O_CREAT)
        os.write(file, text())
        os.close(file)
    found = played(recording, tmp_path / "disk", monkeypatch)
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    for n, state in enumerate(found):
        before = set((state.note or ({},))[0].values())
        taken = list(after(state, tmp_path / str(n)).messages.values())
        assert len(taken) == len(set(taken)), state
        assert before <= set(taken) <= set(DATA), state


def test_a_process_that_was_killed_before_changes_nothing(
    tmp_path: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = True
    while died:
        dies_at = recording.dies_at + 1
        folder = tmp_path / f"killed-{dies_at}"
        (folder / "disk").mkdir(parents=True)
        recording = Recording(folder / "disk")
        recording.durable(claimed_file.NAME, text())
        found = played(recording, folder / "disk", monkeypatch, dies_at)
        died = recording.calls >= dies_at
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda fd: None)
            for n, state in enumerate(found[::7]):
                store = after(state, folder / str(n))
                assert sorted(store.messages.values()) == DATA, (dies_at, state)
    assert dies_at > 15


def test_what_was_claimed_before_an_error_is_taken_all_the_same(
    tmp_path: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.durable(claimed_file.NAME, text())
    store, real = Committed(), os.link

    def fails_once(old: Path, new: Path) -> None:
        monkeypatch.setattr(os, "link", real)
        raise OSError(errno.EIO, "the disk fails")

    monkeypatch.setattr(os, "link", fails_once)
    asyncio.run(_take_all(tmp_path / "disk", store, patient=True))
    assert sorted(store.messages.values()) == DATA
