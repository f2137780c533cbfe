"""Named histories: what happened, step by step, and the deliberate bugs that each one catches."""

from __future__ import annotations

from collections.abc import Callable

from steward.message import Kind, MessageId, State
from steward.subjects import Subject
from tests.property.model_end import ModelEnd
from tests.property.model_letters import Copy, full_frames, full_receipts
from tests.property.model_rows import rows_of
from tests.property.model_town import Town

History = Callable[[Town, ModelEnd, ModelEnd], None]
COMMANDS = Subject("B.CommandACK.Work")
EVENTS = Subject("B.EventACK.Note")


def state(end: ModelEnd, id: MessageId) -> tuple[State, bool]:
    row = rows_of(end)[id]
    return row.state, bool(row.confirmed)


def newest(town: Town, to: ModelEnd) -> Copy:
    return [copy for copy in town.bag if copy.to == to.name][-1]


def meet(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    """A knows B's store and clock."""
    town.submit(a, b, Kind.EVENT_ACK)
    town.run(3)


# -------------------------------------------------------------------- receipts and tombstones


def a_cancel_that_crosses_the_receipt_goes_after_it(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False, lost=full_receipts)
    receipt = newest(town, a)
    town.cancel(a, id)
    town.deliver(receipt)
    town.run(3, finishing=False)
    assert state(a, id) == (State.CANCELLED, True)


def an_older_answer_does_not_overtake_a_tombstone(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False)
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False, lost=full_receipts)
    before = newest(town, a)
    town.cancel(a, id)
    town.look(a, COMMANDS)
    town.deliver(newest(town, b))
    after = newest(town, a)
    town.deliver(before)
    assert state(a, id) == (State.CANCELLED, False)
    town.deliver(after)
    assert state(a, id) == (State.CANCELLED, True)


