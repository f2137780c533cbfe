"""Supervised processes in Erlang/OTP's sense: restart with backoff, give up past an intensity."""

from __future__ import annotations

import asyncio
import logging
import shlex
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from steward.errors import UnknownId

log = logging.getLogger("steward.supervisor")

Report = Callable[[str, str, str], None]
"""code, text, hint: called when a process has failed."""


class ProcessState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    BACKOFF = "backoff"
    TERMINATED = "terminated"


@dataclass
class Process:
    """One supervised worker. ``run`` ends when there is nothing left to do, or raises."""

    name: str
    role: str
    subject: str
    run: Callable[[Process], Awaitable[None]]
    state: ProcessState = ProcessState.RUNNING
    restarts: int = 0
    last_error: str = ""
    since: float = field(default_factory=time.time)
    queue: Callable[[], int] = lambda: 0
    holding: str = ""
    """The message, or frame, that it has in its hands: named when it is terminated."""
    _failures: deque[float] = field(default_factory=deque)

    def enter(self, state: ProcessState) -> None:
        if state is not self.state:
            self.state, self.since = state, time.time()


class Supervisor:
    """Owns every process of one daemon.

    A process that raises is started again after a pause that doubles up to ``longest_pause``
    seconds; after ``intensity`` failures within ``period`` seconds it stays ``terminated`` until
    somebody starts it again.
    """

    def __init__(
        self,
        report: Report,
        *,
        intensity: int = 5,
        period: float = 60.0,
        first_pause: float = 0.2,
        longest_pause: float = 10.0,
    ) -> None:
        self._report = report
        self._intensity = intensity
        self._period = period
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._processes: dict[str, Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    def processes(self) -> list[Process]:
        """All of them, by name; the terminated ones as well."""
        return sorted(self._processes.values(), key=lambda p: p.name)

    def get(self, name: str) -> Process | None:
        return self._processes.get(name)

    def add(self, process: Process) -> None:
        """Start a process, unless one of its name is there."""
        if process.name not in self._processes and not self._closing:
            self._processes[process.name] = process
            self._launch(process)

    def start(self, name: str) -> None:
        """Start a terminated process again. Raises UnknownId."""
        process = self._processes.get(name)
        if process is None:
            raise UnknownId(f"no process is named {name!r}", "steward processes NODE")
        if process.state is ProcessState.TERMINATED:
            process._failures.clear()
            self._launch(process)

    async def close(self) -> None:
        """Cancel every process and wait for its end."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _launch(self, process: Process) -> None:
        process.enter(ProcessState.RUNNING)
        self._tasks[process.name] = asyncio.create_task(self._supervise(process), name=process.name)

    async def _supervise(self, process: Process) -> None:
        while True:
            try:
                process.enter(ProcessState.RUNNING)
                await process.run(process)
            except Exception as error:
                if not await self._failed(process, error):
                    return
            else:
                del self._processes[process.name], self._tasks[process.name]
                return

    async def _failed(self, process: Process, error: Exception) -> bool:
        """Whether to go on. Reports the failure; waits out the pause."""
        process.restarts += 1
        process.last_error = f"{type(error).__name__}: {error}"
        now = time.monotonic()
        failures = process._failures
        failures.append(now)
        while failures[0] < now - self._period:
            failures.popleft()
        held = f", holding {process.holding}" if process.holding else ""
        log.error("process %s failed%s", process.name, held, exc_info=error)
        if len(failures) >= self._intensity:
            process.enter(ProcessState.TERMINATED)
            self._report(
                "process_terminated",
                f"process {process.name} failed {len(failures)} times in {self._period:.0f} s"
                f"{held}: {process.last_error}",
                f"steward processes NODE --start {shlex.quote(process.name)}",
            )
            return False
        self._report("process_failed", f"process {process.name}{held}: {process.last_error}", "")
        process.enter(ProcessState.BACKOFF)
        await asyncio.sleep(
            min(self._longest_pause, self._first_pause * 2.0 ** (len(failures) - 1))
        )
        return True
