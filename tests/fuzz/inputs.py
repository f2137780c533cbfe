"""What is fed to a target, what is found, and how an input that failed is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

CORPUS = Path(__file__).parent / "corpus"
"""One file for each set of inputs that ever failed."""


class Input(NamedTuple):
    """One mutated input. ``where``: the subject, the file, the kind of line; ``reply``: the subject
    to answer to, on the wire."""

    where: str
    payload: bytes
    reply: str = ""


class Finding(Exception):
    """A promise that did not hold."""


class World(Protocol):
    """The product, running, and everything that is known of what it was fed."""

    async def take(self, batch: Sequence[Input]) -> None:
        """Feed all of them, and something valid between them. Raises Finding."""

    def figures(self) -> dict[str, float]:
        """What grows with what strangers say, and other numbers worth a look."""


class Target(Protocol):
    """One way into the product. ``share``: of all inputs of a run; ``batch``: inputs between two
    judgements; ``lifetime``: inputs of one world."""

    name: str
    share: float
    batch: int
    lifetime: int

    def make(self, rng: Random) -> Input:
        """A mutated input: a function of ``rng`` alone."""

    def world(self, folder: Path) -> AbstractAsyncContextManager[World]:
        """A fresh one. Raises Finding at its end, too."""


def make(target: Target, seed: int, n: int) -> Input:
    """Input ``n`` of a run: the same for the same seed, whatever was made before."""
    return target.make(Random(f"{seed} {target.name} {n}"))


def save(folder: Path, target: str, seed: int, why: str, inputs: Sequence[Input]) -> Path:
    """Keep what failed, as a file for ``tests/fuzz/corpus``."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "target": target, "seed": seed, "why": why[-2000:],
        "inputs": [[i.where, base64.b64encode(i.payload).decode(), i.reply] for i in inputs],
    }  # fmt: skip
    number = len(list(folder.iterdir()))
    path = folder / f"{target}-{seed}-{number}.json"
    path.write_text(json.dumps(told, indent=1) + "\n")
    return path


def load(path: Path) -> tuple[str, list[Input]]:
    """The target's name, and its inputs."""
    told = json.loads(path.read_text())
    inputs = [Input(where, base64.b64decode(data), reply) for where, data, reply in told["inputs"]]
    return told["target"], inputs
