"""Permits: who may ask for what, with which arguments, as whom, how often and for how long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from node.permits import ALWAYS, Grant, Permits
from node.rates import Rates
from steward.errors import ConfigError
from steward.permit_rules import Permit, Rate, Request, fits

ENTRIES = (
    Permit(frm=("central",), methods=("*",)),
    Permit(frm=("ship[12]", "harbour*"), methods=("TextLogging", "Say*")),
)
STATUS = Permit(
    frm=("central",),
    methods=("ShellCommand",),
    arguments=(("systemctl", "status", "*"), ("uptime",), ("ls", "**")),
    user="watch",
    operators=("alice", "1000"),
    longest=60.0,
    limits={"memory": 1 << 20},
)


def judged(permits: Permits, frm: str, method: str, *data: str, trusted: bool = True) -> str:
    """The rule that allows it, or the reason why not."""
    decision = permits.judge(Request(frm, method, data), trusted=trusted)
    return decision.rule if decision.allowed else decision.reason


def test_without_permits_everything_is_allowed_in_a_lab() -> None:
    decision = Permits().judge(Request("anyone", "ShellCommand"), trusted=False)
    assert decision.allowed
    assert "no permits" in decision.reason


def test_without_permits_nothing_is_allowed_once_trust_is_on() -> None:
    decision = Permits().judge(Request("central", "ShellCommand", ("ls",)), trusted=True)
    assert not decision.allowed
    assert 'a [[permit]] with from = ["central"] and methods = ["ShellCommand"]' in decision.reason
    assert Permits().judge(Request("central", "Result"), trusted=True).allowed


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("frm", "method", "rule"),
    [
        ("central", "ShellCommand", "permit[1]"),
        ("ship1", "TextLogging", "permit[2]"),
        ("harbour-7", "SayHello", "permit[2]"),
    ],
)
def test_globs_match_sender_and_method(frm: str, method: str, rule: str, trusted: bool) -> None:
    assert judged(Permits(ENTRIES), frm, method, trusted=trusted) == rule


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("frm", "method", "reason"),
    [
        ("ship1", "ShellCommand", "only Say*, TextLogging"),
        ("ship3", "TextLogging", "no permit names the sender ship3"),
        ("Central", "ShellCommand", "no permit names the sender Central"),
        ("ship1", "textlogging", "no permit for ship1 names textlogging"),
    ],
)
def test_any_permit_denies_the_rest_with_a_reason(
    frm: str, method: str, reason: str, trusted: bool
) -> None:
    assert reason in judged(Permits(ENTRIES), frm, method, trusted=trusted)


@pytest.mark.parametrize("method", sorted(ALWAYS))
def test_what_concerns_the_senders_own_messages_needs_no_permit(method: str) -> None:
    assert judged(Permits(ENTRIES), "stranger", method) == "always"


def test_a_method_that_does_not_exist_is_an_error_that_names_the_entry() -> None:
    entries = (ENTRIES[0], Permit(frm=("a",), methods=("Say*", "ShelCommand")))
    with pytest.raises(ConfigError, match=r"permit\[2\].*'ShelCommand'.*did you mean 'ShellComm"):
        Permits(entries, ["ShellCommand", "SayHello"])


@pytest.mark.parametrize(
    ("pattern", "data", "fit"),
    [
        (("ls",), ("ls",), True),
        (("ls",), ("ls", "-l"), False),
        (("ls", "*"), ("ls",), False),
        (("ls", "*"), ("ls", ""), True),
        (("ls", "*"), ("ls", "a b/c\nrm -rf /"), True),
        (("ls", "?"), ("ls", "\n"), True),
        (("ls", ""), ("ls", ""), True),
        (("ls", ""), ("ls", " "), False),
        (("ls", "**"), ("ls",), True),
        (("ls", "**"), ("ls", "-l", "/", ""), True),
        (("ls", "-l", "**"), ("ls", "-a"), False),
        (("**",), (), True),
        ((), (), True),
        ((), ("",), False),
        (("ls",), ("LS",), False),
        (("ls",), ("ls\n",), False),
        (("Straße*",), ("Straße 7",), True),
        (("e\u0301",), ("\u00e9",), False),
        (("a[*]b",), ("a*b",), True),
        (("a[*]b",), ("axb",), False),
        (("[!/]*",), ("/etc",), False),
        (("a",), ("*",), False),
        (("a",), ("[a]",), False),
    ],
)
def test_a_pattern_is_a_glob_for_every_argument(
    pattern: tuple[str, ...], data: tuple[str, ...], fit: bool
) -> None:
    assert fits(pattern, data) is fit


def asked(*data: str, operator: str = "alice", uid: int | None = 4) -> Request:
    return Request("central", "ShellCommand", data, operator, uid)


def test_the_first_entry_that_matches_says_as_whom_and_for_how_long() -> None:
    permits = Permits((STATUS, ENTRIES[0]))
    decision = permits.judge(asked("uptime"), trusted=True)
    assert decision[:2] == (True, "permit[1]")
    assert decision.grant == Grant("watch", 60.0, {"memory": 1 << 20})
    assert permits.judge(asked("uptime", "-p"), trusted=True).rule == "permit[2]"


@pytest.mark.parametrize(
    ("operator", "uid", "allowed"),
    [
        ("alice", None, True),
        ("alice", 5, True),
        ("bob", 1000, True),
        ("", 1000, True),
        ("bob", 1001, False),
        ("1000", 5, False),
        ("Alice", 4, False),
        ("", None, False),
    ],
)
def test_an_operator_is_a_name_or_a_uid(operator: str, uid: int | None, allowed: bool) -> None:
    request = asked("uptime", operator=operator, uid=uid)
    assert Permits((STATUS,)).judge(request, trusted=True).allowed is allowed


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (asked("uptime", operator="bob"), "only to alice, 1000, not to bob (uid 4)"),
        (asked("uptime", operator="", uid=None), "not to a message that names no operator"),
        (asked("systemctl", "stop", "x"), "data[1] does not match 'status'"),
        (asked("systemctl", "status"), "data has 2 elements, where the nearest pattern has 3"),
        (asked("uptime", "-p"), "data has 2 elements, where the nearest pattern has 1"),
        (asked("rm"), "permit[1] allows central to use ShellCommand, but not with these arguments"),
    ],
)
def test_a_refusal_says_what_of_the_nearest_entry_did_not_match(
    request_: Request, reason: str
) -> None:
    decision = Permits((STATUS, ENTRIES[1])).judge(request_, trusted=True)
    assert not decision.allowed
    assert reason in decision.reason


def test_a_refusal_never_repeats_what_was_asked_for() -> None:
    secret = "hunter2"
    for data in ((secret,), ("systemctl", secret, "x"), ("ls2", secret)):
        assert secret not in Permits((STATUS,)).judge(asked(*data), trusted=True).reason


RATED = Permit(frm=("*",), methods=("ShellCommand",), rate=Rate(2, 60.0))


def admitted(permits: Permits, message: int, now: float, frm: str = "central") -> bool:
    request = Request(frm, "ShellCommand", ("ls",))
    return permits.admit(request, message, now, trusted=True).allowed


def test_a_rate_is_counted_by_sender_in_a_window_that_slides() -> None:
    permits = Permits((RATED,))
    assert [admitted(permits, n, 100.0 + n) for n in range(3)] == [True, True, False]
    assert admitted(permits, 10, 103.0, "ship1")
    assert not admitted(permits, 3, 159.9)
    assert admitted(permits, 4, 160.0)
    assert not admitted(permits, 5, 160.5)
    assert admitted(permits, 6, 161.0)


def test_an_exceeded_rate_says_when_there_will_be_room() -> None:
    permits = Permits((RATED, ENTRIES[0]))
    request = Request("central", "ShellCommand", ("ls",))
    for n in range(2):
        permits.admit(request, n, 100.0, trusted=True)
    decision = permits.admit(request, 2, 130.0, trusted=True)
    assert not decision.allowed, "the first entry that matches decides, also about the rate"
    assert "2/m are used up, there will be room in 30 s" in decision.reason
    assert permits.judge(request, trusted=True, now=130.0) == decision
    assert permits.judge(request, trusted=True).allowed, "at its start no rate matters"


def test_a_message_that_is_judged_again_counts_once() -> None:
    permits = Permits((RATED,))
    assert [admitted(permits, 1, 100.0 + n) for n in range(5)] == [True] * 5
    assert admitted(permits, 2, 110.0)
    assert not admitted(permits, 3, 110.0)
    assert admitted(permits, 1, 111.0)


def test_what_was_refused_does_not_count() -> None:
    permits = Permits((RATED,))
    for n in range(20):
        admitted(permits, n, 100.0)
    assert admitted(permits, 99, 160.0)


def test_a_look_at_the_room_counts_nothing() -> None:
    permits = Permits((RATED,))
    request = Request("central", "ShellCommand")
    for left in (2, 2, 2):
        room = permits.judge(request, trusted=True, now=1.0).room
        assert room is not None
        assert room.left == left


def test_a_reload_keeps_what_was_counted_of_an_entry_that_says_the_same() -> None:
    rates = Rates()
    before = Permits((RATED,), rates=rates)
    assert [admitted(before, n, 100.0) for n in range(2)] == [True, True]
    after = Permits((STATUS, RATED._replace(longest=5.0)), rates=rates)
    assert not admitted(after, 9, 101.0)
    changed = Permits((RATED._replace(rate=Rate(3, 60.0)),), rates=rates)
    assert admitted(changed, 10, 101.0)


def test_what_made_up_names_leave_behind_goes() -> None:
    rates = Rates()
    permits = Permits((RATED,), rates=rates)
    for n in range(5000):
        admitted(permits, n, float(n), f"made-up-{n}")
    assert len(rates._windows) < 2000


def test_the_matching_runs_with_the_standard_library_alone() -> None:
    """As the privileged runner loads it."""
    script = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from steward.permit_rules import Request, find\n"
        "from steward.permit_table import read\n"
        "permits = read([{'from': 'a', 'methods': 'M', 'arguments': [['x', '*']]}], 'permit')\n"
        "print([find(permits, Request('a', 'M', data)).number for data in (['x', ''], ['x'])])\n"
        "print([m for m in sys.modules if m.startswith(('msgspec', 'asyncio', 'node'))])\n"
    )
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-I", "-S", "-c", script, root]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[1, 0]", "[]"]
