"""inbox → method → result: starts what may start, hears of every end, recovers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from node import answers, recovery, spawn
from node.execution import Ended, Step, Surroundings, key_of, outcome_of, result_subject, step
from node.methods import COMMANDS, Method, Site, registry
from node.outcomes import Outcome
from node.permits import Grant
from node.runs import RunKey, Runs
from node.schedule import Slots
from steward import subjects
from steward.errors import NotPossible, Refused, RunnerError, StoreFull
from steward.handoff.receiver import Receiver
from steward.inbox import Command
from steward.message import State
from steward.metrics import Metrics
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject
from steward.supervisor import Process, ProcessState

log = logging.getLogger(__name__)

NOTICE_AFTER = 0.5
"""Seconds that a command has to run before its sender is told that it runs."""
FOLDER_BYTES = 16 * 1024
"""What a run takes on disk beside its output, about."""
PAUSE = 1.0
"""Seconds before trying again what the runner, a full disk or a clock not trusted refused."""


class Executor:
    """One actor: each turn ends what has ended and starts what may start, in one commit."""

    def __init__(
        self,
        node: NodeName,
        site: Site,
        store: Store,
        receiver: Receiver,
        runs_: Runs,
        around: Surroundings,
        metrics: Metrics,
        slots: Slots,
        permit: Callable[[Command], Grant],
    ) -> None:
        """``permit``: see ``PermitBook.grant``."""
        self._node = node
        self._site = site
        self._store = store
        self._receiver = receiver
        self._runs = runs_
        self._around = around
        self._metrics = metrics
        self._slots = slots
        self._permit = permit
        self._wake = asyncio.Event()
        self._ended: list[Ended] = []
        self._running: dict[RunKey, Command] = {}
        self._unresolved: list[Command] = []
        self._tasks: dict[RunKey, asyncio.Task[None]] = {}
        self._killed: set[RunKey] = set()
        self._waiting: frozenset[NodeName] = frozenset()

    def wake(self) -> None:
        """Something was accepted, cancelled, or may have been."""
        self._wake.set()

    def arrived(self, subject: str) -> None:
        """Messages on this subject are being taken in, in a unit of work that is queued already."""
        _, kind, name = subjects.parse(subject)
        method = registry().get(name)
        if kind in COMMANDS or (method is not None and method.ends_commands):
            self._wake.set()

    def running_now(self) -> int:
        return len(self._running)

    async def run(self, process: Process) -> None:
        """Until cancelled. A restart recovers first, so that no failure strands a command."""
        self._running.clear()
        self._killed.clear()
        self._unresolved = list(await self._store.read(lambda t: t.inbox.started_rows()))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear_exits())
                await self._turns(process, group)
        finally:
            self._tasks.clear()

    async def _turns(self, process: Process, group: asyncio.TaskGroup) -> None:
        while True:
            process.enter(ProcessState.RUNNING)
            self._wake.clear()
            retry = not await self._recover(group)
            ended, self._ended = self._ended, []
            stepped = self._store.queue(lambda t, e=ended: self._step(t, e))  # type: ignore[misc]
            told = self._announce(ended)
            try:
                done = await stepped
            except StoreFull as error:
                self._ended = ended + self._ended
                self._around.report("store_full", str(error), error.hint)
                await asyncio.sleep(PAUSE)
                continue
            self._waiting = done.waiting
            for e in ended:
                self._metrics.ended(e.outcome)
                self._running.pop(key_of(e.command), None)
            self._around.wake(lane for lane in done.results if lane not in told)
            for command in done.start:
                self._launch(command, group)
            for command in done.kill:
                self._kill(command, group)
            process.enter(ProcessState.WAITING)
            await self._wait(done.next_expiry, retry or done.held)

    def _announce(self, ended: list[Ended]) -> set[Subject]:
        """Wake the lanes of the results that are being queued: they are bound in the same commit;
        where more of the sender's commands wait their turn, results go together a little later."""
        senders = {e.command.frm for e in ended if e.command.seq}
        self._around.wake(map(result_subject, senders - self._waiting))
        self._around.wake_soon(map(result_subject, senders & self._waiting))
        return set(map(result_subject, senders))

    def _step(self, tables: Tables, ended: list[Ended]) -> Step:
        now = self._around.now()

        def trusted(frm: NodeName, highest: float) -> bool:
            return self._receiver.clock_is_trusted(frm, now, highest)

        return step(tables, ended, now, spawn.BOOT, trusted, self._slots)

    async def _wait(self, next_expiry: float | None, retry: bool) -> None:
        if self._ended:
            return
        seconds = PAUSE if retry else None
        if next_expiry is not None:
            left = max(0.01, next_expiry - self._around.now().wall)
            seconds = left if seconds is None else min(seconds, left)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    # ---------------------------------------------------------------- running

    def _launch(self, command: Command, group: asyncio.TaskGroup) -> None:
        key = key_of(command)
        self._running[key] = command
        method = registry()[subjects.parse(command.subject).method]
        self._tasks[key] = task = group.create_task(self._begin(command, method))
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _begin(self, command: Command, method: Method) -> None:
        """Permits may have changed since it was accepted."""
        try:
            grant = self._permit(command)
            await (
                self._answer(command, method)
                if method.answer
                else self._start(command, method, grant)
            )
        except Refused as refusal:
            await self._refuse(command, method, str(refusal))

    async def _refuse(self, command: Command, method: Method, reason: str) -> None:
        """Unless it has started: a request of the daemon before may have come through."""
        try:
            if method.program is not None and not await self._runs.forbid(key_of(command), reason):
                return await self._judge_again(command)
        except OSError as error:
            self._around.report("runner", f"a command is not given up: {error}")
            await asyncio.sleep(PAUSE)
            return await self._judge_again(command)
        outcome = Outcome(about=command.id, state=State.REFUSED, reason=reason)
        self._end(Ended(command, outcome))

    async def _start(self, command: Command, method: Method, grant: Grant) -> None:
        key, body = key_of(command), answers.body_of(command)
        assert method.program is not None
        argv, more = method.program(body), answers.environment(self._node, command)
        try:
            started = await self._runs.start(
                key, argv, more, grant.seconds(body.method_timeout), body.stdin_bytes,
                answers.terms(self._node, command, grant),
            )  # fmt: skip
        except RunnerError as error:
            self._around.report("runner", str(error), error.hint, message_id=command.id)
            await asyncio.sleep(PAUSE)
            return await self._judge_again(command)
        except NotPossible:
            outcome = recovery.never_started(command, State.CANCELLED)
            return self._end(Ended(command, outcome))
        await asyncio.sleep(NOTICE_AFTER)
        if key in self._running:
            await self._around.tell_running(command, started)

    async def _judge_again(self, command: Command) -> None:
        """For want of a runner it has not started; by now its time may have passed, or somebody
        has cancelled it: it is looked at as what a daemon finds that comes back."""
        row = await self._store.read(lambda t: t.inbox.started(command.id, command.frm))
        if row is not None and row.n == command.n:
            self._unresolved.append(row)
        self._wake.set()

    async def _answer(self, command: Command, method: Method) -> None:
        outcome = await answers.answer(method, self._site, command, lambda: self._around.now().wall)
        self._end(Ended(command, outcome))

    def _kill(self, command: Command, group: asyncio.TaskGroup) -> None:
        key = key_of(command)
        if key in self._killed or key not in self._running:
            return
        self._killed.add(key)

        async def kill() -> None:
            try:
                if await self._runs.kill(key):
                    return
            except RunnerError as error:
                self._around.report("runner", str(error), error.hint, message_id=command.id)
            # Not started yet, or just ended: if it is still there in a while, once more.
            await asyncio.sleep(PAUSE)
            self._killed.discard(key)
            self._wake.set()

        group.create_task(kill())

    async def _hear_exits(self) -> None:
        while True:
            await self._collect(await self._runs.exited.get())

    async def _collect(self, key: RunKey) -> None:
        """Its exit record is on disk: the result is made of it."""
        command = self._running.get(key)
        if command is None:
            return
        ending = await self._runs.outcome(key, self._around.room_in_result())
        outcome = outcome_of(command, ending)
        if ending.state is State.INTERRUPTED:
            text = f"command {command.id} from {command.frm}: {ending.reason}"
            self._around.report("interrupted", text, message_id=command.id)
        size = FOLDER_BYTES + ending.result["stdoutSize"] + ending.result["stderrSize"]
        self._end(Ended(command, outcome, key, size))

    def _end(self, ended: Ended) -> None:
        self._ended.append(ended)
        self._killed.discard(key_of(ended.command))
        self._wake.set()

    # ---------------------------------------------------------------- recovery

    async def _recover(self, group: asyncio.TaskGroup) -> bool:
        """Find what the daemon before this one had started. False: ask for some again."""
        left: list[Command] = []
        for command in self._unresolved:
            try:
                if not await self._resolve(command, group):
                    left.append(command)
            except RunnerError as error:
                self._around.report("runner", str(error), error.hint, message_id=command.id)
                left.append(command)
        self._unresolved = left
        return not left

    async def _resolve(self, command: Command, group: asyncio.TaskGroup) -> bool:
        method = registry()[subjects.parse(command.subject).method]
        if method.answer:
            self._launch(command, group)
            return True
        now = self._around.now()
        highest = await self._store.read(lambda t: t.inbox.highest_wall())

        def trusted(frm: NodeName) -> bool:
            return self._receiver.clock_is_trusted(frm, now, highest)

        key = key_of(command)
        self._running[key] = command
        verdict = await recovery.resolve(self._runs, key, command, now.wall, trusted)
        if verdict is recovery.Verdict.START:
            self._launch(command, group)
        elif verdict is recovery.Verdict.COLLECT:
            await self._collect(key)
        elif verdict is recovery.Verdict.HOLD:
            del self._running[key]
            return False
        elif isinstance(verdict, Outcome):
            self._end(Ended(command, verdict))
        return True
