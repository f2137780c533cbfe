"""What must hold after any attack."""

from __future__ import annotations

from tests.fault.fleet import Fleet
from tests.integration.shell import Shell


async def all_is_well(town: Fleet, *nodes: str) -> None:
    """No process of these nodes (central and ship1) has failed, commands run on both, and central
    shows its lists."""
    for node in nodes or ("central", "ship1"):
        done = await Shell(town.folder / node)("processes", "-o", "json")
        assert done.status == 0, done.err
        failed = [p for p in done.json() if p["restarts"] or p["state"] == "terminated"]
        assert failed == []
    ids = await town.submit(town.command("ship1"), town.command("central"))
    assert {m["state"] for m in await town.ends(ids)} == {"succeeded"}
    here = Shell(town.folder / "central")
    for args in (("errors", "ls"), ("nodes", "ls"), ("status",), ("messages", "ls")):
        done = await here(*args)
        assert done.status == 0, done.err
