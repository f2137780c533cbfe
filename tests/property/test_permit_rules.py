"""Permits by hypothesis: what is allowed has an entry, by a plain reading of what it says."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from node.permits import ALWAYS, Permits
from steward.errors import ConfigError
from steward.permit_rules import Permit, Rate, Request
from steward.permit_table import KEYS, LIMITS, read, told

LETTERS = "ab*?[]! -/\n\\é\u0301\U0001f600"
WORDS = st.text(LETTERS, max_size=4).filter(lambda word: word != "**")
NAMES = st.sampled_from(["central", "ship1", "ship2", "Ship1"])
METHODS = st.sampled_from(["ShellCommand", "TextLogging", "Result"])
NAME_GLOBS = st.sampled_from(["central", "ship1", "ship*", "ship[12]", "*", "s?ip1", "[!s]*"])
METHOD_GLOBS = st.sampled_from(["ShellCommand", "Text*", "*", "ShellComman?"])
OPERATORS = st.sampled_from(["", "alice", "bob", "1000", "0"])
PERMITS = st.builds(
    Permit,
    frm=st.lists(NAME_GLOBS, min_size=1, max_size=2).map(tuple),
    methods=st.lists(METHOD_GLOBS, min_size=1, max_size=2).map(tuple),
    arguments=st.lists(
        st.tuples(st.lists(WORDS, max_size=3), st.booleans()).map(
            lambda made: (*made[0], "**") if made[1] else tuple(made[0])
        ),
        max_size=2,
    ).map(tuple),
    operators=st.lists(OPERATORS.filter(bool), max_size=2).map(tuple),
    user=st.sampled_from(["", "root", "backup"]),
    rate=st.none() | st.builds(Rate, st.integers(1, 3), st.just(60.0)),
    longest=st.sampled_from([0.0, 5.0]),
    limits=st.dictionaries(st.sampled_from(LIMITS), st.integers(1, 2**31), max_size=2),
)
REQUESTS = st.builds(
    Request,
    frm=NAMES,
    method=METHODS,
    data=st.lists(WORDS, max_size=4).map(tuple),
    operator=OPERATORS,
    operator_uid=st.none() | st.sampled_from([0, 1000, 1001]),
)
ENTRIES = st.lists(PERMITS, max_size=4).map(tuple)


def glob(pattern: str, word: str) -> bool:
    """Shell wildcards the slow way, letter by letter, without regular expressions."""
    if not pattern:
        return not word
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return any(glob(rest, word[at:]) for at in range(len(word) + 1))
    if not word:
        return False
    if head == "?":
        return glob(rest, word[1:])
    if head == "[":
        negated = rest.startswith("!")
        inner = rest[1:] if negated else rest
        end = inner.find("]", 1)
        if end >= 0:
            return (_within(inner[:end], word[0]) is not negated) and glob(
                inner[end + 1 :], word[1:]
            )
    return head == word[0] and glob(rest, word[1:])


def _within(chars: str, letter: str) -> bool:
    at = 0
    while at < len(chars):
        if at + 2 < len(chars) and chars[at + 1] == "-":
            if chars[at] <= letter <= chars[at + 2]:
                return True
            at += 3
        else:
            if chars[at] == letter:
                return True
            at += 1
    return False


def agrees(entry: Permit, asked: Request) -> bool:
    """Every condition of the entry, each by itself."""
    return all(
        (
            any(glob(g, asked.frm) for g in entry.frm),
            any(glob(g, asked.method) for g in entry.methods),
            not entry.arguments or any(_fits(p, asked.data) for p in entry.arguments),
            not entry.operators or any(_is(o, asked) for o in entry.operators),
        )
    )


def _fits(pattern: Sequence[str], data: Sequence[str]) -> bool:
    if list(pattern[-1:]) == ["**"]:
        if len(data) < len(pattern) - 1:
            return False
        return all(glob(pattern[i], data[i]) for i in range(len(pattern) - 1))
    return len(pattern) == len(data) and all(glob(pattern[i], data[i]) for i in range(len(pattern)))


def _is(operator: str, asked: Request) -> bool:
    if operator in ("0", "1000"):
        return asked.operator_uid == int(operator)
    return asked.operator == operator


@given(entries=ENTRIES, asked=REQUESTS)
def test_what_is_allowed_has_an_entry_of_which_every_condition_holds(
    entries: tuple[Permit, ...], asked: Request
) -> None:
    decision = Permits(entries).judge(asked, trusted=True)
    agreeing = [n for n, entry in enumerate(entries, 1) if agrees(entry, asked)]
    if asked.method in ALWAYS:
        assert decision.allowed
    elif agreeing:
        assert decision[:2] == (True, f"permit[{agreeing[0]}]")
        assert decision.grant.user == entries[agreeing[0] - 1].user
    else:
        assert not decision.allowed
        assert decision.reason


@given(entries=ENTRIES, more=PERMITS, asked=REQUESTS)
def test_an_entry_more_only_widens(
    entries: tuple[Permit, ...], more: Permit, asked: Request
) -> None:
    before = Permits(entries).judge(asked, trusted=True)
    after = Permits((*entries, more)).judge(asked, trusted=True)
    if before.allowed:
        assert after[:2] == before[:2], "the first entry that matches decides, whatever follows"
        assert after.grant == before.grant


@given(entries=ENTRIES, asked=REQUESTS)
def test_trust_never_allows_what_a_lab_denies(entries: tuple[Permit, ...], asked: Request) -> None:
    with_trust = Permits(entries).judge(asked, trusted=True)
    without = Permits(entries).judge(asked, trusted=False)
    assert without.allowed or not with_trust.allowed


@given(rate=st.integers(1, 4), steps=st.lists(st.tuples(st.integers(0, 9), st.floats(0, 30))))
def test_no_window_of_a_rate_ever_holds_more(rate: int, steps: list[tuple[int, float]]) -> None:
    permits = Permits((Permit(frm=("*",), methods=("*",), rate=Rate(rate, 60.0)),))
    now, first = 0.0, dict[int, float]()
    for message, passed in steps:
        now += passed
        request = Request("central", "TextLogging")
        if permits.admit(request, message, now, trusted=True).allowed:
            counted = first.get(message)
            if counted is None or counted <= now - 60.0:
                first[message] = now
        assert sum(at > now - 60.0 for at in first.values()) <= rate


@given(entries=ENTRIES)
def test_what_is_written_is_what_is_read(entries: tuple[Permit, ...]) -> None:
    assert read([told(entry) for entry in entries], "permit") == entries


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(
    table=st.dictionaries(st.sampled_from([*KEYS, "form"]), VALUES),
    limits=st.dictionaries(st.sampled_from(LIMITS), VALUES),
)
def test_any_table_is_read_or_refused_by_name(
    table: dict[str, object], limits: dict[str, object]
) -> None:
    whole = {"from": "a", "methods": "*"}
    for tried in (table, whole | table, whole | {"limits": limits}):
        try:
            (permit,) = read([tried], "permit")
        except ConfigError as error:
            named = error.text.startswith("permit[1]")
        else:
            named = all(bound > 0 for bound in permit.limits.values())
            Permits([permit]).judge(Request("a", "ShellCommand", ("x",)), trusted=True)
        assert named
