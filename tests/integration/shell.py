"""The command line as its users meet it: a process of its own, its two streams apart."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

PATIENCE = 30.0
"""Seconds after which a command line that has not ended is a failure."""


class Done(NamedTuple):
    """How a command line ended."""

    status: int
    out: bytes
    err: str

    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    def jsonl(self) -> list[Any]:
        return [msgspec.json.decode(line) for line in self.out.splitlines()]

    def words(self) -> list[str]:
        return self.out.decode().split()


class Shell:
    """Types ``steward …`` on the machine of one daemon."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir

    async def begin(self, *args: str) -> asyncio.subprocess.Process:
        """A command line that runs on."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith("STEWARD_")}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "steward.cli", *args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**plain, "STEWARD_STATE_DIR": str(self.state_dir)},
        )

    async def __call__(self, *args: str, stdin: bytes = b"") -> Done:
        """One command line, to its end."""
        process = await self.begin(*args)
        try:
            async with asyncio.timeout(PATIENCE):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
            raise AssertionError(f"{args} did not end: {out!r} {err.decode()}") from None
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return Done(process.returncode, out, err.decode())
