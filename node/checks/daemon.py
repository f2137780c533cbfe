"""What the daemon of a state folder says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from node.checks import Finding, ok, size, warning, wrong
from steward import __version__, permit_table
from steward.control.client import ControlClient
from steward.errors import NoDaemon, StewardError
from steward.permit_rules import Permit

_PATIENCE: Final = 10.0


class Told(NamedTuple):
    """``status`` and ``nodes`` as the control socket has them, and the permits;
    ``problem``: why they are empty."""

    status: Mapping[str, Any]
    nodes: Sequence[Mapping[str, Any]]
    permits: Sequence[Permit] = ()
    problem: StewardError | None = None


async def asked(state_dir: Path) -> Told:
    try:
        async with asyncio.timeout(_PATIENCE), ControlClient(state_dir) as client:
            status = await client.call("status")
            nodes = (await client.call("nodes"))["nodes"]
            permits = (await client.call("permits"))["permits"]
            return Told(status, nodes, permit_table.read(permits, "permit"))
    except TimeoutError:
        hung = NoDaemon(f"the daemon takes connections, but says nothing for {_PATIENCE:g} s")
        return Told({}, (), problem=hung)
    except StewardError as error:
        return Told({}, (), problem=error)


def life(told: Told, holder: int | None, node: str) -> Finding:
    """``holder``: the process that owns the folder, 0: none, None: not known; ``node``: who is to
    run here, empty if nobody said."""
    if told.status:
        runs = told.status["node"]
        if node and node != runs:
            what = f"the daemon that answers is that of {runs}, not of {node}"
            return wrong(what, "give every node a --state-dir of its own")
        return ok(f"the daemon of {runs} answers")
    problem = told.problem.text if told.problem else ""
    if holder:
        what = f"the process {holder} owns the state folder, but: {problem}"
        return wrong(what, f"look at its log; if it hangs: kill -9 {holder}, and start it again")
    if isinstance(told.problem, NoDaemon):
        return ok(f"no daemon runs here: {problem}", told.problem.hint)
    return wrong(problem, told.problem.hint if told.problem else "")


def health(status: Mapping[str, Any]) -> Iterator[Finding]:
    """What in a daemon's ``status`` needs somebody's attention, and what doesn't."""
    version = status.get("version")
    if version != __version__:
        what = f"the daemon has version {version}, what is installed here {__version__}"
        yield warning(what, "start it again: commands that run outlive it")
    broker = status.get("broker") or {}
    if broker.get("connected"):
        yield ok(f"the daemon is connected to {broker.get('address')}")
    else:
        why = f": {broker['error']}" if broker.get("error") else ""
        what = f"the daemon has no link to {broker.get('address')}{why}"
        yield warning(what, "what is sent meanwhile is kept, and goes when the link is back")
    if standing := status.get("standing"):
        yield warning(f"this node does not belong: {standing}", "compare it at central; accept it")
    store = status.get("store") or {}
    intake = status.get("intake") or {}
    if intake.get("open", True):
        yield ok(f"the daemon takes messages in; its store has {size(store.get('bytes') or 0)}")
    else:
        what = f"the daemon takes nothing in: {intake.get('reason')}"
        yield wrong(what, "make room; it opens again by itself")
    for alarm in status.get("alarms") or ():
        yield wrong(f"alarm: {alarm}", "steward nodes ls; steward errors ls")
    if new := status.get("newErrors"):
        yield warning(f"{new} errors in the last hour", "steward errors ls")
