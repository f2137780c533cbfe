"""A fleet of forty-three that was asked for things together: jobs that went well, ill, and on."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.console.fake import NOON, FakeDaemon, stamp
from tests.console.world import fleet, message, node

DISKS = "3f9c2d7e-0000-7000-8000-0000000000d1"
KERNELS = "3f9c2d7e-0000-7000-8000-0000000000c2"
RESTART = "3f9c2d7e-0000-7000-8000-0000000000b3"
NOTE = "3f9c2d7e-0000-7000-8000-0000000000a4"
UPTIME = "3f9c2d7e-0000-7000-8000-000000000095"

OS_RELEASE = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"""
OLD = OS_RELEASE.replace("12", "11").replace("bookworm", "bullseye")
WELL = "Filesystem      Size  Used Avail Use% Mounted on\n/dev/mmcblk0p2   29G  9.1G   19G  34% /\n"


def ended(row: dict[str, Any], stdout: str = "", stderr: str = "", code: int = 0) -> dict[str, Any]:
    """The message with this for its result."""
    result = dict(row["result"], exitCode=code)
    for stream, text in (("stdout", stdout), ("stderr", stderr)):
        raw = text.encode("utf-8", "replace")
        digest = hashlib.sha256(raw).hexdigest()
        result |= {stream: text, stream + "Size": len(raw), stream + "Sha256": digest}
    return row | {"result": result}


def sent(job: str, n: int, to: str, state: str, data: list[str], **more: Any) -> dict[str, Any]:
    """A message of a job that was sent ``n`` minutes ago."""
    row = message(n, to, state, data, job=job, **more)
    row["id"] = f"{job[-4:]}-{to}-{state}"
    accepted = NOON - n * 60 - 20
    steps = list(row["times"])
    return row | {"times": {step: stamp(accepted + i * 0.9) for i, step in enumerate(steps)}}


def jobs_fleet() -> FakeDaemon:
    """Forty-three ships and five jobs."""
    daemon = fleet()
    for n in range(9, 44):
        daemon.nodes[f"ship{n}"] = node(f"ship{n}", labels={"env": "test"})
    ships = [f"ship{n}" for n in range(1, 44)]
    daemon.messages = [
        *_kernels(ships),
        *_disks(ships),
        *[
            ended(sent(UPTIME, 58, ship, "succeeded", ["uptime"]), f" 11:02 up {n} days\n")
            for n, ship in reversed(list(enumerate(ships)))
        ],
        *[
            sent(RESTART, 130, ship, "succeeded", ["systemctl", "restart", "ais"])
            for ship in reversed(ships[:4])
        ],
        *[
            sent(NOTE, 400, ship, "published", ["night watch begins"], commandOrEvent="EventNACK")
            | {"method": "TextLogging"}
            for ship in ships
        ],
    ]
    return daemon


def _kernels(ships: list[str]) -> list[dict[str, Any]]:
    """Under way: most have answered alike, some otherwise, one fails, some are away."""
    data = ["cat", "/etc/os-release"]
    found = []
    for n, ship in enumerate(ships):
        if ship in ("ship3", "ship5", "ship8"):
            found.append(sent(KERNELS, 2, ship, "queued", data))
        elif ship == "ship1":
            found.append(sent(KERNELS, 2, ship, "running", data))
        elif ship == "ship13":
            row = sent(KERNELS, 2, ship, "failed", data)
            found.append(ended(row, "", "cat: /etc/os-release: No such file or directory\n", 1))
        else:
            out = OLD if n % 9 == 5 else OS_RELEASE
            found.append(ended(sent(KERNELS, 2, ship, "succeeded", data), out))
    return found[::-1]


def _disks(ships: list[str]) -> list[dict[str, Any]]:
    """Ended: not all well."""
    data = ["df", "-h", "/"]
    found = []
    for n, ship in enumerate(ships):
        if n in (8, 30):
            row = sent(DISKS, 41, ship, "failed", data)
            found.append(ended(row, WELL, "df: /mnt: Transport endpoint is not connected\n", 1))
        elif n == 12:
            found.append(sent(DISKS, 41, ship, "expired", data, reason="its time was up"))
        else:
            found.append(ended(sent(DISKS, 41, ship, "succeeded", data), WELL))
    return found[::-1]
