"""What happens when the link to the broker goes up or down."""

from __future__ import annotations

import asyncio
import logging

from node.presence import Greeter
from node.views import NodeViews
from steward.control.server import ControlServer
from steward.errors import StewardError
from steward.handoff import Handoff
from steward.publisher import Publishers
from steward.store import Store, Tables
from steward.supervisor import Process

log = logging.getLogger(__name__)


class Turns:
    """Whoever has to know is told; and what waits tries again."""

    def __init__(
        self,
        store: Store,
        handoff: Handoff,
        publishers: Publishers,
        greeter: Greeter,
        nodes: NodeViews,
        server: ControlServer,
    ) -> None:
        self._store = store
        self._handoff = handoff
        self._publishers = publishers
        self._greeter = greeter
        self._nodes = nodes
        self._server = server
        self._up = asyncio.Event()

    def changed(self, up: bool) -> None:
        self._nodes.link_changed(up)
        self._server.status_changed()
        self._greeter.link_changed(up)
        if up:
            self._up.set()

    async def run(self, _process: Process) -> None:
        """Everything that waits may try again, once per link."""
        while True:
            await self._up.wait()
            self._up.clear()
            try:
                await self._store.write(self._stir)
            except StewardError as error:
                log.warning("%s", error)
            self._publishers.wake_all()

    def _stir(self, _tables: Tables) -> None:
        self._handoff.peers.stir(self._store.clock.now())
