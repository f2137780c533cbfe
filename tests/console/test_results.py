"""Jobs, their groups and the differences of outputs, as lines: pure."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console.fake import FakeDaemon
from tests.console.jobs_world import DISKS, KERNELS, jobs_fleet
from tests.console.world import message, node
from tui import diff, groups, results, rows
from tui.ink import Tone, plain, width
from tui.rows import Group, Job, MessageRow, NodeRow

CLOCK = FakeDaemon().clock


def job_of(**states: int) -> Job:
    is_open = sum(states.get(state, 0) for state in groups.OPENED)
    count = sum(states.values())
    return Job(job="j", data=["uname"], messages=count, nodes=count, open=is_open, states=states)


def read(job: str) -> Job:
    return rows.read(Job, jobs_fleet().on_job(job))


@pytest.mark.parametrize(
    ("states", "drawn"),
    [
        ({"succeeded": 10}, "━━━━━━━━━━"),
        ({"succeeded": 5, "failed": 2, "queued": 3}, "━━━━━╍╍───"),
        ({"published": 4, "cancelled": 4, "running": 2}, "━━━━╌╌╌╌──"),
        ({"succeeded": 9_998, "failed": 1, "queued": 1}, "━━━━━━━━╍─"),
        ({"failed": 1, "expired": 1}, "╍╍╍╍╍╍╍╍╍╍"),
        ({}, ""),
    ],
)
def test_the_bar_shows_each_part_however_small(states: dict[str, int], drawn: str) -> None:
    assert plain(results.bar(job_of(**states), 10)) == drawn


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.integers(4, 200))
def test_a_bar_is_as_long_as_its_place(counts: list[int], cells: int) -> None:
    shares = results.parts(counts, cells)
    assert sum(shares) == (cells if any(counts) else 0)
    assert all((share > 0) == (count > 0) for share, count in zip(shares, counts, strict=True))


def test_counts_name_who_is_waited_for_if_there_is_room() -> None:
    job = read(KERNELS)
    long = "38 succeeded, 1 failed, 1 running on ship1, 3 waiting for ship3, ship5, ship8"
    assert plain(results.counts(job, 100)) == long
    assert plain(results.counts(job, 60)) == "38 succeeded, 1 failed, 1 running, 3 waiting"
    assert plain(results.counts(job, 30)) == "✓ 38  ✗ 1  ▶ 1  ◌ 3"
    assert "1 expired, 1 unconfirmed" in plain(results.counts(read(DISKS), 100))


def test_a_job_stands_as_its_worst_part_does() -> None:
    assert plain(results.standing(job_of(succeeded=3))) == "✓"
    assert plain(results.standing(job_of(succeeded=3, sent=1))) == "▶"
    assert plain(results.standing(job_of(succeeded=3, sent=1, expired=1))) == "✗"
    assert results.is_problem(job_of(refused=1))
    assert not results.is_problem(job_of(cancelled=1, succeeded=2))


def test_what_a_job_took_and_what_it_has_taken() -> None:
    done = Job(job="j", accepted="2026-03-14T11:00:00Z", ended="2026-03-14T11:03:20Z")
    assert plain(results.took(done, CLOCK)) == "3 min 20 s"
    assert plain(results.took(Job(job="j", accepted=NOON_TEXT, open=1), CLOCK)) == "0s …"


NOON_TEXT = "2026-03-14T12:00:00Z"


def test_groups_stand_largest_first_with_names_and_gist() -> None:
    job, world = read(KERNELS), jobs_fleet()
    first, second, waiting, *_ = job.groups
    sample = rows.read(MessageRow, world.on_message(first.sample))
    assert [groups.size(group) for group in job.groups] == [33, 5, 3, 1, 1]
    card = [plain(one) for one in groups.card(first, sample, {}, 50)]
    assert [card[0][:20], card[0][-8:]] == ["✓ succeeded · exit 0", "33 nodes"]
    assert [card[1][:12], card[1][-4:]] == ["ship2, ship4", "more"]
    assert card[2] == '┆ PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'
    assert groups.majority(job.groups) is first
    few = [plain(one) for one in groups.card(second, None, {}, 76, few=True)]
    assert [len(few), few[0][24:37]] == [2, "ship6, ship15"]
    known = {name: rows.read(NodeRow, world.nodes[name]) for name in waiting.nodes}
    assert plain(groups.waiting(waiting, None, known)) == "1 offline, 1 held, 1 unheard"
    roll = [plain(one) for one in groups.roll(waiting, None, known, CLOCK)]
    assert roll[0].split() == ["ship3", "○", "offline", "seen", "1h", "ago"]


def test_what_an_online_node_waits_for() -> None:
    here = {"a": rows.read(NodeRow, node("a"))}
    behind = MessageRow(id="x", state="queued", behind="y")
    queued = Group(state="queued", nodes=["a"], ids=["x"])
    assert plain(groups.waiting(queued, behind, here)) == "behind another message"
    assert plain(groups.waiting(queued, None, here)) == "waits for its turn"
    assert plain(groups.waiting(queued, None, {})) == "1 never seen"
    running = Group(state="running", nodes=["a"], ids=["x"])
    assert plain(groups.waiting(running, None, here)) == "running now"


def test_of_equally_large_groups_the_one_that_went_well_is_the_measure() -> None:
    ill = Group(state="failed", ids=["a"], messages=1)
    well = Group(state="succeeded", ids=["b"], messages=1)
    still = Group(state="queued", ids=["c", "d"], messages=2)
    assert groups.majority([still, ill, well]) is well
    assert groups.majority([still]) is None


@given(st.lists(st.text(max_size=12), max_size=60), st.integers(20, 90))
def test_names_say_how_many_are_left_out(names: list[str], cells: int) -> None:
    shown = groups.names(names, cells)
    if len(names) > 1 and "more" not in plain(shown):
        assert width(shown) <= cells


def outcome(stdout: str = "", stderr: str = "", **more: Any) -> MessageRow:
    raw = message(0, "ship1", "succeeded", ["x"])
    held = {"stdout": stdout, "stderr": stderr, "stdoutSha256": None, "stderrSha256": None}
    raw["result"] |= held | more
    return rows.read(MessageRow, raw)


def told(most: MessageRow, other: MessageRow) -> list[str]:
    return [plain(one).rstrip(" ─") for one in diff.outputs(most, other, 60)]


def test_a_difference_is_marked_and_coloured() -> None:
    lines = diff.outputs(outcome("a\nb\nc\n"), outcome("a\nB\nc\n"), 60)
    shown = [(plain(one), one[0].tone) for one in lines if one]
    assert ("- b", Tone.BAD) in shown
    assert ("+ B", Tone.GOOD) in shown
    assert "  a" in [text for text, _ in shown]
    assert "nothing, on either" in [text for text, _ in shown]


def test_equal_outputs_are_the_same_and_binary_ones_are_not_shown() -> None:
    assert told(outcome("a"), outcome("a"))[1] == "the same"
    assert told(outcome("a\r\n"), outcome("a\n"))[1] == "differs only in how its lines end"
    binary = outcome("", stdoutB64="AAECAwA=", stdoutSize=5)
    assert told(outcome("a", stdoutSize=1), binary)[1] == "differs (binary)  1 B there, 5 B here"


def test_what_the_result_leaves_out_is_said() -> None:
    cut = outcome("a\nb\n", stdoutCut=12 * 1024**2, stdoutTail="y\nz\n", stdoutSha256="1")
    lines = told(outcome("a\nb\ny\nz\n"), cut)
    assert "12.0 MiB in the middle are not in the result, and not compared" in lines[1]
    assert lines[2] == "what is compared is the same"


def test_a_large_difference_is_bounded() -> None:
    ours = "\n".join(str(n * n % 17) for n in range(60_000))
    theirs = "\n".join(str(n * n % 19) for n in range(60_000))
    began = time.process_time()
    lines = diff.outputs(outcome(ours), outcome(theirs), 60)
    assert time.process_time() - began < 2
    assert len(lines) <= 2 * diff.MOST_LINES + 12
    assert "only the first 2,000 of 60,000 lines are compared" in plain(lines[1])
