"""A trusted world on this machine: TLS, keys, tokens, permits, by the verbs that a person types."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from node.broker import free_port
from node.world import STEWARD, NodeProcess, environment
from steward.control.client import ControlClient
from steward.errors import StewardError

SHIPS: Final = ("ship1", "ship2", "ship3")
HOST: Final = "127.0.0.1"
PATIENCE: Final = 30.0
"""Seconds for a verb to end, and for anything that is waited for."""
_HELLO: Final = "1"
Condition = Callable[[], Awaitable[bool]]


class Done(NamedTuple):
    """How a verb ended; ``said``: what went to its error output."""

    status: int
    out: str
    said: str

    def json(self) -> Any:
        return msgspec.json.decode(self.out)


class SecureWorld:
    """A TLS broker, central and ships in one folder; nothing runs before ``begin``. ``permits``:
    what stands in a node's configuration, by its name; ``typed`` is told each verb."""

    def __init__(
        self,
        folder: Path,
        permits: Mapping[str, str],
        typed: Callable[[str, Sequence[str]], object] = lambda where, words: None,
    ) -> None:
        self.folder = folder
        self.port = free_port(HOST)
        self.nodes: dict[str, NodeProcess] = {}
        self._permits = permits
        self._typed = typed
        self._broker: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"tls://{HOST}:{self.port}"

    # ---------------------------------------------------------------- what a person types

    async def type(self, where: str, *words: str, stdin: str = "", fails: bool = False) -> Done:
        """``steward WORDS`` on the machine of the node ``where``. Raises StewardError with what it
        said, if it fails and is not meant to."""
        self._typed(where, words)
        process = await asyncio.create_subprocess_exec(
            *STEWARD, *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_beside(self.folder / where),
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE):
                out, said = await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        done = Done(process.returncode or 0, out.decode(), said.decode().strip())
        if done.status and not fails:
            raise StewardError(f"steward {' '.join(words)} failed on {where}", done.said)
        return done

    async def ask(self, method: str, /, where: str = "central", **params: object) -> Any:
        """The control socket of a node."""
        async with ControlClient(self.folder / where) as client:
            return await client.call(method, **params)

    # ---------------------------------------------------------------- broker and central

    async def begin(self) -> str:
        """Keys, broker and central; central's fingerprint."""
        made = await self.type("central", "keys", "init", "--broker", self.address, "-o", "json")
        await self.type("central", "broker", "config", "--listen", HOST)
        await self.start_broker()
        await self.start("central")
        fingerprint: str = made.json()["fingerprint"]
        return fingerprint

    async def start_broker(self) -> None:
        """Returns once it takes clients. Raises StewardError."""
        self._typed("central", ("broker",))
        path = self.folder / "broker.log"
        with path.open("wb") as log:
            self._broker = await asyncio.create_subprocess_exec(
                *STEWARD, "broker",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=_beside(self.folder / "central"),
            )  # fmt: skip

        async def answers() -> bool:
            assert self._broker is not None
            if self._broker.returncode is not None:
                raise StewardError("the broker ended", path.read_text(errors="replace")[-2000:])
            return b"the broker answers" in path.read_bytes()

        await until(answers, "the broker answers")

    async def stop_broker(self) -> None:
        if self._broker is not None and self._broker.returncode is None:
            self._broker.terminate()
            await self._broker.wait()

    # ---------------------------------------------------------------- nodes

    def node(self, name: str, folder: str = "") -> NodeProcess:
        """A node of this world, not started yet; ``folder``: of its state, if it is not its
        name."""
        where = self.folder / (folder or name)
        flags: tuple[str, ...] = ("--prom-host-and-port", "off", "--hello-interval", _HELLO)
        if name in self._permits:
            file = self.folder / f"{name}.toml"
            file.write_text(self._permits[name])
            flags = (*flags, "--config", str(file))
        return NodeProcess(name, where, flags)

    async def start(self, name: str, folder: str = "") -> NodeProcess:
        """Returns once it runs, accepted or not."""
        process = self.nodes[folder or name] = self.node(name, folder)
        await process.start()
        return process

    async def introduce(self, name: str, token: str, folder: str = "") -> str:
        """A new machine takes the token and starts; its fingerprint, as it shows it itself."""
        words = ("keys", "join", "-", "-o", "json")
        joined = await self.type(folder or name, *words, stdin=token)
        await self.start(name, folder)
        fingerprint: str = joined.json()["fingerprint"]
        return fingerprint

    async def token(self) -> str:
        return (await self.type("central", "keys", "token")).out.strip()

    async def waiting(self, name: str) -> dict[str, Any]:
        """What central shows of a node that has introduced itself, as soon as it has."""
        found: list[dict[str, Any]] = []

        async def is_there() -> bool:
            found[:] = [p for p in (await self.ask("pending"))["pending"] if p["name"] == name]
            return bool(found)

        await until(is_there, f"{name} has introduced itself")
        return found[0]

    async def accept(self, name: str, fingerprint: str) -> None:
        await self.type("central", "nodes", "accept", name, "--fingerprint", fingerprint)

    async def online(self, *names: str) -> None:
        """Until central hears them."""

        async def heard() -> bool:
            nodes = (await self.ask("nodes"))["nodes"]
            return set(names) <= {n["name"] for n in nodes if n["state"] == "online"}

        await until(heard, f"{', '.join(names)} are online")

    async def connected(self, *names: str) -> None:
        """Until they have a link to whatever broker answers."""

        async def has_link(name: str) -> bool:
            broker = (await self.ask("status", where=name))["broker"]
            return broker["connected"] is True

        for name in names:
            await until(partial(has_link, name), f"{name} has a link to the broker")

    async def admit(self, name: str, token: str) -> str:
        """From an empty folder to a node that belongs; its fingerprint."""
        fingerprint = await self.introduce(name, token)
        await self.waiting(name)
        await self.accept(name, fingerprint)
        await self.online(name)
        return fingerprint

    async def end(self) -> None:
        """Nothing of it runs any more."""
        for process in reversed(list(self.nodes.values())):
            await process.stop()
        await self.stop_broker()


async def until(is_so: Condition, what: str, seconds: float = PATIENCE) -> None:
    """Raises StewardError, if it takes longer."""
    if not await within(is_so, seconds):
        raise StewardError(f"not within {seconds:.0f} s: {what}", "its folder has the logs")


async def within(is_so: Condition, seconds: float) -> bool:
    """Whether it comes to be so."""
    end = time.monotonic() + seconds
    while not await is_so():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


def _beside(state_dir: Path) -> dict[str, str]:
    """The environment of a person's shell on the machine of one daemon."""
    return environment() | {"STEWARD_STATE_DIR": str(state_dir)}


@asynccontextmanager
async def secure_world(
    folder: Path,
    permits: Mapping[str, str],
    ships: Sequence[str] = SHIPS,
    typed: Callable[[str, Sequence[str]], object] = lambda where, words: None,
) -> AsyncIterator[SecureWorld]:
    """All of it running, every ship accepted; everything is stopped at the end, whatever happened.
    See ``SecureWorld``."""
    async with AsyncExitStack() as stack:
        here = SecureWorld(folder, permits, typed)
        stack.push_async_callback(here.end)
        await here.begin()
        if ships:
            token = await here.token()
            async with asyncio.TaskGroup() as group:
                for name in ships:
                    group.create_task(here.admit(name, token), name=f"{name} joins")
        yield here
