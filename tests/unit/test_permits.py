"""Permits: who may ask for what."""

from __future__ import annotations

import pytest

from node.permits import ALWAYS, Permits
from steward.permit_rules import Permit
from steward.errors import ConfigError

ENTRIES = (
    Permit(frm=("central",), methods=("*",)),
    Permit(frm=("ship[12]", "harbour*"), methods=("TextLogging", "Say*")),
)


def test_without_permits_everything_is_allowed() -> None:
    decision = Permits().allowed("anyone", "ShellCommand")
    assert decision.allowed
    assert "no permits" in decision.reason


@pytest.mark.parametrize(
    ("frm", "method", "rule"),
    [
        ("central", "ShellCommand", "permit[1]"),
        ("ship1", "TextLogging", "permit[2]"),
        ("harbour-7", "SayHello", "permit[2]"),
    ],
)
def test_globs_match_sender_and_method(frm: str, method: str, rule: str) -> None:
    assert Permits(ENTRIES).allowed(frm, method)[:2] == (True, rule)


@pytest.mark.parametrize(
    ("frm", "method", "reason"),
    [
        ("ship1", "ShellCommand", "only Say*, TextLogging"),
        ("ship3", "TextLogging", "no permit names the sender ship3"),
        ("Central", "ShellCommand", "no permit names the sender Central"),
        ("ship1", "textlogging", "no permit for ship1 names textlogging"),
    ],
)
def test_any_permit_denies_the_rest_with_a_reason(frm: str, method: str, reason: str) -> None:
    decision = Permits(ENTRIES).allowed(frm, method)
    assert not decision.allowed
    assert reason in decision.reason


@pytest.mark.parametrize("method", sorted(ALWAYS))
def test_what_concerns_the_senders_own_messages_needs_no_permit(method: str) -> None:
    assert Permits(ENTRIES).allowed("stranger", method).allowed


def test_a_method_that_does_not_exist_is_an_error_that_names_the_entry() -> None:
    entries = (ENTRIES[0], Permit(frm=("a",), methods=("Say*", "ShelCommand")))
    with pytest.raises(ConfigError, match=r"permit\[2\].*'ShelCommand'.*did you mean 'ShellComm"):
        Permits(entries, ["ShellCommand", "SayHello"])
