"""The daemon's side of the runner: starts commands, hears of their end, finds them again."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import enum
import hashlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NewType

import msgspec

from node import accounts, output, spawn
from node.output import Claim, Ending, Exit, Killed, News, Stream
from node.runner_link import Ask, RunnerLink
from steward.errors import NotPossible, Refused, RunnerError
from steward.subjects import NodeName
from steward.threads import in_thread

RunKey = NewType("RunKey", str)

RUNNER_RESTS = 600.0
_PATIENCE = 5.0
_MOST_RECORDS = 1024


class Adopted(enum.Enum):
    """What a recovering daemon finds of a command that it may have started."""

    RUNNING = "its end will be in ``exited``"
    EXITED = "it has ended: see its outcome"
    LOST = "the runner was killed, or the power went: its outcome is interrupted"
    UNCLAIMED = "it has not been started: start it, or forbid it"
    FORBIDDEN = "it has not been started and never will be"


def key(store: str, from_store: str, subject: str, seq: int, id: str) -> RunKey:
    """The name of a command's folder: no restored database meets another command's."""
    name = msgspec.json.encode((store, from_store, subject, seq, id))
    return RunKey(hashlib.sha256(name).hexdigest()[:32])


class Runs:
    """The commands of one state folder. ``run`` has to run while the rest is used.

    ``exited`` gets the key of each command that this object started, or found running, once it has
    ended, however it ended. ``grace``: seconds between SIGTERM and SIGKILL; ``idle``: seconds that
    a runner without a child and a daemon stays; ``limit``: bytes kept of an output; ``rests``:
    seconds without a command until the daemon lets go of its runner.
    """

    def __init__(
        self, state_dir: Path, *, grace: float = 5.0, idle: float = 10.0, limit: int = 128 << 20,
        rests: float = RUNNER_RESTS,
    ) -> None:  # fmt: skip
        self.exited: asyncio.Queue[RunKey] = asyncio.Queue()
        self.statements: Callable[[NodeName], Awaitable[Sequence[bytes]]]
        """What a runner that verifies orders has to know of a sender's keys."""
        self._runs = state_dir.absolute() / "runs"
        self._limit = limit
        self._environment = accounts.environment(accounts.numbered(os.geteuid()))
        self._watched: set[RunKey] = set()
        self._adopted: set[RunKey] = set()  # by ``adopt``, which finds their ends itself
        self._records: dict[RunKey, Exit] = {}  # as the runner has told them, until asked for
        settings = (f"grace={grace}", f"idle={idle}", f"limit={limit}")
        self._link = RunnerLink(state_dir.absolute(), settings, self._tell, rests)

    async def run(self) -> None:
        """Hold the connection from the first need on, for ever. Raises RunnerError if the runner
        can be neither reached nor started; run it again then: nothing is lost."""
        await self._link.run(self._find_ended, lambda: bool(self._watched))

    async def start(
        self,
        key: RunKey,
        argv: Sequence[str],
        env: Mapping[str, str],
        deadline: float | None,
        stdin: bytes = b"",
        terms: Mapping[str, Any] = {},
    ) -> float:
        """Start the command, or find it started: the wall time of that. Its end will be in
        ``exited``. ``env`` is added to the plain environment; after ``deadline`` seconds it is
        ended. It finds ``stdin`` on its standard input. A program that cannot be started ends with
        exit code 127 or 126. ``terms``: see ``answers.terms``; a runner that is a unit of its own
        takes all of this from the signed order alone.

        Raises RunnerError if it was not started, NotPossible if it was forbidden, Refused if the
        runner will never start it.
        """
        self._watched.add(key)
        request: dict[str, Any] = {"op": "start", "key": key}
        try:
            if self._link.unit():
                request |= await self._ordered(terms)
            else:
                environment = self._environment | dict(env)
                more = {"stdin": base64.b64encode(stdin).decode()} if stdin else {}
                more |= {name: terms[name] for name in ("user", "limits") if name in terms}
                request |= {"argv": list(argv), "env": environment, "deadline": deadline} | more
                request["op"] += " on terms" if more else ""
            reply = await self._link.ask(request)
            if "refused" in reply:
                raise Refused(reply["refused"])
            if "error" not in reply:
                return float(reply["at"])
            if reply["error"].startswith("op: "):
                raise RunnerError("the runner is of an older Steward", "stop it: see runner.lock")
            if reply["error"] != "exists":
                raise RunnerError(f"the command was not started: {reply['error']}")
            claim = output.read_claim(self._runs / key)
            if claim is None or claim.forbidden:
                record = output.read_exit(self._runs / key)
                if record is not None and record.killed == "refused":
                    raise Refused(record.reason)
                raise NotPossible("the command was given up before it started")
            for ended in await self._ended({key}, self._link.ask):
                self._tell(ended)
            return claim.wall
        except (RunnerError, NotPossible, Refused):
            self._watched.discard(key)
            raise

    async def _ordered(self, terms: Mapping[str, Any]) -> dict[str, Any]:
        order = terms.get("order")
        if order is None:
            return {}
        said = await self.statements(order["from"])
        return {"order": order | {"statements": [signed.decode() for signed in said]}}

    async def kill(self, key: RunKey) -> bool:
        """SIGTERM to the command's group, SIGKILL after the grace; False if it does not run.
        Raises RunnerError."""
        return bool((await self._link.ask({"op": "kill", "key": key})).get("killing"))

    async def adopt(self, key: RunKey, boot: str) -> Adopted:
        """What became of a command whose start was committed in the boot of that id, before the
        daemon went down. What is left of a lost one's process group is killed.

        Raises RunnerError, OSError.
        """
        folder = self._runs / key
        claim, record = output.read_claim(folder), output.read_exit(folder)
        if claim is None:
            if boot == spawn.BOOT:
                return Adopted.UNCLAIMED
            # The power may have taken the claim, and the command may have run.
            await asyncio.to_thread(self._claim_lost, key, boot)
            return Adopted.LOST
        if claim.forbidden:
            return Adopted.FORBIDDEN
        if record is None:
            self._watched.add(key)
            self._adopted.add(key)
            try:
                ended = await self._ended({key}, self._link.ask, boot)
            except RunnerError:
                self._watched.discard(key)
                raise
            finally:
                self._adopted.discard(key)
            if not ended or key not in self._watched:
                return Adopted.RUNNING
            self._watched.discard(key)
            record = output.read_exit(folder)
        lost = record is not None and record.killed == "interrupted"
        return Adopted.LOST if lost else Adopted.EXITED

    async def forbid(self, key: RunKey, refusal: str = "") -> bool:
        """See to it that the command never starts, whoever may still ask for it; False if it has
        been started. ``refusal``: why, if it is refused. Raises OSError."""
        return await asyncio.to_thread(self._forbid, key, refusal)

    async def outcome(self, key: RunKey, room: int = output.IN_RESULT) -> Ending:
        """How the command ended, with ``room`` bytes of its output at most. Raises NotPossible if
        it runs, UnknownId if nothing is left."""
        folder = self._runs / key
        record = self._records.pop(key, None) or output.read_exit(folder)
        if record is None:
            raise output.missing(folder)
        if record.stdout_size + record.stderr_size <= min(room, output.IN_RESULT):
            return output.read_ending(folder, record, room)
        return await asyncio.to_thread(output.read_ending, folder, record, room)

    async def read(self, key: RunKey, stream: str, offset: int, limit: int) -> bytes:
        """A piece of an output, at most 256 KiB; empty at its end, or so far. Raises NotPossible
        for a stream that there is not, UnknownId if nothing is left of the run."""
        return await asyncio.to_thread(output.read_chunk, self._runs / key, stream, offset, limit)

    async def news(self, key: RunKey, told: Mapping[Stream, int], most: int) -> list[News] | None:
        """What its outputs have gained, see ``output.read_news``; None once it has ended. Raises
        OSError."""
        return await in_thread(output.read_news, self._runs / key, told, self._limit, most)

    async def folders(self) -> list[RunKey]:
        """Every run that has a folder here, whoever knows of it."""
        return await asyncio.to_thread(lambda: [RunKey(p.name) for p in self._runs.glob("*")])

    async def prune(self, keys: Sequence[RunKey]) -> None:
        """Remove what is kept of these runs, which the daemon has reported and needs no more; one
        that has not ended stays. Raises OSError."""
        await asyncio.to_thread(output.remove, self._runs, keys)

    def _tell(self, name: str, record: dict[str, Any] | None = None) -> None:
        key = RunKey(name)
        if key in self._watched:
            self._watched.discard(key)
            if record is not None and len(self._records) < _MOST_RECORDS:
                self._records[key] = msgspec.convert(record, Exit)
            self.exited.put_nowait(key)

    async def _find_ended(self, ask: Ask) -> None:
        """After a connection was lost: what ended meanwhile."""
        if watched := self._watched - self._adopted:
            for ended in await self._ended(watched, ask):
                self._tell(ended)

    async def _ended(self, keys: set[RunKey], ask: Ask, boot: str = spawn.BOOT) -> set[RunKey]:
        """Those of the keys that have been claimed, in that boot, and run no more.

        The order proves it: what had been claimed before the one runner that there can be said
        what it runs, and has no exit record after that, has no parent any more.
        """
        claims = {key: output.read_claim(self._runs / key) for key in keys}
        running = (await ask({"op": "list"}))["running"]
        ended = {key: claim for key, claim in claims.items() if claim and key not in running}
        for key, claim in ended.items():
            if output.read_exit(self._runs / key) is None:
                try:
                    await asyncio.to_thread(self._lose, key, claim, boot)
                except OSError as error:
                    raise RunnerError(f"no record of a lost command: {error}") from error
        return set(ended)

    def _lose(self, key: RunKey, claim: Claim, boot: str) -> None:
        """End what is left of a command whose parent is gone, and record that it was lost. The
        power may have taken what its claim said, then the commit of its start knows the boot."""
        if boot != spawn.BOOT:
            # How far it was, nobody knows: its claim and its end aren't synced at once.
            reason = "the machine lost power, or was reset, before the command's end was on disk"
        elif not claim.boot:
            reason = "the runner was killed as the command started"
        else:
            reason = "the runner was killed while the command ran"
            until = time.monotonic() + _PATIENCE
            while claim.start and spawn.start_time(claim.pid) == claim.start:
                spawn.signal_group(claim.pid, signal.SIGKILL)
                if time.monotonic() > until:
                    break
                time.sleep(0.01)
        self._record(key, Exit(killed="interrupted", reason=reason, started=claim.wall, ended=0))

    def _record(self, key: RunKey, record: Exit) -> None:
        now, sizes = time.time(), {}
        for name in spawn.STREAMS:
            path = self._runs / key / name
            sizes[f"{name}_size"] = min(path.stat().st_size, self._limit) if path.exists() else 0
        full = msgspec.structs.replace(record, ended=now, **sizes)
        with self._opened() as runs:
            spawn.write_exit(key, runs, msgspec.to_builtins(full))

    def _forbid(self, key: RunKey, refusal: str) -> bool:
        try:
            self._claim(key, forbidden=True)
        except FileExistsError:
            claim = output.read_claim(self._runs / key)
            if claim is None or not claim.forbidden:
                return False
        killed: Killed = "refused" if refusal else "cancelled"
        reason = refusal or "it never started"
        self._record(key, Exit(killed=killed, reason=reason, started=0, ended=0))
        return True

    def _claim_lost(self, key: RunKey, boot: str) -> None:
        with contextlib.suppress(FileExistsError):
            self._claim(key, boot=boot)
        self._lose(key, Claim(), boot)

    def _claim(self, key: RunKey, **facts: str | bool) -> None:
        """Take the claim so that nobody starts the command."""
        self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._opened() as runs:
            os.close(spawn.claim(key, runs, **facts))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        runs = os.open(self._runs, os.O_RDONLY)
        try:
            yield runs
        finally:
            os.close(runs)
