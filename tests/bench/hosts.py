"""Many nodes in one process: each a Daemon with its own folder, store and runner.

Run as ``python -m tests.bench.hosts BROKER FOLDER NAME…``. It says ``ready`` once all of them have
their link, and stops them at the end of its standard input.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from node.daemon import Daemon
from steward.config import Settings
from steward.subjects import NodeName


async def host(broker: str, folder: Path, names: list[str]) -> None:
    daemons = [
        Daemon(
            Settings(
                node=NodeName(name),
                state_dir=folder / name,
                broker_address=broker,
                prom_host_and_port=None,
            )
        )
        for name in names
    ]
    async with asyncio.TaskGroup() as group:
        for daemon in daemons:
            group.create_task(daemon.run())
            await daemon.ready.wait()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for daemon in daemons:
            daemon.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(host(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
