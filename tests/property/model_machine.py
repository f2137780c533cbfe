"""The handoff between real databases as a state machine: whatever may happen, in any order."""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from steward.frames import Frame, Receipt
from steward.message import Kind, State
from tests.property.model_end import ModelEnd
from tests.property.model_letters import Copy, Lost, full_receipts, nothing
from tests.property.model_town import Parts, Town
from tests.property.model_verdict import heal, judge
from tests.property.model_work import (
    ACTS,
    EXITS,
    HOW,
    LOSSES,
    MOST_BACKUPS,
    SKEWS,
    SOON,
    WHICH,
    How,
    pick,
)  # fmt: skip


class HandoffModel(RuleBasedStateMachine):
    """Two or three ends, and a network that keeps what it was given."""

    parts: ClassVar[Parts] = Parts()
    seen: ClassVar[Counter[str]] = Counter()
    """What has happened in all examples."""

    @initialize(
        third=st.booleans(), signed=st.booleans(), losses=LOSSES, skew=SKEWS,
        faults=st.sampled_from([12, 8, 4, 0]),
    )  # fmt: skip
    def begin(self, third: bool, signed: bool, losses: str, skew: float, faults: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="steward-model-")
        self.losses, self.faults = losses, faults
        names, folder = "ABC" if third else "AB", Path(self.folder.name)
        self.town = Town(folder, names, signed=signed, parts=self.parts, skews={"B": skew})

    def teardown(self) -> None:
        if not hasattr(self, "town"):
            return
        try:
            if sys.exc_info()[0] is None:
                heal(self.town)
                judge(self.town)
        finally:
            type(self).seen.update(self.town.seen)
            for what in self.town.seen:
                event(what)
            self.town.close()
            self.folder.cleanup()

    # ---------------------------------------------------------------- what is there

    def end(self, which: int) -> ModelEnd:
        return pick(list(self.town.ends.values())[::-1], which)

    def ends_up(self) -> list[ModelEnd]:
        return [end for end in self.town.ends.values() if end.is_up][::-1]

    def give_work(self, end: ModelEnd, amid: bool, lost: Lost) -> None:
        """What follows meets it amid this."""
        self.back_up()
        others = [other for other in self.ends_up() if other is not end]
        for kind in (Kind.EVENT_ACK, Kind.COMMAND_ACK) if amid else ():
            if others and others[0].is_up:
                self.town.submit(others[0], end, kind)
        if amid:
            self.town.run(0.3, finishing=False, lost=lost)

    def back_up(self) -> None:
        for end in self.ends_up() if self.losses in ("restored", "not said") else ():
            if len(end.backups) < MOST_BACKUPS:
                end.back_up()

    def start_again(self, end: ModelEnd, again: bool) -> None:
        if again:
            self.town.start(end)

    # ---------------------------------------------------------------- work

    def offer(self, which: int, to: int, kinds: tuple[Kind, Kind], how: How) -> None:
        if not (up := self.ends_up()):
            return
        end = pick(up, which)
        others = [other for other in self.town.ends.values() if other is not end]
        acked, unacked = kinds
        kind, data = unacked if how.unacked else acked, "y" * 300 if how.data == "big" else how.data
        for _ in range(how.many):
            if end.is_up:
                self.town.submit(
                    end, pick(others, to), kind, data=(data,), timeout=how.timeout,
                    retries=how.retries, ttl=how.ttl, parallel=how.parallel,
                )  # fmt: skip
        if how.goes != "stays":
            lost = {"no receipt": full_receipts, "runs": nothing}[how.goes]
            self.town.run(0.3, finishing=False, lost=lost)

    @rule(which=WHICH, to=WHICH, how=HOW)
    def send_commands(self, which: int, to: int, how: How) -> None:
        self.offer(which, to, (Kind.COMMAND_ACK, Kind.COMMAND_NACK), how)

    @rule(which=WHICH, to=WHICH, how=HOW)
    def send_events(self, which: int, to: int, how: How) -> None:
        self.offer(which, to, (Kind.EVENT_ACK, Kind.EVENT_NACK), how)

    @precondition(lambda self: self.town.books.accepted)
    @rule(id=WHICH, again=st.sampled_from([False, False, True]))
    def cancel(self, id: int, again: bool) -> None:
        """One that is open, if there is one; or retry it."""
        accepted = self.town.books.accepted
        known = accepted[pick(self.town.books.open_ids() or list(accepted), id)]
        end = self.town.ends[known.sender]
        if end.is_up:
            (self.town.retry if again else self.town.cancel)(end, known.message.id)

    @rule(which=WHICH, to=WHICH, act=ACTS)
    def operate(self, which: int, to: int, act: str) -> None:
        end, other = self.end(which), self.end(to)
        if act == "narrow" or not end.is_up:
            self.town.max_body = 0 if self.town.max_body else 200
        elif act == "hold":
            self.town.do(lambda: end.hold(other.name))
        elif act == "release":
            self.town.do(lambda: end.release(other.name))
        else:
            self.town.do(end.write_journal)
            if end.is_up:
                self.town.do(end.prune)

    # ---------------------------------------------------------------- what daemons do

    @rule(which=WHICH)
    def look_where_it_wants(self, which: int) -> None:
        end = self.end(which)
        for lane in self.town.lanes(end) if end.is_up else ():
            if end.is_up:
                self.town.look(end, lane)

    @rule(
        which=WHICH, lane=WHICH, linked=st.sampled_from([True, True, False]), halves=st.booleans()
    )
    def look(self, which: int, lane: int, linked: bool, halves: bool) -> None:
        end = self.end(which)
        if end.is_up and (lanes := self.town.all_lanes(end)):
            self.town.look(end, pick(lanes, lane), linked=linked, halves=halves)

    @rule(which=WHICH)
    def turn(self, which: int) -> None:
        if self.end(which).is_up:
            self.town.turn(self.end(which))

    @precondition(lambda self: any(e.runner.asked for e in self.town.ends.values()))
    @rule(which=WHICH)
    def begin_command(self, which: int) -> None:
        asked = [(e.runner, key) for e in self.town.ends.values() for key in e.runner.asked]
        runner, key = pick(asked, which)
        runner.begin(key)

    @precondition(lambda self: any(e.runner.alive for e in self.town.ends.values()))
    @rule(which=WHICH, exit=EXITS)
    def finish_command(self, which: int, exit: State) -> None:
        alive = [(e.runner, key) for e in self.town.ends.values() for key in e.runner.alive]
        runner, key = pick(alive, which)
        runner.finish(key, exit)

    @rule(which=WHICH, to=WHICH)
    def say_hello(self, which: int, to: int) -> None:
        end, other = self.end(which), self.end(to)
        if end.is_up and end is not other:
            end.say_hello(other.name)

    # ---------------------------------------------------------------- the network and the time

    @precondition(lambda self: any(copy.is_new for copy in self.town.bag))
    @rule(which=WHICH)
    def deliver_new(self, which: int) -> None:
        self.town.deliver(pick([copy for copy in self.town.bag if copy.is_new], which))

    @precondition(lambda self: any(copy.is_new for copy in self.town.bag))
    @rule()
    def deliver_all_new(self) -> None:
        for copy in [copy for copy in self.town.bag if copy.is_new]:
            self.town.deliver(copy)

    @precondition(lambda self: self.town.bag)
    @rule(which=WHICH, more=st.integers(0, 3), broken=st.sampled_from([-1, -1, 0, 1]))
    def deliver_any(self, which: int, more: int, broken: int) -> None:
        """However often it was delivered; others for the same end may share its commit."""
        first = pick(self.town.bag, which)
        others = [copy for copy in self.town.bag if copy.to == first.to and copy is not first]
        self.town.deliver(first, *others[len(others) - more :], broken=broken)

    @precondition(lambda self: self.town.bag)
    @rule(which=WHICH, all=st.sampled_from([False, False, True]))
    def lose(self, which: int, all: bool) -> None:
        if all:
            self.town.bag.clear()
        else:
            self.town.bag.remove(pick(self.town.bag, which))

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0, 61.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.town.t += seconds

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 20.0]), finishing=st.booleans())
    def run_well(self, seconds: float, finishing: bool) -> None:
        self.back_up()
        self.town.run(seconds, finishing=finishing)

    @rule(
        seconds=st.sampled_from([3.0, 12.0, 40.0, 130.0]),
        what=st.sampled_from(["receipts", "frames", "every second"]),
        finishing=st.booleans(),
    )
    def run_badly(self, seconds: float, what: str, finishing: bool) -> None:
        turn = itertools.count()

        def lost(copy: Copy) -> bool:
            if what == "every second":
                return bool(next(turn) % 2)
            return isinstance(copy.said, Receipt if what == "receipts" else Frame)

        self.town.run(seconds, finishing=finishing, lost=lost)

    # ---------------------------------------------------------------- faults

    @precondition(lambda self: self.faults > 0)
    @rule(
        which=WHICH,
        where=st.sampled_from(["now", "before", "after", "full"]),
        again=SOON,
        amid=st.booleans(),
    )
    def kill(self, which: int, where: str, again: bool, amid: bool) -> None:
        """At once, before or after its next commit; or that finds the disk full, and it goes on."""
        self.faults -= 1
        end = self.end(which)
        self.give_work(end, amid, nothing)
        if where == "now":
            self.town.crash(end)
            self.start_again(end, again)
        else:
            end.crashes = where

    @precondition(lambda self: not all(end.is_up for end in self.town.ends.values()))
    @rule(which=WHICH)
    def start(self, which: int) -> None:
        self.town.start(pick([e for e in self.town.ends.values() if not e.is_up], which))

    @precondition(lambda self: self.faults > 0)
    @rule(
        which=WHICH, claims_too=st.booleans(), machine=st.booleans(), again=SOON, amid=st.booleans()
    )
    def cut_power(
        self, which: int, claims_too: bool, machine: bool, again: bool, amid: bool
    ) -> None:
        """Or kill the runner alone."""
        self.give_work(self.end(which), amid, nothing)
        self.faults -= 1
        if machine:
            self.town.cut_power(self.end(which), claims_too=claims_too)
            self.start_again(self.end(which), again)
        else:
            self.town.kill_runner(self.end(which))

    @precondition(lambda self: self.faults > 0)
    @rule(which=WHICH, skew=SKEWS)
    def set_the_clock(self, which: int, skew: float) -> None:
        self.faults -= 1
        self.town.set_clock(self.end(which), skew)

    @precondition(lambda self: self.losses != "none" and self.faults > 0)
    @rule(which=WHICH, copy=WHICH, again=SOON, amid=st.booleans())
    def lose_the_disk(self, which: int, copy: int, again: bool, amid: bool) -> None:
        """An empty one is put in, or an older copy, if there is one; perhaps amid new work."""
        self.faults -= 1
        end = self.end(which)
        self.give_work(end, amid, full_receipts)
        if end.backups and copy % 4:
            number = len(end.backups) - 1 - copy % len(end.backups)
            self.town.restore(end, number, said=self.losses == "restored")
        else:
            self.town.wipe(end)
        self.start_again(end, again)
