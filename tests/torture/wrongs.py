"""Each does one wrong to a clean history; beside each, what the checker has to say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.torture.checker import verdicts as v
from tests.torture.histories import BLOB, History, ran

Wrong = Callable[[History], None]


def lost_row(h: History) -> None:
    h.change("first", life="")
    h.unstarted("first")


def no_end(h: History) -> None:
    h.change("first", state="delivered", confirmed=False, outcome=None, ended=None)


def not_proved(h: History) -> None:
    h.change("late", confirmed=False)


def no_start(h: History) -> None:
    h.unstarted("first")


def no_line(h: History) -> None:
    h.texts["ship1", "central"].remove("two")


def twice(h: History) -> None:
    h.entries.append(("ship1", "last", 16.0, "start"))


def twice_over_a_wipe(h: History) -> None:
    h.wipe("ship1", 20.0)
    h.entries.append(("ship1", "last", 25.0, "start"))


def logged_twice(h: History) -> None:
    h.texts["ship1", "central"].append("two")


def notice_in_two_stores(h: History) -> None:
    h.texts[h.wipe("ship1", 20.0), "central"] = ["loose"]


def starts_swapped(h: History) -> None:
    places = {entry[1]: place for place, entry in enumerate(h.entries)}
    a, b = places["first"], places["prints"]
    h.entries[a], h.entries[b] = h.entries[b], h.entries[a]


def lines_swapped(h: History) -> None:
    h.texts["ship1", "central"] = ["two", "one", "loose"]


def accepted_in_another_order(h: History) -> None:
    h.change("one", n=90)


def started_late(h: History) -> None:
    h.change("soon", outcome=ran(13.0), ended=13.5, parallel=True)
    h.unstarted("soon")
    h.entries.append(("ship1", "soon", 13.0, "start"))


def late_though_the_clock_is_known(h: History) -> None:
    """A clock that was wrong before the acceptance, and stayed so, excuses nothing."""
    h.fault("clock", "central", 0.5, 50.0, "3600.0")
    for id, told in h.told.items():
        h.change(id, clock=3600.0 if told.frm == "central" else 0.0)
    started_late(h)


def wrong_sum(h: History) -> None:
    _result(h, "prints", stdoutSha256="0" * 64)


def wrong_size(h: History) -> None:
    _result(h, "prints", stdoutSize=7)


def wrong_head(h: History) -> None:
    _result(h, "fails", stderr="oops", stderrSize=0)


def bytes_lost(h: History) -> None:
    _result(h, "prints", stdoutLost=3)


def nothing_kept(h: History) -> None:
    h.kept["ship1", "prints"] = b"prints\n" + BLOB[:-1] + b"?"


def pulled_wrong(h: History) -> None:
    h.pull("prints", b"prints\n" + BLOB[:-1])


def not_pulled(h: History) -> None:
    h.pull("prints", b"", status=4)


def another_text(h: History) -> None:
    h.texts["ship1", "central"] = ["one", "two 3", "loose"]


def another_argument(h: History) -> None:
    h.argument["last"] = 3


def no_result(h: History) -> None:
    h.change("prints", outcome=None)


def ran_though_expired(h: History) -> None:
    h.entries.append(("ship1", "late", 15.5, "start"))


def ran_though_cancelled(h: History) -> None:
    h.entries.append(("ship1", "never", 15.5, "start"))


def logged_though_refused(h: History) -> None:
    h.texts["ship2", "central"] = ["shy"]


def at_the_wrong_node(h: History) -> None:
    h.unstarted("last")
    h.entries.append(("ship2", "last", 15.3, "start"))


def wrong_exit(h: History) -> None:
    h.change("fails", state="succeeded")


def cancelled_by_nobody(h: History) -> None:
    h.lines["acts"] = []


def expired_without_ttl(h: History) -> None:
    h.unstarted("last")
    h.change("last", state="expired", outcome=None)


def expired_too_soon(h: History) -> None:
    h.change("late", ttl=7.0)


def undelivered_without_retries(h: History) -> None:
    h.change("tired", retries=0)


def refused_for_nothing(h: History) -> None:
    h.change("shy", refusable=False)


def not_finished(h: History) -> None:
    h.entries = [entry for entry in h.entries if entry[1:2] + entry[3:] != ("prints", "end")]


def refused_yet_kept(h: History) -> None:
    h.change("last", answers=(False,))


def refused_at_the_door(h: History) -> None:
    h.change("last", answers=(False,), life="")
    h.unstarted("last")


def started_by_nobody(h: History) -> None:
    h.entries.append(("ship1", "ghost", 16.0, "start"))


def interrupted_by_nothing(h: History) -> None:
    h.change("last", state="interrupted", outcome=ran(15.3, None))


def interrupted_by_a_later_kill(h: History) -> None:
    interrupted_by_nothing(h)
    h.change("last", ended=29.0)
    h.fault("runner-kill", "ship1", 28.0, 28.0)


def interrupted_by_a_kill_elsewhere(h: History) -> None:
    interrupted_by_nothing(h)
    h.fault("runner-kill", "ship2", 15.4, 15.4)


def unknown_for_nothing(h: History) -> None:
    h.change("last", state="unknown", outcome=None)


def unknown_before_the_wipe(h: History) -> None:
    unknown_for_nothing(h)
    h.wipe("ship1", 20.0)


def unknown_long_after_the_wipe(h: History) -> None:
    """Something had come back from the new store before it was even accepted."""
    h.wipe("ship1", 11.0)
    h.tell("hi", 13.5, bound="ship1", script="start", outcome=ran(13.8), delivered=13.7)
    unknown_for_nothing(h)


def held_up(h: History) -> None:
    h.change("last", delivered=115.0, ended=115.5)


def daemon_exits(h: History) -> None:
    h.add("deaths", 22.0, node="ship1", status=1, log="KeyError: 'x'\n")


def process_fails(h: History) -> None:
    h.reports.append(("ship2", "process_failed", "process executor: KeyError: 'x'"))


def two_ends(h: History) -> None:
    h.change("last", finals=["expired", "succeeded"])


def journal_disagrees(h: History) -> None:
    h.change("last", finals=["failed"])


def torn_file(h: History) -> None:
    h.lines["deaths"] = [{"what": "is this?"}]


def tame_faults(h: History) -> None:
    h.lines["pulse"] = [line | {"duplicates": 0} for line in h.lines["pulse"]]


def no_faults(h: History) -> None:
    h.lines["faults"] = []


def _result(h: History, id: str, **facts: Any) -> None:
    outcome: Any = dict(h.told[id].outcome or {})
    h.change(id, outcome=outcome | {"result": outcome["result"] | facts})


VIOLATIONS: list[tuple[Wrong, str, str]] = [
    (lost_row, v.LOST, "first"),
    (no_end, v.LOST, "first"),
    (not_proved, v.LOST, "late"),
    (no_start, v.LOST, "first"),
    (no_line, v.LOST, "two"),
    (twice, v.TWICE, "last"),
    (twice_over_a_wipe, v.TWICE, "last"),
    (logged_twice, v.TWICE, "two"),
    (notice_in_two_stores, v.TWICE, "loose"),
    (starts_swapped, v.ORDER, "first"),
    (lines_swapped, v.ORDER, "one"),
    (accepted_in_another_order, v.ORDER, "two"),
    (started_late, v.EXPIRY, "soon"),
    (late_though_the_clock_is_known, v.EXPIRY, "soon"),
    (wrong_sum, v.DIGEST, "prints"),
    (wrong_size, v.DIGEST, "prints"),
    (wrong_head, v.DIGEST, "fails"),
    (bytes_lost, v.DIGEST, "prints"),
    (nothing_kept, v.DIGEST, "prints"),
    (pulled_wrong, v.DIGEST, "prints"),
    (not_pulled, v.DIGEST, "prints"),
    (another_text, v.DIGEST, "two"),
    (another_argument, v.DIGEST, "last"),
    (no_result, v.DIGEST, "prints"),
    (ran_though_expired, v.END, "late"),
    (ran_though_cancelled, v.END, "never"),
    (logged_though_refused, v.END, "shy"),
    (at_the_wrong_node, v.END, "last"),
    (wrong_exit, v.END, "fails"),
    (cancelled_by_nobody, v.END, "never"),
    (expired_without_ttl, v.END, "last"),
    (expired_too_soon, v.END, "late"),
    (undelivered_without_retries, v.END, "tired"),
    (refused_for_nothing, v.END, "shy"),
    (not_finished, v.END, "prints"),
    (refused_yet_kept, v.END, "last"),
    (refused_at_the_door, v.END, "last"),
    (started_by_nobody, v.END, "ghost"),
    (interrupted_by_nothing, v.INTERRUPTED, "last"),
    (interrupted_by_a_later_kill, v.INTERRUPTED, "last"),
    (interrupted_by_a_kill_elsewhere, v.INTERRUPTED, "last"),
    (unknown_for_nothing, v.UNKNOWN, "last"),
    (unknown_before_the_wipe, v.UNKNOWN, "last"),
    (unknown_long_after_the_wipe, v.UNKNOWN, "last"),
    (held_up, v.WAITED, "last"),
    (daemon_exits, v.EXIT, "ship1"),
    (process_fails, v.EXIT, "ship2"),
    (two_ends, v.RECORD, "last"),
    (journal_disagrees, v.RECORD, "last"),
    (tame_faults, v.TAME, "duplicates"),
    (no_faults, v.TAME, "faults"),
]
