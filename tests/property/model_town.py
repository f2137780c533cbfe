"""The model test's town: a few ends, a clock, and a bag that holds whatever was ever sent."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from steward import frames
from steward.message import Kind, Message, MessageId, State
from steward.subjects import Subject
from tests.property.model_books import Books
from tests.property.model_daemon import Crash
from tests.property.model_end import ModelEnd
from tests.property.model_executor import ModelExecutor
from tests.property.model_letters import Copy, Letter, Lost, nothing

MOST_HELD = 64
HELLO = 15.0
LATENCY = 0.05
RUNS = 2.0
"""Seconds that a command takes which is left to itself."""
MOST_TURNS = 20_000
"""Within one ``run``: more is a due time that spins."""


def _nothing(_end: ModelEnd) -> None:
    pass


class Parts(NamedTuple):
    """What a mutant exchanges."""

    end: type[ModelEnd] = ModelEnd
    executor: type[ModelExecutor] = ModelExecutor
    change: Callable[[Any], None] = _nothing
    """Called at each boot, to override methods of the core and of the store."""


class Town:
    """Everything that may happen, one call each; the faults are calls like the others."""

    def __init__(
        self, folder: Path, names: Iterable[str] = ("A", "B"), *,
        signed: bool = True, parts: Parts | None = None,
        skews: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.signed = signed
        self.parts = parts or Parts()
        self.t = 1_000_000.0
        self.max_body = 0
        """Bytes of a body that the broker takes; 0: any."""
        self.seen: Counter[str] = Counter()
        self.bag: list[Copy] = []
        self._tokens = 0
        self._skews: dict[int, float] = {}
        self.books = Books(self)
        self.ends: dict[str, ModelEnd] = {}
        for name in names:
            self.ends[name] = end = self.parts.end(self, name)
            end.skew = (skews or {}).get(name, 0.0)
            end.boot()

    def close(self) -> None:
        for end in self.ends.values():
            if end.is_up:
                end.die()

    def token(self, what: str = "tx") -> str:
        self._tokens += 1
        return f"{what}{self._tokens}"

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        with contextlib.suppress(Crash):
            yield

    # ---------------------------------------------------------------- the network

    def post(self, end: ModelEnd, letter: Letter) -> None:
        self.books.posts(end, letter)
        self.bag.append(Copy(letter.to, frames.encode(letter), letter, end.skew))
        old = [copy for copy in self.bag if not copy.is_new]
        if len(self.bag) > MOST_HELD and old:
            self.bag.remove(old[0])

    def skew_of(self, letter: Letter) -> float:
        return self._skews.get(id(letter), 0.0)

    def deliver(self, *copies: Copy, broken: int = -1) -> None:
        """Copies for one end, together; those for an end that is down are lost."""
        letters: list[Letter] = []
        self._skews.clear()
        for copy in copies:
            copy.is_new = False
            unpacked = frames.decode(copy.letter)
            assert not isinstance(unpacked, frames.Output)
            letters.append(unpacked)
            self._skews[id(unpacked)] = copy.skew
        end = self.ends[copies[0].to]
        if end.is_up:
            with self._alive():
                end.take(letters, broken)

    # ---------------------------------------------------------------- work

    def submit(self, frm: ModelEnd, to: ModelEnd, kind: Kind, **more: Any) -> MessageId:
        """Offer a message; whether it is accepted is seen in the file."""
        fields: dict[str, Any] = {"data": ("x",), "timeout": 10.0, "retries": 0}
        message = Message(
            id=MessageId(self.token("m")), to=to.name, kind=kind,
            method="Work" if kind.is_command else "Note", **{**fields, **more},
        )  # fmt: skip
        self.offer(frm, message)
        return message.id

    def offer(self, frm: ModelEnd, *messages: Message) -> None:
        for message in messages:
            self.books.offered[message.id] = (frm.name, message)
        with self._alive():
            frm.submit(messages)

    def retry(self, frm: ModelEnd, id: MessageId) -> None:
        """The same again, as a message of its own."""
        again = structs.replace(
            self.books.accepted[id].message, id=MessageId(self.token("m")), retry_of=id
        )
        self.offer(frm, again)

    def all_lanes(self, end: ModelEnd) -> list[Subject]:
        rows = end.reader.execute("SELECT subject FROM lane ORDER BY key").fetchall()
        return [subject for (subject,) in rows]

    def look(self, end: ModelEnd, lane: Subject, **how: bool) -> None:
        with self._alive():
            end.look(lane, **how)

    def turn(self, end: ModelEnd) -> None:
        with self._alive():
            end.executor.turn()

    def cancel(self, end: ModelEnd, id: MessageId) -> None:
        with self._alive():
            self.seen["cancelled"] += end.cancel(id)

    def do(self, act: Callable[[], object]) -> None:
        """Any other act of an end, which may meet its crash."""
        with self._alive():
            act()

    # ---------------------------------------------------------------- faults

    def crash(self, end: ModelEnd) -> None:
        self.seen["kill -9"] += 1
        if end.is_up:
            end.die()

    def start(self, end: ModelEnd) -> None:
        if not end.is_up:
            self.do(end.boot)

    def cut_power(self, end: ModelEnd, *, claims_too: bool) -> None:
        self.seen["power cuts"] += 1
        if end.is_up:
            end.die()
        self.books.disturb(c.id for c in end.started_on_disk())
        end.boots += 1
        end.runner.lose_power(claims_too=claims_too)

    def wipe(self, end: ModelEnd) -> None:
        """Its disk is lost; it comes back with an empty one when it is started."""
        self.seen["wiped"] += 1
        self.cut_power(end, claims_too=True)
        self.books.lost.append((end.name, "wiped"))
        end.put_in(None)
        end.restored = False

    def restore(self, end: ModelEnd, number: int, *, said: bool = True) -> None:
        """One of its backups is put back; ``said``: it is started with ``--restored``."""
        self.seen["restored" if said else "restored, and nobody said so"] += 1
        self.cut_power(end, claims_too=True)
        self.books.lost.append((end.name, "restored"))
        self.books.forgiving = self.books.forgiving or not said
        end.put_in(end.backups[number])
        self.books.disturb(c.id for c in end.started_on_disk())
        end.restored = said

    def kill_runner(self, end: ModelEnd) -> None:
        self.seen["runner killed"] += 1
        end.runner.die()
        if end.is_up:
            end.executor.find_out()

    def set_clock(self, end: ModelEnd, skew: float) -> None:
        if skew != end.skew:
            self.seen["clock set"] += 1
            end.skew = skew
            self.books.steps(end)

    # ---------------------------------------------------------------- the network at its best

    def lanes(self, end: ModelEnd) -> list[Subject]:
        """Those that have something to do now."""
        steady = end.now().steady
        late = [lane for lane, due in end.due.items() if due <= steady]
        return [*end.woken, *(lane for lane in late if lane not in end.woken)]

    def run(self, seconds: float, *, finishing: bool = True, lost: Lost = nothing) -> None:
        """For so long every end does what it wants to do, and every letter arrives but those
        that are ``lost``: they are held, and may arrive later. ``finishing``: commands end by
        themselves."""
        until = self.t + seconds
        for _ in range(MOST_TURNS):
            if self._turn_all(finishing, lost):
                self.t += LATENCY
            elif self.t >= until or self.is_idle():
                return
            else:
                self.t = min(max(self.t + LATENCY, self._next(finishing)), until)
        self.books.fault("a due time spins", self.t)

    def _turn_all(self, finishing: bool, lost: Lost) -> bool:
        did = False
        for end in self.ends.values():
            for lane in self.lanes(end) if end.is_up else ():
                did = True
                self.look(end, lane)
                if not end.is_up:
                    break
            if end.is_up and (end.executor.is_woken or (end.executor.due or 1e300) <= self.t):
                did = True
                self.turn(end)
            for key in list(end.runner.asked):
                did = True
                end.runner.begin(key)
            if finishing:
                self._finish(end)
            if end.is_up and self.t - end.said_hello >= HELLO:
                for other in self.ends.values():
                    if other is not end:
                        end.say_hello(other.name)
        for copy in [copy for copy in self.bag if copy.is_new]:
            did = True
            if lost(copy):
                copy.is_new = False
            else:
                self.deliver(copy)
        return did

    def _finish(self, end: ModelEnd) -> None:
        for key in list(end.runner.alive):
            if end.runner.runs[key].began + RUNS <= self.t:
                end.runner.finish(key, State.SUCCEEDED)

    def _next(self, finishing: bool) -> float:
        times: list[float] = []
        for end in self.ends.values():
            if end.is_up:
                now = end.now()
                times += [self.t + due - now.steady for due in end.due.values()]
                times += [end.said_hello + HELLO, end.executor.due or 1e300]
            if finishing:
                times += [end.runner.runs[key].began + RUNS for key in end.runner.alive]
        return min(times, default=1e300)

    def is_idle(self) -> bool:
        """Nothing is open anywhere, and nothing is under way."""
        return all(
            end.is_up and not end.runner.alive and not end.runner.asked
            and not end.executor.ended and not end.executor.is_woken
            and not end.tables.inbox.waiting() and not end.tables.inbox.running_now()
            and not self.books.is_open(end)
            for end in self.ends.values()
        ) and not any(copy.is_new for copy in self.bag)  # fmt: skip
