"""A key that has ended while a node was away: once central's word is there, it is nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from msgspec import structs

from steward import frames
from steward.message import MessageId
from steward.store_file import connect_reader
from steward.subjects import NodeName
from tests.attack.harbour import Harbour, until
from tests.attack.intruder import Intruder
from tests.attack.papers import CENTRAL, SHIP1, SHIP3
from tests.attack.people import Identity, identities

SHELL = f"{SHIP1}.CommandACK.ShellCommand"


def stolen(here: Harbour, name: NodeName) -> Identity:
    """Somebody with the key that a node has now."""
    if name == CENTRAL:
        papers = here.papers
        return Identity("central, stolen", CENTRAL, papers.root, (papers.of(CENTRAL),), True)
    return next(one for one in identities(here.papers) if one.accepted and one.name == name)


async def asks(intruder: Intruder, who: Identity, data: Sequence[str] = ("true",)) -> None:
    """In a stream of its own, each time."""
    frame = intruder.frame(who.name, SHELL, data)
    await intruder.say([intruder.seal(frame, who)])


def runs(here: Harbour, frm: NodeName) -> int:
    """Commands of his that have ended on ship1."""
    with closing(connect_reader(here.folder / SHIP1 / "steward.db")) as con:
        sql = "SELECT count(*) FROM run WHERE frm = ?"
        return int(con.execute(sql, (frm,)).fetchone()[0])


def waiting(here: Harbour, frm: NodeName) -> int:
    """Commands of his that ship1 has not ended yet."""
    with closing(connect_reader(here.folder / SHIP1 / "steward.db")) as con:
        sql = "SELECT count(*) FROM command WHERE queue IN (SELECT key FROM queue WHERE frm = ?)"
        return int(con.execute(sql, (frm,)).fetchone()[0])


async def ran(here: Harbour, frm: NodeName, count: int) -> None:
    async def enough() -> bool:
        return runs(here, frm) >= count

    await until(enough, f"{count} commands of {frm} have run")
    assert runs(here, frm) == count


async def has_heard(here: Harbour, name: NodeName, upto: int) -> None:
    """Until ship1 knows that these keys have ended."""

    async def known() -> bool:
        ring = here.started[SHIP1].daemon._site._bus.wire.trust
        assert ring is not None
        return ring.keyring.upto(name) >= upto

    await until(known, f"ship1 knows the end of {name}'s key")


async def test_who_was_revoked_meanwhile_is_heard_no_more(
    here: Harbour, intruder: Intruder
) -> None:
    thief = stolen(here, SHIP3)
    await asks(intruder, thief)
    await ran(here, SHIP3, 1)
    await here.stop(SHIP1)
    await here.ask("revoke", name=SHIP3)
    await here.start(SHIP1)
    await has_heard(here, SHIP3, 2)
    for _ in range(2):
        await asks(intruder, thief)
        assert here.reports[SHIP1, "bad_signature"]
        here.reports.clear()
        await here.work([SHIP1])
        await here.stop(SHIP1)
        await here.start(SHIP1)
    await here.work([SHIP1])
    assert runs(here, SHIP3) == 1


async def test_what_a_revoked_node_has_waiting_is_not_started(
    here: Harbour, intruder: Intruder
) -> None:
    thief = stolen(here, SHIP3)
    letter = intruder.frame(SHIP3, SHELL)
    [entry] = letter.messages
    orders = [b'{"data":["sleep","1.5"]}', b'{"data":["true"]}']
    entries = tuple(
        structs.replace(entry, seq=n, id=MessageId(f"{entry.id}-{n}"), body=frames.raw(body))
        for n, body in enumerate(orders, 1)
    )
    await intruder.say([intruder.seal(structs.replace(letter, messages=entries), thief)])
    await here.ask("revoke", name=SHIP3)
    await has_heard(here, SHIP3, 2)
    await ran(here, SHIP3, 1)
    await here.work([SHIP1])

    async def none_waits() -> bool:
        return waiting(here, SHIP3) == 0

    await until(none_waits, "what waited has its end")
    assert runs(here, SHIP3) == 1


async def test_central_s_key_that_was_changed_meanwhile_orders_nothing_more(
    here: Harbour, intruder: Intruder
) -> None:
    thief = stolen(here, CENTRAL)
    await here.work([SHIP1])
    before = runs(here, CENTRAL)
    await asks(intruder, thief)
    await ran(here, CENTRAL, before + 1)
    await here.stop(SHIP1)
    await here.ask("rotate", overlap=0.5)
    await here.start(SHIP1)
    await has_heard(here, CENTRAL, 1)
    for count in (1, 2):
        await asks(intruder, thief)
        await here.work([SHIP1])
        assert runs(here, CENTRAL) == before + 1 + count
        await here.stop(SHIP1)
        await here.start(SHIP1)
    assert here.reports[SHIP1, "bad_signature"]
