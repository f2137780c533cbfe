"""The other end of the machine's limits: a process that answers, at once or from its disk.

Run as ``python -m tests.bench.other_end ADDRESS FILE``. It says ``ready``, and ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys

import msgspec
import nats
from nats.aio.msg import Msg

ROWS = "CREATE TABLE row (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)"


def durable(path: str) -> sqlite3.Connection:
    """A file on which every commit is on the disk when it returns."""
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA journal_mode = WAL")
    con.execute("PRAGMA synchronous = FULL")
    con.execute(ROWS)
    return con


def insert(con: sqlite3.Connection, rows: list[tuple[str, str]]) -> None:
    """All of them in one commit."""
    con.execute("BEGIN IMMEDIATE")
    con.executemany("INSERT INTO row (id, body) VALUES (?, ?)", rows)
    con.execute("COMMIT")


async def serve(address: str, path: str) -> None:
    con = durable(path)
    client = await nats.connect(address)
    rows = msgspec.json.Decoder(list[tuple[str, str]])

    async def echo(msg: Msg) -> None:
        await client.publish(msg.reply, msg.data)

    async def keep(msg: Msg) -> None:
        insert(con, rows.decode(msg.data))
        await client.publish(msg.reply, b"")

    await client.subscribe("bench.echo", cb=echo)
    await client.subscribe("bench.keep", cb=keep)
    await client.flush()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await client.close()
    con.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
