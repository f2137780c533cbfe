"""messages.jsonl: each line once, whatever fails between the file and the database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from steward import journal
from steward.errors import StewardError
from steward.journal import Journal, Pending
from tests.conftest import WaitFor


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
        told = [("accepted", id) for id in accepted] + [("final", id) for id in final]
        data = "".join(f"{json.dumps({'event': event, 'id': id})}\n" for event, id in told)
        return Pending(self.offset, data.encode(), len(told), mark)

    async def written(self, pending: Pending, offset: int) -> None:
        if self.fail:
            raise ConnectionError("the process has ended here")
        (self.accepted, self.final), self.offset = pending.mark, offset


def unexpected(error: StewardError) -> None:
    raise AssertionError(error)


def lines(folder: Path) -> list[tuple[str, str]]:
    text = (folder / journal.NAME).read_text()
    return [(line["event"], line["id"]) for line in map(json.loads, text.splitlines())]


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
