"""Valid letters of every kind, with stand-ins for what only a running node can say."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any, Final

import msgspec

from node.methods import registry
from node.outcomes import ErrorFacts, Hello, Outcome, Started, tell
from steward import frames, packing
from steward.frames import Entry, Frame, Letter, Notice, Output, Receipt, Verdict
from steward.message import Body, Kind, MessageId, State
from steward.subjects import NodeName, Subject, subject
from tests.fuzz.inputs import Input
from tests.fuzz.mutators import Corpus

NODES: Final = ("central", "ship1")
GHOSTS: Final = tuple(f"ghost{n}" for n in range(8))
"""Who says it all. What the nodes send to them is what receipts and results are about."""

# Stand-ins: put in before mutation, replaced after it, so that an input is the same in every world.
TO_STORE, TX, ABOUT = "S1S1S1S1S1S1S1S1", "T1T1T1T1T1T1T1T1", "A1A1A1A1-0000-7000"
WHO, ASKED = NodeName("whoX"), Subject("whoX.CommandACK.ShellCommand")
LAST, BASE = 555000111, 555000222

NOBODY: Final = "503 "
"""In front of a reply subject: the broker says that nobody listens there."""
_WALL: Final = 1.7e9
_BOMB: Final = zlib.compress(b'{"v":1,"type":"frame","sig":"' + b"x" * 2 * packing.MOST)


def _ends(to: str, at: str, ghost: str) -> dict[str, Any]:
    return {
        "frm": NodeName(ghost), "to": NodeName(to), "store": f"{ghost}-store", "start": "start-1",
        "subject": at, "clock": _WALL,
    }  # fmt: skip


def bodies() -> dict[str, list[bytes]]:
    """Of every method, what it takes."""
    about, id = MessageId(ABOUT), MessageId("0199a3c4-0000-7000-8000-000000000001")
    ran = {
        "exitCode": 0, "signal": None, "stdout": "hello\n", "stdoutB64": "aGVsbG8=",
        "stdoutSize": 6, "stdoutSha256": "0" * 64, "stderrTail": "x", "stderrCut": 3,
        "cpuSeconds": 0.1,
    }  # fmt: skip
    hello = Hello(
        start="start-1", boot_id="b", machine_id="m", version="1", interval=15.0, uptime=1.0,
        clock=_WALL, labels={"env": "prod"}, queue={"queued": 1}, alarms=("it holds",),
    )  # fmt: skip
    data: dict[str, list[tuple[str, ...]]] = {
        "ShellCommand": [("true",), ("sh", "-c", "exit 3")],
        "TextLogging": [("a line\n", "another\n")],
        "Result": [
            tell(Outcome(about=about, state=State.SUCCEEDED, started=_WALL, result=ran)),
            tell(Outcome(about=id, state=State.CANCELLED, reason="cancelled while it waited")),
        ],
        "Running": [tell(Started(about=about, started=_WALL))],
        "SayHello": [tell(hello)],
        "ErrorLog": [tell(ErrorFacts(code="x", text="it failed", message_ids=[id], count=2))],
        "Cancel": [(id,)],
        "ListProcesses": [(), ("start", "settler")],
        "ReadRun": [(id, "stdout", "0", "65536")],
        "WatchOutput": [(id, "token")],
        "Ping": [()],
        "Join": [('{"key":"","broker":"U"}', "AA==", "AA==")],
        "Joined": [("accepted", "0" * 16, '{"by":"","sig":"","body":{}}'), ("pending", "")],
        "Trust": [('{"by":"","sig":"","body":{}}',)],
        "Rekey": [('{"key":"","broker":"U"}', "AA==", "AA==")],
    }  # fmt: skip
    assert set(data) == set(registry()), "a new method needs its bodies here"
    return {
        name: [
            *(msgspec.json.encode(Body(data=d)) for d in many),
            msgspec.json.encode(Body(data=many[0], method_timeout=5.0, parallel=True)),
        ]
        for name, many in data.items()
    }


def _frames(to: str) -> list[tuple[str, Letter]]:
    made: list[tuple[str, Letter]] = []
    for number, (name, takes) in enumerate(bodies().items()):
        for kind in Kind if name == "Ping" else registry()[name].kinds:
            at = subject(NodeName(to), kind, name)
            ends = _ends(to, at, GHOSTS[number % len(GHOSTS)])
            if not kind.is_acked:
                made += [
                    (at, Notice(**ends, id=MessageId(f"n-{kind}-{n}"), body=frames.raw(body)))
                    for n, body in enumerate(takes * 3)
                ]
                continue
            entries = tuple(
                Entry(seq=n, id=MessageId(f"{name}-{n}"), body=frames.raw(body))
                for n, body in enumerate((takes * 3)[:5], 1)
            )
            dated = Entry(
                seq=6, id=MessageId("dated"), expires=4e9, deadline=4e9, body=frames.raw(takes[0])
            )
            given_up = Entry(seq=7, id=MessageId("void"), tombstone="expired")
            frame = Frame(
                **ends, tx="tx-1", instance=TO_STORE, messages=(*entries, dated, given_up)
            )
            made += [
                (at, frame),
                (at, msgspec.structs.replace(frame, messages=entries[:1])),
                (at, msgspec.structs.replace(frame, messages=())),
                (at, Frame(**ends, tx="question")),
            ]
    return made


def _receipts(to: str) -> list[tuple[str, Letter | Output]]:
    at = f"_INBOX.{to}.mine"
    ends = _ends(to, ASKED, WHO)
    plain = Receipt(**ends, tx=TX, to_store=TO_STORE)
    full = msgspec.structs.replace(plain, last=LAST, last_id=ABOUT, base=BASE)
    verdicts = {
        LAST: Verdict(state="refused", reason="no"), BASE: Verdict(state="expired", reason="late")
    }  # fmt: skip
    judged = msgspec.structs.replace(full, verdicts=verdicts)
    return [
        *((at, plain), (at, full), (at, full), (at, judged), (at, judged), (at, judged)),
        (at, msgspec.structs.replace(full, conflict=True)),
        (at, msgspec.structs.replace(full, retired="old", store="another")),
        (at, Output(frm=WHO, id=MessageId(ABOUT), stream="stdout", offset=3, data=b"\xff\n")),
        (
            f"_INBOX.{to}.output.token",
            Output(frm=WHO, id=MessageId(ABOUT), stream="stderr", offset=0, data=b"x"),
        ),
    ]


class Wire:
    """Makes what strangers publish."""

    def __init__(self) -> None:
        self._frames: list[str] = []
        self._receipts: list[str] = []
        framed: list[bytes] = []
        answered: list[bytes] = []
        for node in NODES:
            for at, letter in _frames(node):
                self._frames.append(at)
                framed.append(frames.encode(letter))
            for at, answer in _receipts(node):
                self._receipts.append(at)
                answered.append(frames.encode(answer))
        self._framed, self._answered = Corpus(framed), Corpus(answered)

    def make(self, rng: Random) -> Input:
        """One thing published: most of it where it belongs, the rest on any subject of a node."""
        if rng.random() < 0.01:
            # The broker's word that nobody listens.
            return Input(rng.choice(self._receipts), b"", NOBODY + rng.choice(self._frames))
        if rng.random() < 0.3:
            at = rng.choice(self._receipts)
            payload = self._answered.mutated(rng, intact=0.3)
        else:
            payload = self._framed.mutated(rng, intact=0.1)
            at = self._subject(rng, payload)
        for node in NODES:
            # Nothing is signed yet: whoever takes a node's name is that node.
            payload = payload.replace(b'"from":"%s"' % node.encode(), b'"from":"ghost0"')
        reply = f"_INBOX.{_named(payload, b'from') or 'ghost1'}.x"
        if rng.random() < 0.1:
            reply = rng.choice(
                ("", "x", "_INBOX.ghost1", "_INBOX.central.x", "_INBOX.ghost1.>", "é")
            )
        if rng.random() < 0.05:
            at = rng.choice(self._receipts if rng.random() < 0.5 else self._frames)
        return Input(at, payload, reply)

    def _subject(self, rng: Random, payload: bytes) -> str:
        """The one that it names, if it still names one; sometimes one that no sender uses."""
        at = rng.choice(self._frames)
        luck = rng.random()
        if luck < 0.05:
            odd = rng.choice(("CommandAck", "x", "\u2028", "Event-ACK"))
            return f"{at.partition('.')[0]}.{odd}.Nothing"
        text = _named(payload, b"subject")
        parts = text.split(".")
        is_one = len(parts) == 3 and all(parts) and parts[0] in NODES and text.isprintable()
        return text if is_one and not set(" *>") & set(text) else at


def _named(payload: bytes, key: bytes) -> str:
    """What it says after a key, if anything."""
    named = payload.partition(b'"%s":"' % key)[2].partition(b'"')[0]
    return named.decode("ascii", "replace")


def settled(payload: bytes, store: str, asked: Frame | None, era: str) -> bytes:
    """With what the node itself has said in the place of the stand-ins; ``era`` makes new strangers
    of the old ones: a node holds whoever has told it something impossible."""
    payload = payload.replace(b"ghost", b"ghost" + era.encode())
    payload = payload.replace(TO_STORE.encode(), store.encode())
    if asked is not None:
        payload = _answered(payload, asked)
    return _packed(payload)


def _packed(payload: bytes) -> bytes:
    """Some of it as a narrow link has it, and of that some damaged, or larger than it may be."""
    n = len(payload)
    if n % 8 or not payload:
        return payload
    if n % 256 == 0:
        return _BOMB
    packed = packing.pack(payload)
    at = n * 7 % len(packed)
    return packed if n % 32 else packed[:at] + bytes([packed[at] ^ 1 << n % 7]) + packed[at + 1 :]


def _answered(payload: bytes, asked: Frame) -> bytes:
    if not asked.messages and len(payload) % 8:
        # Most questions get a plain answer: without it nothing else is ever sent.
        payload = payload.replace(b'"last":%d,' % LAST, b"")
    last = asked.messages[-1].seq if asked.messages else asked.base
    id = asked.messages[-1].id if asked.messages else "none"
    for stand_in, real in (
        (TX, asked.tx), (ABOUT, id), (ASKED, asked.subject), (WHO, asked.to),
        (str(LAST), str(last)), (str(BASE), str(asked.base)),
    ):  # fmt: skip
        payload = payload.replace(stand_in.encode(), real.encode())
    return payload
