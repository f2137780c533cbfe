"""Whether commands run apart from the daemon, and whether their parent is there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from node.checks import Finding, ok, warning, wrong
from node.runner_link import MARKER
from steward.permit_rules import Permit, matches

_PATIENCE = 5.0


def runner(state_dir: Path, trusted: bool, entries: Sequence[Permit]) -> Iterator[Finding]:
    """``trusted``: this node has keys; ``entries``: its permits."""
    try:
        said = (state_dir / MARKER).read_text().strip()
    except FileNotFoundError:
        if trusted:
            what = "commands run as the daemon's own user, which can read this node's keys"
            yield warning(what, "steward service install gives them users of their own")
        return
    except OSError as error:
        yield wrong(f"{state_dir / MARKER}: {error.strerror}", "look at it as its owner or root")
        return
    problem = _reached(state_dir, said)
    if problem:
        what = f"the runner of this machine does not answer at {said}: {problem}; commands wait"
        yield wrong(what, "systemctl start steward-runner, or journalctl -u steward-runner")
    else:
        yield ok(f"the runner that root has started answers at {said}")
    without = [
        f"permit[{number}]"
        for number, entry in enumerate(entries, 1)
        if not entry.user and any(matches(glob, "ShellCommand") for glob in entry.methods)
    ]
    if without:
        what = f"{', '.join(without)} without a user: commands run as the daemon's own"
        yield warning(f"{what}, which can read this node's keys", "name a user there")


def _reached(state_dir: Path, address: str) -> str:
    """Why it cannot be asked; empty: it can."""
    if address.startswith("/") and os.geteuid() not in (0, state_dir.stat().st_uid):
        return ""  # only its owner and root may
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_PATIENCE)
            sock.connect(str(state_dir / address))
            sock.sendall(b'{"op":"list"}\n')
            return "" if sock.recv(1) else "it does not know this user"
    except OSError as error:
        return error.strerror or str(error)