def a_slow_links_receipt_counts_although_the_frame_went_again(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    meet(town, a, b)
    id = town.submit(a, b, Kind.EVENT_ACK, timeout=2.0, retries=9)
    town.look(a, EVENTS)
    first = newest(town, b)
    town.t += 2.0
    town.look(a, EVENTS)
    assert newest(town, b) is not first
    town.deliver(first)
    town.deliver(newest(town, a))
    assert state(a, id) == (State.SUCCEEDED, True)


def a_crash_between_receipt_and_settling_settles_later(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    meet(town, a, b)
    id = town.submit(a, b, Kind.EVENT_ACK)
    town.run(0.5, lost=full_receipts)
    a.crashes = "after"
    town.deliver(newest(town, a))
    town.start(a)
    assert state(a, id) == (State.SUCCEEDED, True)


def what_had_started_when_its_cancel_came_was_started(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    meet(town, a, b)
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.look(a, COMMANDS)
    town.deliver(newest(town, b))
    b.crashes = "before"
    town.turn(b)
    town.start(b)
    town.cancel(a, id)
    town.look(a, COMMANDS)
    town.deliver(newest(town, b))


# -------------------------------------------------------------------- lost stores, older copies


def a_command_that_a_lost_store_ran_is_not_run_again(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False, lost=full_receipts)
    assert town.books.starts_of[id] == 1
    town.wipe(b)
    town.start(b)
    town.run(90)
    assert state(a, id) == (State.UNKNOWN, True)


def an_event_that_a_lost_store_handled_never_ends_as_not_done(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    id = town.submit(a, b, Kind.EVENT_ACK, ttl=30.0)
    town.run(0.5, lost=full_receipts)
    town.wipe(b)
    town.start(b)
    town.run(60, lost=full_frames)
    town.run(90)
    assert state(a, id) == (State.UNKNOWN, True)


def a_hello_of_a_store_that_is_gone_changes_nothing(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    meet(town, a, b)
    b.say_hello(a.name)
    old = newest(town, a)
    old.is_new = False
    town.wipe(b)
    town.start(b)
    meet(town, a, b)
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False)
    town.deliver(old)
    town.run(30)
    assert state(a, id) == (State.SUCCEEDED, True)


def what_is_told_again_keeps_its_place(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    meet(town, a, b)
    town.submit(a, b, Kind.EVENT_ACK)
    town.run(0.5, lost=full_frames)
    town.submit(a, b, Kind.EVENT_ACK)
    town.wipe(b)
    town.start(b)
    town.run(90)


def an_event_told_again_to_an_older_copy_is_not_handled_again(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    town.submit(a, b, Kind.EVENT_ACK)
    town.run(0.5, lost=full_receipts)
    b.back_up()
    town.restore(b, 0)
    town.start(b)
    town.run(90)
    assert town.seen["told again"]


def an_older_copy_that_nobody_declared_renews_itself(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    meet(town, a, b)
    b.back_up()
    before = b.store
    for _ in range(2):
        town.submit(a, b, Kind.EVENT_ACK)
        town.run(3)
    town.restore(b, 0, said=False)
    town.start(b)
    id = town.submit(a, b, Kind.EVENT_ACK)
    town.run(90)
    assert state(a, id) == (State.SUCCEEDED, True)
    assert b.store != before


# -------------------------------------------------------------------- execution


def commands_of_a_stream_run_one_after_the_other(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    for _ in range(3):
        town.submit(a, b, Kind.COMMAND_ACK)
    town.run(1, finishing=False)
    assert len(b.runner.alive) == 1


def a_command_whose_runner_was_killed_is_interrupted_not_run_again(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(1, finishing=False)
    town.kill_runner(b)
    town.run(5)
    assert state(a, id) == (State.INTERRUPTED, True)


def a_result_is_queued_in_the_commit_that_ends_its_command(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(1, finishing=False)
    (key,) = b.runner.alive
    b.runner.finish(key, State.FAILED)
    b.crashes = "after"
    town.turn(b)
    town.start(b)
    town.run(90)
    assert state(a, id) == (State.FAILED, True)


def a_clocks_news_that_a_full_disk_undid_counts_with_the_next_letter(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    """For a minute nothing was reckoned anew: what waited could start after its time."""
    town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False)
    id = town.submit(a, b, Kind.COMMAND_ACK, ttl=600.0)
    town.run(0.5, finishing=False)
    town.set_clock(a, 3600.0)
    for disk in ("full", ""):
        a.say_hello(b.name)
        b.crashes = disk
        town.deliver(newest(town, b))
    (key,) = b.runner.alive
    b.runner.finish(key, State.SUCCEEDED)
    town.run(5)
    assert state(a, id) == (State.EXPIRED, True)


def the_result_of_a_command_cancelled_while_it_waits_goes_at_once(
    town: Town, a: ModelEnd, b: ModelEnd
) -> None:
    """It lay in the outbox until another result, or a restart, woke its lane."""
    town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False)
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(0.5, finishing=False)
    town.cancel(a, id)
    town.run(30, finishing=False)
    assert state(a, id) == (State.CANCELLED, True)


# -------------------------------------------------------------------- lanes, and the real store


def a_subject_that_is_stuck_delays_no_other(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    meet(town, a, b)
    stuck = town.submit(a, b, Kind.EVENT_ACK)
    id = town.submit(a, b, Kind.COMMAND_ACK)
    town.run(10, lost=lambda copy: copy.said.subject == EVENTS)
    assert state(a, stuck) == (State.SENT, False)
    assert state(a, id) == (State.SUCCEEDED, True)


def a_unit_that_fails_leaves_nothing_in_memory(town: Town, a: ModelEnd, b: ModelEnd) -> None:
    meet(town, a, b)
    id = town.submit(a, b, Kind.EVENT_ACK)
    town.look(a, EVENTS)
    town.deliver(newest(town, b))
    receipt = newest(town, a)
    town.deliver(receipt, broken=0)
    assert state(a, id) == (State.SENT, False)
    town.deliver(receipt)
    assert state(a, id) == (State.SUCCEEDED, True)


HISTORIES: dict[History, tuple[str, ...]] = {
    a_cancel_that_crosses_the_receipt_goes_after_it: ("cancel lost when it crosses the receipt",),
    an_older_answer_does_not_overtake_a_tombstone: ("any receipt judged",),
    a_slow_links_receipt_counts_although_the_frame_went_again: ("only the newest tx judged",),
    a_crash_between_receipt_and_settling_settles_later: ("base moved before settling",),
    what_had_started_when_its_cancel_came_was_started: ("start before started is committed",),
    a_command_that_a_lost_store_ran_is_not_run_again: ("bound only when receipted",),
    an_event_that_a_lost_store_handled_never_ends_as_not_done: (
        "an event of a lost store ends never",
    ),
    a_hello_of_a_store_that_is_gone_changes_nothing: ("instance adopted from a hello",),
    what_is_told_again_keeps_its_place: (
        "order forgotten when told again",
        "no new seq for a new instance",
    ),
    an_event_told_again_to_an_older_copy_is_not_handled_again: ("nothing known after a renewal",),
    an_older_copy_that_nobody_declared_renews_itself: ("a gap ignored for ever",),
    commands_of_a_stream_run_one_after_the_other: ("out-of-order start",),
    a_command_whose_runner_was_killed_is_interrupted_not_run_again: ("re-run after a crash",),
    a_result_is_queued_in_the_commit_that_ends_its_command: ("a result in another commit",),
    a_clocks_news_that_a_full_disk_undid_counts_with_the_next_letter: (),
    the_result_of_a_command_cancelled_while_it_waits_goes_at_once: (),
    a_subject_that_is_stuck_delays_no_other: ("one frame per node instead of per stream",),
    a_unit_that_fails_leaves_nothing_in_memory: ("caches outlive a rollback",),
}
"""Each with the deliberate bugs that it catches."""
