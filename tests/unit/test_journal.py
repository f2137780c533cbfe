"""messages.jsonl: each line once, whatever fails between the file and the database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from steward import journal
from steward.errors import StewardError
from steward.journal import Journal, Pending, replayable
from steward.message import Defaults, Kind, check
from tests.conftest import WaitFor


def message(id: str) -> dict[str, Any]:
    """Message JSON, as the store shows it."""
    return {
        "id": id,
        "fromNode": "central",
        "toNode": "ship1",
        "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
        "data": ["true"],
        "timeout": 10.0,
        "retries": 0,
        "ttl": 0.0,
        "methodTimeout": 0.0,
        "parallel": False,
        "state": "failed",
        "attempts": 1,
        "reason": "",
        "times": {"accepted": "2026-01-31T12:00:00.000Z", "ended": "2026-01-31T12:00:01.000Z"},
        "result": {"exitCode": 3, "stdout": "secret"},
        "retryOf": None,
        "job": None,
        "uid": 0,
    }


class Ledger:
    """Accepted and final ids, how far they are in the file, and a commit that can fail."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.accepted = self.final = self.offset = 0
        self.fail = False

    async def pending(self, limit: int) -> Pending:
        accepted = self.ids[self.accepted :][:limit]
        final = self.ids[self.final :][:limit]
        mark = (self.accepted + len(accepted), self.final + len(final))
        return Pending(self.offset, [*map(message, accepted)], [*map(message, final)], mark)

    async def written(self, pending: Pending, offset: int) -> None:
        if self.fail:
            raise ConnectionError("the process has ended here")
        (self.accepted, self.final), self.offset = pending.mark, offset


def unexpected(error: StewardError) -> None:
    raise AssertionError(error)


def lines(folder: Path) -> list[tuple[str, str]]:
    text = (folder / journal.NAME).read_text()
    return [(line["event"], line["id"]) for line in map(json.loads, text.splitlines())]


async def test_a_line_when_accepted_and_one_when_final(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.ids = ["a"]
    assert await Journal(tmp_path, ledger, unexpected).write() == 2
    first, last = map(json.loads, (tmp_path / journal.NAME).read_text().splitlines())
    assert (first["event"], first["time"]) == ("accepted", "2026-01-31T12:00:00.000Z")
    assert last == {
        "event": "final",
        "time": "2026-01-31T12:00:01.000Z",
        "id": "a",
        "toNode": "ship1",
        "method": "ShellCommand",
        "state": "failed",
        "attempts": 1,
        "reason": "",
        "exitCode": 3,
    }
    again = replayable(first)
    assert again is not None
    assert "id" not in again
    check(again, Defaults(), {"ShellCommand": frozenset({Kind.COMMAND_ACK})})
    assert replayable(last) is None


async def test_lines_whose_commit_failed_are_there_once(tmp_path: Path) -> None:
    ledger = Ledger()
    for n in range(5):
        ledger.ids.append(str(n))
        ledger.fail = n % 2 == 0
        for _ in range(2):
            try:
                await Journal(tmp_path, ledger, unexpected).write()
            except ConnectionError:
                ledger.fail = False
    expected = [(event, str(n)) for n in range(5) for event in ("accepted", "final")]
    assert lines(tmp_path) == expected


async def test_what_could_not_be_written_is_reported_once_and_written_later(
    tmp_path: Path, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETRY", 0.01)
    (tmp_path / journal.NAME).symlink_to(tmp_path / "elsewhere")
    ledger, reports = Ledger(), list[StewardError]()
    ledger.ids = ["a"]
    writer = Journal(tmp_path, ledger, reports.append)
    running = asyncio.create_task(writer.run())
    await wait_for(lambda: reports)
    (tmp_path / journal.NAME).unlink()
    await wait_for(lambda: ledger.final == 1)
    ledger.ids.append("b")
    writer.wake()
    await wait_for(lambda: ledger.final == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(reports) == 1
    assert lines(tmp_path)[2:] == [("accepted", "b"), ("final", "b")]
