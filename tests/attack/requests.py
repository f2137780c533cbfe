"""Somebody asks for what he may not: every method, of every kind, in every name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
from msgspec import structs

from node.methods import registry
from node.outcomes import ErrorFacts, Hello, Outcome, Started, tell
from steward import frames
from steward.frames import Entry, Frame, Notice
from steward.message import Kind, MessageId, State
from steward.store_file import connect_reader
from steward.subjects import NodeName
from tests.attack.intruder import FORGED, Captured, script
from tests.attack.lab import Lab
from tests.attack.papers import CENTRAL, SHIP1, SHIP2
from tests.attack.people import Identity

UNKNOWN = ("Format", "__init__", "ShellCommand2")
KINDS = (*map(str, Kind), "CommandSYN")


def data_of(lab: Lab, who: Identity, method: str) -> tuple[str, ...]:
    """What would do most harm, with a word in it that shows where it went."""
    about = MessageId(lab.running)
    facts: dict[str, Any] = {
        "Result": lambda: tell(Outcome(about=about, state=State.FAILED, reason=FORGED)),
        "Running": lambda: tell(Started(about=MessageId(lab.waiting), started=time.time())),
        "ErrorLog": lambda: tell(ErrorFacts(code="forged", text=FORGED)),
        "SayHello": lambda: tell(hello(goodbye=True)),
        "Cancel": lambda: (about,),
        "Ping": lambda: (),
        "ListProcesses": lambda: ("start", "bus"),
        "ReadRun": lambda: (about, "stdout", "0", "1000"),
        "WatchOutput": lambda: (about, "0" * 16),
        "TextLogging": lambda: (f"{FORGED}\n",),
    }
    return tuple(facts[method]()) if method in facts else script(lab.here, who, method)


def hello(**more: Any) -> Hello:
    said: dict[str, Any] = {
        "start": "s", "boot_id": "b", "machine_id": "m", "version": "0", "interval": 15.0,
        "uptime": 1.0, "clock": time.time(), "labels": {"kind": FORGED},
    }  # fmt: skip
    return Hello(**said | more)


def asked(lab: Lab, who: Identity, frm: NodeName, to: NodeName) -> Iterator[Frame | Notice]:
    """One letter for each method and kind, in the name ``frm``."""
    for method in (*registry(), *UNKNOWN):
        data = data_of(lab, who, method)
        for kind in KINDS:
            on = f"{to}.{kind}.{method}"
            if kind.endswith("NACK"):
                yield lab.intruder.notice(frm, on, data)
            else:
                yield lab.intruder.frame(frm, on, data)


def is_his_own(who: Identity, letter: Frame | Notice) -> bool:
    """What a member of the fleet may say of itself; hellos of two machines are another matter."""
    free = (".SayHello",)
    return who.accepted and letter.frm == who.name and letter.subject.endswith(free)


async def in_his_own_name(lab: Lab, who: Identity) -> None:
    for to in (SHIP1, CENTRAL):
        letters = asked(lab, who, who.name, to)
        await lab.intruder.say(
            lab.intruder.seal(letter, who) for letter in letters if not is_his_own(who, letter)
        )


async def in_another_s_name(lab: Lab, who: Identity) -> None:
    """Of central to a ship, of a ship and of itself to central."""
    for frm, to in ((CENTRAL, SHIP1), (SHIP1, CENTRAL), (CENTRAL, CENTRAL), (SHIP1, SHIP1)):
        if frm == who.name and who.accepted:
            continue
        letters = [*asked(lab, who, frm, to), *continued(lab, who, frm, to)]
        await lab.intruder.say(lab.intruder.seal(letter, who) for letter in letters)


def continued(lab: Lab, who: Identity, frm: NodeName, to: NodeName) -> Iterator[Frame]:
    """The same as the next word in each of the true streams."""
    sender = lab.here.started[frm]
    with closing(connect_reader(lab.here.folder / to / "steward.db")) as con:
        known = "SELECT subject, last, base FROM in_stream WHERE frm = ? AND store = ?"
        rows = con.execute(known, (frm, sender.store)).fetchall()
    for subject, last, base in rows:
        data = data_of(lab, who, subject.rpartition(".")[2])
        fresh = lab.intruder.frame(
            frm, subject, data, store=sender.store, start=sender.start, base=base
        )
        [entry] = fresh.messages
        yield structs.replace(fresh, messages=(structs.replace(entry, seq=last + 1),))
        tombs = (
            Entry(seq=n, id=entry.id, tombstone="cancelled") for n in range(base + 1, last + 1)
        )
        yield structs.replace(fresh, messages=tuple(tombs))


async def unsigned(lab: Lab, who: Identity) -> None:
    """The signature's place is empty, or it is left out; the key that it should be is named."""
    true = Identity(who.title, CENTRAL, lab.here.papers.root)
    letters = []
    for letter in asked(lab, who, CENTRAL, SHIP1):
        sealed = lab.intruder.seal(letter, true)
        letters += [stripped(sealed, sig=b""), stripped(sealed, sig=None)]
        letters.append(Captured(letter.subject, sealed.reply, frames.encode(letter)))
    await lab.intruder.say(letters)


def stripped(letter: Captured, **fields: Any) -> Captured:
    """With other fields in the envelope; None: without them."""
    envelope = msgspec.json.decode(letter.payload, type=dict[str, msgspec.Raw])
    for field, value in fields.items():
        envelope[field] = msgspec.Raw(msgspec.json.encode(value))
        if value is None:
            del envelope[field]
    return letter._replace(payload=msgspec.json.encode(envelope))


async def older_copies(lab: Lab, who: Identity) -> None:
    """He says that a node's store is an older copy of itself: it would forget what it knows."""
    sealed = []
    for to in (SHIP1, CENTRAL):
        for frm in (who.name, SHIP2, CENTRAL, SHIP1):
            if who.accepted and frm != who.name:
                continue
            on = f"{to}.CommandACK.ShellCommand"
            store = lab.here.started[to].store
            fresh = lab.intruder.frame(frm, on, script(lab.here, who, "older copy"))
            [entry] = fresh.messages
            gap = (structs.replace(entry, seq=3),)
            for more in ({"retired": store}, {"base": 1000}, {"messages": gap}, {"messages": ()}):
                sealed.append(lab.intruder.seal(structs.replace(fresh, **more), who))
    await lab.intruder.say(sealed)


async def hellos(lab: Lab, who: Identity) -> None:
    """That nodes have left, are other machines, know of more keys that ended, hold others' mail."""
    sealed = []
    for name in dict.fromkeys((who.name, SHIP1, CENTRAL)):
        if name != who.name and who.accepted:
            continue
        known = lab.here.started.get(name)
        lives = [{}, {"store": known.store, "start": known.start}] if known else [{}]
        for to in (CENTRAL, SHIP1):
            for n, life in enumerate(lives * 10):
                said = hello(
                    goodbye=n % 2 == 0, machine_id=f"m{n}", revocations=n * 1000,
                    alarms=(f"alarm {n}",), interval=1e9, start=str(n),
                    labels={"kind": name if who.accepted else FORGED},
                )  # fmt: skip
                more: dict[str, Any] = {**life, "steady": 1e9 + n}
                on = f"{to}.EventNACK.SayHello"
                sealed.append(
                    lab.intruder.seal(lab.intruder.notice(name, on, tell(said), **more), who)
                )
    await lab.intruder.say(sealed)
