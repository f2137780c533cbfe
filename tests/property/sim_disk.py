"""What a simulated node keeps, says and suffers."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from steward import frames
from steward.message import MessageId
from steward.subjects import NodeName
from tests.property.fake_ledger import FakeLedger
from tests.property.sim_runner import Key, Run


class Crash(Exception):
    """The daemon is gone: nothing after this point happens."""


class Hello(NamedTuple):
    """What a ``SayHello`` says to the core."""

    frm: NodeName
    to: NodeName
    start: str
    store: str


@dataclass
class Disk:
    """What a wiped disk loses and a backup holds, beside the runner's folder."""

    ledger: FakeLedger
    steady: float = 0.0
    done: set[MessageId] = field(default_factory=set)
    """Events whose work this database holds."""


Letter = frames.Letter | Hello
Backup = tuple[Disk, dict[Key, Run]]


def copied(disk: Disk, runs: dict[Key, Run]) -> Backup:
    """A backup of the whole disk, the runner's folder included."""
    return copy.deepcopy(disk), {key: copy.copy(run) for key, run in runs.items()}
