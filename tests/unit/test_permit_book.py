"""The permits in force: what the daemon is told of an arrival, a start, and a question."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.permit_book import PermitBook
from steward.config import Permit, Settings
from steward.errors import ConfigError, Refused
from steward.handoff.state import Arrival, Now
from steward.inbox import Command, Stage
from steward.keyring import Keyring
from steward.message import Body, MessageId
from steward.permit_rules import Rate, Request
from steward.signing import SigningKey, fingerprint
from steward.statements import Certificate, Revocation, issue
from steward.subjects import NodeName, Subject
from steward.trust import Trust

ROOT, SHIP = SigningKey(b"r" * 32), SigningKey(b"s" * 32)
CENTRAL, ME = NodeName("central"), NodeName("ship1")
LOGGED = Subject("ship1.EventNACK.TextLogging")
ANY = Permit(frm=("central",), methods=("ShellCommand",))


class Told:
    """A book, and what it has reported."""

    def __init__(self, *permits: Permit, said: tuple[bytes, ...] | None = None) -> None:
        """``said``: statements of central; None: a lab."""
        self.reports: list[tuple[str, str]] = []
        settings = Settings(node=ME, state_dir=Path("state"), permits=permits)
        trust = None
        if said is not None:
            trust = Trust(ME, SHIP, Keyring(CENTRAL, ROOT.public, said))
        now = Now(5.0, 5.0)
        self.book = PermitBook(settings, lambda: trust, lambda: now, self._report, asyncio.Event())

    def _report(self, code: str, text: str, hint: str = "", **_: Any) -> None:
        self.reports.append((code, text))

    def refusal(self, arrival: Arrival, body: Body) -> str:
        """Empty: it is admitted."""
        try:
            self.book.admit(arrival, body)
        except Refused as refusal:
            return str(refusal)
        return ""


def arrival(seq: int = 1, frm: str = "central", subject: str = "") -> Arrival:
    on = Subject(subject or "ship1.CommandACK.ShellCommand")
    return Arrival(NodeName(frm), "s", on, seq, MessageId(f"m{seq}"), None, None, b"")


def command(body: Body) -> Command:
    return Command(
        1, CENTRAL, "s", "i", Subject("ship1.CommandACK.ShellCommand"), 1, MessageId("m1"), None,
        None, False, msgspec.json.encode(body), Stage.RECEIVED, False, 0.0, None, "", None,
    )  # fmt: skip


def test_a_refusal_is_told_to_central_once_there_is_trust() -> None:
    trusting, lab = Told(ANY, said=()), Told(ANY)
    for told in (trusting, lab):
        assert told.refusal(arrival(), Body(data=("ls",))) == ""
        assert "no permit names the sender ship7" in told.refusal(arrival(frm="ship7"), Body())
    [(code, text)] = trusting.reports
    assert code == "not_permitted"
    assert "ship7 asked for ShellCommand: no permit names" in text
    assert lab.reports == []


def test_without_permits_trust_denies_and_a_lab_allows() -> None:
    assert "has keys and no permits" in Told(said=()).refusal(arrival(), Body(data=("ls",)))
    assert Told().refusal(arrival(), Body(data=("ls",))) == ""


def test_a_message_counts_once_and_one_from_no_stream_each_time() -> None:
    """Whoever sends the same id again and again is not let past the rate by that."""
    told = Told(Permit(frm=("*",), methods=("*",), rate=Rate(2, 60.0)))
    assert [told.refusal(arrival(1), Body()) for _ in range(5)] == [""] * 5
    assert told.refusal(arrival(2), Body()) == ""
    assert "send it again then" in told.refusal(arrival(3), Body())
    notices = Told(Permit(frm=("*",), methods=("*",), rate=Rate(2, 60.0)))
    same = arrival(0, subject=LOGGED)
    assert [bool(notices.refusal(same, Body())) for _ in range(3)] == [False, False, True]


def test_what_a_start_is_granted() -> None:
    told = Told(ANY._replace(user="watch", longest=9.0, operators=("ann",)))
    grant = told.book.grant(command(Body(data=("ls",), operator="ann")))
    assert (grant.user, grant.longest) == ("watch", 9.0)
    assert [grant.seconds(asked) for asked in (0.0, 5.0, 50.0)] == [9.0, 5.0, 9.0]
    assert Told(ANY).book.grant(command(Body(data=("ls",)))).seconds(0.0) is None
    with pytest.raises(Refused, match="only to ann, not to bob"):
        told.book.grant(command(Body(data=("ls",), operator="bob")))


def asked(frm: str) -> Request:
    return Request(frm, "ShellCommand", ("ls",))


def test_an_explanation_says_whose_key_is_known() -> None:
    everybody = ANY._replace(frm=("*",))
    said = Certificate(NodeName("ship2"), SHIP.public, "U", 3, 1.0)
    gone = Revocation(NodeName("ship3"), 1)
    told = Told(everybody, said=(issue(said, ROOT), issue(gone, ROOT)))
    known = told.book.explain(asked("ship2"))
    assert known["allowed"]
    assert known["key"] == {"state": "known", "text": f"{fingerprint(SHIP.public)}, serial 3"}
    revoked = told.book.explain(asked("ship3"))
    assert (revoked["allowed"], revoked["key"]["state"]) == (False, "revoked")
    assert "was revoked" in revoked["reason"]
    assert told.book.explain(asked("ship4"))["key"]["state"] == "unknown"
    assert "key" not in told.book.explain(asked("ship1"))
    assert "key" not in Told(everybody).book.explain(asked("ship2"))


def test_an_entry_that_can_never_match_is_an_error_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"permit\[1\].methods: unknown method 'Shell'"):
        Told(Permit(frm=("*",), methods=("Shell",)))
