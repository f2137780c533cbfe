"""Target ``broker``: the same as ``wire``, through a real nats-server to daemons that are processes
of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import nats
from nats.aio.client import Client

from steward.subjects import is_subject
from tests.fault.fleet import Fleet, fleet
from tests.fuzz.house import PERMITS
from tests.fuzz.inputs import Finding, Input
from tests.fuzz.letters import NODES, Wire, settled

_LARGEST = 1024 * 1024
_PERMITS = "".join(
    f"[[permit]]\nfrom = {list(permit.frm)}\nmethods = {list(permit.methods)}\n"
    for permit in PERMITS
)


class OverABroker:
    """``where`` is the subject."""

    name = "broker"
    share = 0.05
    batch = 1000
    lifetime = 100_000

    def __init__(self) -> None:
        self._wire = Wire()

    def make(self, rng: Random) -> Input:
        return self._wire.make(rng)

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[_Town]:
        async with fleet(folder) as here:
            permits = folder / "permits.toml"
            permits.write_text(_PERMITS)
            for name in NODES:
                await here.start(name, "--config", str(permits))
            await here.sees("ship1", "online")
            client = await nats.connect(here.broker.address)
            try:
                town = _Town(here, client)
                yield town
            finally:
                await client.close()
            for name in NODES:
                await here.nodes[name].stop()
                town.read_log(name)


class _Town:
    def __init__(self, here: Fleet, client: Client) -> None:
        self._here, self._client = here, client
        self._marks = 0
        self._dropped = 0

    def figures(self) -> dict[str, float]:
        return {"not publishable": self._dropped}

    async def take(self, batch: Sequence[Input]) -> None:
        here, era = self._here, f"{self._marks}_"
        self._marks += 1
        stores = {name: await self._store(name) for name in NODES}
        canaries = [
            here.command("ship1"),
            {
                "toNode": "ship1", "data": [f"{self._marks}\n"], "commandOrEvent": "EventACK",
                "method": "TextLogging",
            },
        ]  # fmt: skip
        ids = await here.submit(*canaries)
        for one in batch:
            name = "ship1" if ".ship1." in f".{one.where}." else "central"
            payload = settled(one.payload, stores[name], None, era)
            reply = one.reply.replace("ghost", f"ghost{era}")
            if (
                len(payload) > _LARGEST
                or not is_subject(one.where)
                or (reply and not is_subject(reply))
            ):
                self._dropped += 1
                continue
            await self._client.publish(one.where, payload, reply)
        await self._client.flush()
        for message in await here.ends(ids):
            if message["state"] != "succeeded":
                raise Finding(f"a valid message did not succeed: {message}")
        for name in NODES:
            self.read_log(name)
        self._judge_marks(ids[0])

    async def _store(self, name: str) -> str:
        """What the node says of itself in the roster."""
        store: str = (await self._here.ask("node", name=name))["instance"]
        return store

    def _judge_marks(self, command: str) -> None:
        log = self._here.folder / "ship1" / "textlogging" / "central.log"
        if log.read_text() != "".join(f"{n + 1}\n" for n in range(self._marks)):
            raise Finding("central's events were not each handled once, in order")
        if self._here.ran().count(command) != 1:
            raise Finding(f"{command} ran {self._here.ran().count(command)} times")

    def read_log(self, name: str) -> None:
        """Raises Finding if it tells of a bug."""
        log = (self._here.folder / name / "log").read_text(errors="replace")
        if at := log.find("Traceback") + 1:
            raise Finding(f"{name}'s log:\n{log[max(0, at - 500) : at + 2500]}")
