"""Secret messages in a real file: there while they have to be sent, overwritten after their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
import pytest

from steward.errors import IdConflict
from steward.frames import Verdict
from steward.inbox import Command
from steward.message import HIDDEN, Kind, Message, MessageId, State, new_id
from steward.outbox import Accepted
from steward.store import Store
from steward.subjects import NodeName

SHIP = NodeName("ship1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "state", NodeName("central"), min_free=0, ballast=0)
    yield store
    await store.close()


def secret(word: str, **more: Any) -> Message:
    facts: dict[str, Any] = {
        "id": new_id(), "to": SHIP, "kind": Kind.COMMAND_ACK, "method": "ShellCommand",
        "timeout": 1.0, "retries": 0, "data": ("echo", word), "stdin": word.encode() * 50,
        "secret": True,
    }  # fmt: skip
    return Message(**facts | more)


def holds(store: Store, word: str) -> bool:
    files = store.folder.glob("steward.db*")
    return any(word.encode() in file.read_bytes() for file in files)


async def submit(store: Store, *messages: Message) -> list[Any]:
    return await store.write(lambda t: t.outbox.submit(messages, None, store.clock.now()))


async def end(store: Store, id: MessageId, state: State = State.CANCELLED) -> None:
    await store.write(lambda t: t.outbox.end(id, state, "", store.clock.now()))


@pytest.mark.parametrize("size", [1, 100, 4000])
async def test_it_is_in_the_file_until_its_end_and_not_after(store: Store, size: int) -> None:
    words = [token_hex(16) for _ in range(5)]
    messages = [secret(word, data=("echo", word * size)) for word in words]
    await submit(store, *messages, secret("no secret", secret=False))
    assert all(holds(store, word) for word in words)
    for message in messages:
        await end(store, message.id)
    assert not any(holds(store, word) for word in words)
    assert holds(store, "no secret")
    assert store.wal_bytes() == 0


async def test_somebody_who_reads_meanwhile_delays_the_last_of_it(store: Store) -> None:
    word = token_hex(16)
    message = secret(word)
    await submit(store, message)

    def slowly(tables: Any) -> None:
        import time

        tables.history.show(message.id, store.clock.now())
        time.sleep(0.5)

    reading = asyncio.create_task(store.read(slowly))
    await asyncio.sleep(0.1)
    await end(store, message.id)
    await reading
    await submit(store, secret("another"))
    assert not holds(store, word)


async def test_a_start_in_between_forgets_no_secret(store: Store, tmp_path: Path) -> None:
    word = token_hex(16)
    message = secret(word)
    await submit(store, message)
    await store.close()
    again = await Store.open(tmp_path / "state", NodeName("central"), min_free=0, ballast=0)
    try:
        await end(again, message.id)
        assert not holds(again, word)
    finally:
        await again.close()


async def test_a_rollback_forgets_no_secret_either(store: Store) -> None:
    word = token_hex(16)
    message = secret(word)
    await submit(store, message)

    def fails(tables: Any) -> None:
        tables.outbox.end(message.id, State.CANCELLED, "", store.clock.now())
        raise IdConflict("no")

    with pytest.raises(IdConflict):
        await store.write(fails)
    assert holds(store, word)
    await end(store, message.id)
    assert not holds(store, word)


async def test_the_same_message_is_known_again_after_that(store: Store) -> None:
    message = secret("word")
    await submit(store, message)
    await end(store, message.id)
    assert await submit(store, message) == [Accepted(message.id, duplicate=True)]
    other = msgspec.structs.replace(message, stdin=b"other")
    assert isinstance((await submit(store, other))[0], IdConflict)


async def test_what_is_shown_and_found_of_it(store: Store) -> None:
    message = secret("password")
    await submit(store, message)
    now = store.clock.now()
    shown = await store.read(lambda t: t.history.show(message.id, now))
    assert (shown["data"], shown["secret"]) == ([HIDDEN], True)
    assert {"stdin", "stdinB64"}.isdisjoint(shown)
    for text, count in (("password", 0), ("secret", 1), ("ship1", 1)):
        page = await store.read(lambda t, x=text: t.history.messages(now, text=x))  # type: ignore[misc]
        assert len(page["messages"]) == count, text


async def test_a_job_shows_no_more(store: Store) -> None:
    await submit(store, secret("password", job="j"), secret("password", job="j"))
    for text, count in (("password", 0), ("secret", 1)):
        page = await store.read(lambda t, x=text: t.jobs.jobs(text=x))  # type: ignore[misc]
        assert [job["data"] for job in page["jobs"]] == [[HIDDEN]] * count
    assert "password" not in str(await store.read(lambda t: t.jobs.job("j")))


async def test_the_output_that_an_older_node_tells_is_not_kept(store: Store) -> None:
    message, word = secret("x"), token_hex(16)
    await submit(store, message)
    result = {"exitCode": 1, "stdout": word, "stderr": "", "stdoutSize": 32, "stdoutSha256": "0"}
    told = {"about": message.id, "state": "failed", "reason": f"{word}: no", "result": result}
    await store.write(lambda t: t.outbox.settle_result(message.id, SHIP, told, store.clock.now()))
    shown = await store.read(lambda t: t.history.show(message.id, store.clock.now()))
    assert (shown["state"], shown["result"]["exitCode"]) == ("failed", 1)
    assert not holds(store, word)


async def test_a_commands_row_leaves_no_trace(store: Store) -> None:
    words = [token_hex(16) for _ in range(3)]
    subject = secret("x").subject

    def accept(tables: Any) -> None:
        from steward.handoff.state import Arrival

        tables.inbox.accept(
            [
                Arrival(frm=SHIP, store="s", subject=subject, seq=n, id=new_id(),
                        expires=None, deadline=None, body=secret(word).body())
                for n, word in enumerate(words, 1)
            ],
            store.clock.now(),
        )  # fmt: skip

    await store.write(accept)
    assert all(holds(store, word) for word in words)

    def first(tables: Any) -> Command:
        found: list[Command] = tables.inbox.startable()
        return found[0]

    command = await store.read(first)
    await store.write(lambda t: t.inbox.finish(command, store.clock.now(), "key", 7))
    assert not holds(store, words[0])
    assert await store.read(lambda t: t.inbox.run_key(command.id, SHIP)) is None
    assert await store.write(lambda t: t.inbox.forget_runs(store.clock.now())) == ["key"]
    await store.write(lambda t: t.inbox.void(SHIP, "s", subject, 2))
    assert not holds(store, words[1])
    await store.write(lambda t: t.inbox.renew(store.clock.now()))
    assert not holds(store, words[2])


async def test_a_notice_is_published_whole_and_wiped(store: Store) -> None:
    word = token_hex(16)
    notice = secret(word, kind=Kind.COMMAND_NACK)
    await submit(store, notice)
    going = await store.write(
        lambda t: t.outbox.take_notices(notice.subject, True, store.clock.now())
    )
    assert going[0].body == notice.body()
    assert not holds(store, word)


async def test_a_refusal_wipes_it(store: Store) -> None:
    word = token_hex(16)
    message = secret(word)
    await submit(store, message)

    def refused(tables: Any) -> None:
        stream = tables.outbox.bind(None, message.subject, "inst", 10, 1 << 20)
        verdict = Verdict(state=State.REFUSED, reason="no")
        tables.outbox.settle(stream, 1, {1: verdict}, store.clock.now())

    await store.write(refused)
    assert not holds(store, word)
