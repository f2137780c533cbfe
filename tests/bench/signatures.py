"""What signatures cost: time and bytes a message, in frames of one and of many."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from steward import frames, statements
from steward.frames import Entry, Frame
from steward.keyring import Keyring
from steward.message import Body, new_id
from steward.signing import SigningKey
from steward.statements import Certificate
from steward.subjects import NodeName
from steward.trust import Trust
from steward.wire import Wire
from tests.bench.limits import Limits
from tests.bench.table import Figure, Goal

CENTRAL, SHIP = NodeName("central"), NodeName("ship1")
SUBJECTS = {"command": "ship1.CommandACK.ShellCommand", "event": "ship1.EventACK.TextLogging"}
ROUNDS = 200
BODY = msgspec.json.encode(Body(data=("uptime",)))


def ends() -> tuple[Wire, Wire]:
    """Central's wire and a ship's, which know each other."""
    root, key = SigningKey.generate(), SigningKey.generate()
    said = Certificate(name=SHIP, key=key.public, broker="U", serial=1, issued=time.time())
    known = (statements.issue(said, root),)
    return (
        Wire(is_narrow=False, trust=Trust(CENTRAL, root, Keyring(CENTRAL, root.public, known))),
        Wire(is_narrow=False, trust=Trust(SHIP, key, Keyring(CENTRAL, root.public, known))),
    )


def frame(subject: str, messages: int) -> Frame:
    entries = (Entry(seq=n, id=new_id(), body=frames.raw(BODY)) for n in range(1, messages + 1))
    return Frame(
        frm=CENTRAL, store="a" * 16, start="s" * 16, tx="t" * 16, to=SHIP, subject=subject,
        clock=time.time(), messages=tuple(entries),
    )  # fmt: skip


def cost(sender: Wire, receiver: Wire, letter: Frame) -> tuple[float, int]:
    """(microseconds, bytes) a message, for sealing and opening its frame."""
    for _ in range(2):  # The first one may bring a certificate.
        payload = sender.seal(letter, letter.subject, SHIP)
        receiver.open(payload, letter.subject)
    began = time.perf_counter()
    for _ in range(ROUNDS):
        receiver.open(sender.seal(letter, letter.subject, SHIP), letter.subject)
    took = (time.perf_counter() - began) / ROUNDS
    return took / len(letter.messages) * 1e6, round(len(payload) / len(letter.messages))


async def signatures(_folder: Path, _limits: Limits) -> list[Figure]:
    """Each beside the same frame without keys."""
    figures = []
    lab = Wire(is_narrow=False), Wire(is_narrow=False)
    for kind, subject in SUBJECTS.items():
        for messages in (1, 256):
            letter = frame(subject, messages)
            plain, bare = cost(*lab, letter)
            signed, full = cost(*ends(), letter)
            words = f"a signed {kind}, {messages} a frame"
            figures.append(
                Figure(
                    name=words, value=signed, unit="µs", limit=plain, of="µs, without keys",
                    goal=Goal(at_most=200),
                )
            )  # fmt: skip
            figures.append(
                Figure(name=f"{words}: bytes", value=full, unit="B", limit=bare, of="B, without")
            )
    return figures
