"""inmsg.txt with real files, writers and a real database: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import socket
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from node import claimed_file, intake
from node.intake import Intake
from steward import message as messages
from steward.errors import IdConflict, QueueFull, StewardError
from steward.message import Defaults, Kind, Message, Operator
from tests.conftest import WaitFor

METHODS = {"ShellCommand": frozenset({Kind.COMMAND_ACK, Kind.COMMAND_NACK})}


class Crash(BaseException):
    """The process ends here."""


class Database:
    """What a store does for the intake, in one real SQLite file. ``tick`` is called before and
    after each commit."""

    def __init__(self, path: Path, tick: Callable[[], None] = lambda: None) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS claims (name TEXT PRIMARY KEY, progress TEXT)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS messages "
            "(n INTEGER PRIMARY KEY, id TEXT UNIQUE, digest BLOB, data TEXT)"
        )
        self._tick = tick
        self.room = 1_000_000
        self.taken: list[Message] = []
        self.commits = 0

    def close(self) -> None:
        self._db.close()

    async def claims(self) -> Mapping[str, str]:
        return dict(self._db.execute("SELECT name, progress FROM claims"))

    async def take(
        self, claim: str, progress: str, messages: Sequence[Message]
    ) -> Mapping[int, StewardError]:
        self._tick()
        refused: dict[int, StewardError] = {}
        with self._transaction():
            for n, one in enumerate(messages):
                row = self._db.execute("SELECT digest FROM messages WHERE id = ?", (one.id,))
                known = row.fetchone()
                if known is not None and known[0] != one.digest():
                    refused[n] = IdConflict(f"{one.id} was used before")
                elif known is None:
                    self._db.execute(
                        "INSERT INTO messages (id, digest, data) VALUES (?, ?, ?)",
                        (one.id, one.digest(), one.data[0]),
                    )
            if len(self.accepted()) > self.room:
                raise QueueFull("ship1's queue is full")
            if refused:
                self._db.execute("ROLLBACK")
                self._db.execute("BEGIN")
            else:
                self._db.execute("REPLACE INTO claims VALUES (?, ?)", (claim, progress))
        self.commits += 1
        self.taken += messages
        self._tick()
        return refused

    async def forget(self, claim: str) -> None:
        self._tick()
        self._db.execute("DELETE FROM claims WHERE name = ?", (claim,))
        self._tick()

    def accepted(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT data FROM messages ORDER BY n")]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


class World:
    """A state folder, its database and its intake; ``again()`` is another life of the daemon."""

    def __init__(self, folder: Path, tick: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.file = folder / "inmsg.txt"
        self.reports: list[StewardError] = []
        self.again(tick)

    def again(self, tick: Callable[[], None] = lambda: None) -> None:
        self.database = Database(self.folder / "test.db", tick)
        self.intake = Intake(self.folder, self.database, _check, self.reports.append)

    def made(self, rules: claimed_file.Rules) -> Intake:
        self.intake.close()
        return Intake(self.folder, self.database, _check, self.reports.append, rules)

    def end(self) -> None:
        self.intake.close()
        self.database.close()

    def append(self, data: bytes) -> None:
        with self.file.open("ab") as file:
            file.write(data)

    def idle(self) -> bool:
        return self.file.exists() and not self.file.stat().st_size and not self.claimed()

    def claimed(self) -> list[Path]:
        return claimed_file.claimed(self.folder)

    def rejects(self) -> list[dict[str, object]]:
        paths = sorted((self.folder / "rejected").glob("*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    async def settle(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while await self.intake.look() < intake.POLL or not self.idle():
            assert time.monotonic() < deadline, self.intake.status


def _check(raw: object, job: str | None, owner: Operator) -> Message:
    return messages.check(raw, Defaults(), METHODS, job=job, operator=owner)


def one(text: str, **more: object) -> dict[str, object]:
    fields = {"toNode": "ship1", "commandOrEvent": "CommandACK", "method": "ShellCommand"}
    return {**fields, "data": [text], **more}


def document(*texts: str) -> bytes:
    return json.dumps([one(text) for text in texts]).encode() + b"\n"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(claimed_file, "LATE_WRITERS", 0.0)
    world = World(tmp_path)
    yield world
    world.end()


async def test_messages_are_taken_in_order_and_the_file_is_emptied(world: World) -> None:
    await world.intake.look()
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o660
    world.file.chmod(0o622)
    world.append(document("a", "b") + json.dumps(one("c")).encode() + document("d"))
    await world.settle()
    assert world.database.accepted() == ["a", "b", "c", "d"]
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o622
    assert world.reports == []
    assert sorted(p.name for p in world.folder.iterdir() if "test.db" not in p.name) == [
        "inmsg.txt"
    ]


async def test_what_cannot_be_taken_is_rejected_with_file_line_and_reason(world: World) -> None:
    bad = [one("ok1"), one("x", colour="red"), 7, one("ok2", id="same"), one("y", id="same")]
    text = "oops\n" + json.dumps(bad, indent=0) + '\n[{"toNode":"ship1"'
    world.append(text.encode() + b"\xff")
    await world.settle()
    assert world.database.accepted() == ["ok1", "ok2"]
    rejects = world.rejects()
    assert [(r["file"], r["line"]) for r in rejects] == [
        ("inmsg.txt", line) for line in (1, 11, 20, 30, 40)
    ]
    assert "neither an array nor an object" in str(rejects[0]["reason"])
    assert rejects[0]["text"] == "oops\n"
    assert "'colour'" in str(rejects[1]["reason"])
    assert "a message is an object" in str(rejects[2]["reason"])
    assert "used before" in str(rejects[3]["reason"])
    assert "expected ',' or the end" in str(rejects[4]["reason"])
    assert "textB64" in rejects[4]
    assert len(world.reports) == 1
    assert "line 1 rejected" in str(world.reports[0])
    assert "5 in all" in str(world.reports[0])


async def test_a_writer_that_pauses_in_the_middle_is_waited_for(
    world: World, wait_for: WaitFor
) -> None:
    await world.intake.look()
    with world.file.open("ab") as file:
        file.write(b'[{"toNode":"ship1","data":["a"],')
        file.flush()
        await wait_for(lambda: world.intake.look())
        for _ in range(5):
            assert await world.intake.look() == intake.WRITER_POLL
        file.write(b'"commandOrEvent":"CommandACK","method":"ShellCommand"}]')
    await world.settle()
    assert world.database.accepted() == ["a"]
    assert world.rejects() == []


async def test_what_a_writer_that_stays_has_finished_is_taken_early(
    world: World, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "EARLY", 0.1)

    async def taken(expected: list[str]) -> bool:
        await world.intake.look()
        return world.database.accepted() == expected

    await world.intake.look()
    with world.file.open("ab") as file:
        file.write(document("a") + b"[")
        file.flush()
        await wait_for(lambda: taken(["a"]))
        file.write(document("b"))
        world.append(document("other"))
        await wait_for(lambda: taken(["a", "other"]))
        assert "keeps" in world.intake.status.reason
        file.write(b"] " + document("c"))
        file.flush()
        await wait_for(lambda: taken(["a", "other", "c"]))
    await world.settle()
    assert len(world.rejects()) == 1
    assert world.intake.status == (True, "")


async def test_a_late_writer_breaks_the_lease_and_is_read_too(
    world: World, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.intake.look()
    world.append(document("a"))
    taking, go_on = asyncio.Event(), asyncio.Event()
    take = world.database.take

    async def slow(
        claim: str, progress: str, messages: Sequence[Message]
    ) -> Mapping[int, StewardError]:
        taking.set()
        await go_on.wait()
        return await take(claim, progress, messages)

    monkeypatch.setattr(world.database, "take", slow)
    settling = asyncio.create_task(world.settle())
    await taking.wait()
    (claimed,) = world.claimed()
    (world.folder / "more.json").write_bytes(document("b"))
    shell = f"cat {world.folder}/more.json >> {claimed}"
    writer = await asyncio.create_subprocess_exec("sh", "-c", shell)
    lock = re.compile(rf"LEASE +BREAKING .*:{claimed.stat().st_ino} ")
    await wait_for(lambda: lock.search(Path("/proc/locks").read_text()))
    go_on.set()
    await settling
    assert await writer.wait() == 0
    assert world.database.accepted() == ["a", "b"]


async def test_without_leases_a_file_is_read_once_it_stops_growing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimed_file, "_LEASES", False)
    monkeypatch.setattr(claimed_file, "SETTLED", 0.1)
    world.append(document("a") + b"[")
    await world.settle()
    assert world.database.accepted() == ["a"]
    assert len(world.rejects()) == 1


def linked(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(document("never"))
    os.link(path.with_name("elsewhere"), path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("a symbolic link", lambda path: path.symlink_to("elsewhere")),
        ("a symbolic link", lambda path: path.symlink_to("nowhere")),
        ("a FIFO", lambda path: os.mkfifo(path)),
        ("a folder", lambda path: path.mkdir()),
        ("a special file", a_socket),
        ("a hard link", linked),
        ("bytes, more than 100,000", lambda path: path.write_bytes(document("never") * 10_000)),
    ],
)
async def test_what_is_not_safe_is_put_aside_once_and_the_next_file_is_taken(
    world: World, what: str, make: Callable[[Path], None]
) -> None:
    (world.folder / "elsewhere").write_bytes(document("never"))
    world.intake = world.made(claimed_file.Rules(most=100_000))
    make(world.file)
    for _ in range(4):
        await world.intake.look()
    assert world.intake.status.open
    assert stat.S_ISREG(world.file.lstat().st_mode)
    assert stat.S_IMODE(world.file.lstat().st_mode) & 0o002 == 0
    [report] = world.reports
    assert what in str(report)
    [kept] = (world.folder / "rejected").glob("*.refused")
    assert str(kept) in str(report)
    world.append(document("a"))
    await world.settle()
    assert world.database.accepted() == ["a"]
    world.again()
    await world.settle()
    assert (world.database.accepted(), len(world.reports)) == (["a"], 1)


async def test_a_file_that_is_exchanged_for_a_link_after_its_claim_is_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.folder / "elsewhere").write_bytes(document("never"))
    real = claimed_file.Rules.check
    swaps = [2]

    def check(rules: claimed_file.Rules, found: os.stat_result) -> None:
        real(rules, found)
        if swaps[0]:
            swaps[0] -= 1
            for path in world.claimed():
                path.unlink()
                path.symlink_to("elsewhere")

    monkeypatch.setattr(claimed_file.Rules, "check", check)
    world.append(document("never"))
    await world.settle()
    assert world.database.accepted() == []
    assert any("a symbolic link" in str(report) for report in world.reports)


async def test_messages_of_a_file_have_its_owner_for_their_operator(world: World) -> None:
    world.append(document("a"))
    await world.settle()
    assert [one.operator.uid for one in world.database.taken] == [os.geteuid()]


async def test_a_full_queue_makes_the_file_wait_and_nothing_is_lost(world: World) -> None:
    texts = [str(n) for n in range(1000)]
    world.database.room = 300
    world.append(document(*texts))
    for _ in range(15):
        await world.intake.look()
    assert world.database.accepted() == texts[:300]
    assert not world.intake.status.open
    assert "full" in world.intake.status.reason
    assert [str(r) for r in world.reports] == ["ship1's queue is full"]
    world.append(document("last"))
    world.database.room = 2000
    await world.settle()
    assert world.database.accepted() == [*texts, "last"]
    assert world.rejects() == []


async def test_a_crash_at_any_step_loses_nothing_and_takes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimed_file, "LATE_WRITERS", 0.0)
    monkeypatch.setattr(intake, "BATCH", 2)
    left = itertools.count(1)
    armed = False

    def tick() -> None:
        if armed and next(left) == 0:
            raise Crash

    for name in ("rename", "replace", "link", "unlink", "fsync", "pwrite", "ftruncate", "fchmod"):
        real = getattr(os, name)

        def stepping(*args: object, _real: Callable[..., object] = real, **more: object) -> object:
            tick()
            result = _real(*args, **more)
            tick()
            return result

        monkeypatch.setattr(os, name, stepping)

    content = document("a", "b", "c") + b"junk" + document("d") + b'[1]\n{"toNode":"e"}\n'
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        folder.mkdir()
        world = World(folder, tick)
        world.append(content)
        crashed: list[int] = []
        # The second life ends early too, so that a recovery is recovered from.
        for steps in (step, 1 + step % 11):
            left, armed = itertools.count(-steps), True
            try:
                await world.settle()
            except Crash:
                crashed.append(steps)
            armed = False
            world.end()
            world.again(tick)
        await world.settle()
        assert world.database.accepted() == ["a", "b", "c", "d"], step
        assert [r["line"] for r in world.rejects()] == [2, 3, 4], step
        assert await world.database.claims() == {}
        assert not list(folder.glob(".*"))
        world.end()
        if step not in crashed:
            break
    assert step > 40


async def test_four_writers_and_ten_thousand_messages(tmp_path: Path, wait_for: WaitFor) -> None:
    world = World(tmp_path)
    await world.intake.look()
    each = 2500
    for w in range(4):
        (tmp_path / f"w{w}").mkdir()
        for n in range(each):
            extra = b"garbage [{ \x00\n" if n % 500 == 250 else b""
            (tmp_path / f"w{w}" / f"{n:04d}").write_bytes(extra + document(f"{w}/{n}"))
    running = asyncio.create_task(world.intake.run())
    loop = 'for f in "$1"/*; do cat "$f" >> "$2" || exit 1; done'
    writers = [
        await asyncio.create_subprocess_exec(
            "sh", "-c", loop, "sh", str(tmp_path / f"w{w}"), str(world.file)
        )
        for w in range(4)
    ]
    try:
        assert [await writer.wait() for writer in writers] == [0, 0, 0, 0]
        await wait_for(world.idle, 30)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    accepted = world.database.accepted()
    assert len(accepted) == 4 * each
    for w in range(4):
        mine = [int(text.split("/")[1]) for text in accepted if text.startswith(f"{w}/")]
        assert mine == list(range(each))
    assert len(world.rejects()) == 20
    world.end()
