"""``steward errors``: the error log that central keeps of every node."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from steward.cli import exits, output, paging, views_fleet
from steward.cli.options import complete_node, prints, talks
from steward.control.client import ControlClient


@click.group()
def errors() -> None:
    """What went wrong, on every node."""


@errors.command()
@click.option("--node", shell_complete=complete_node)
@click.option("--level", multiple=True, help="Only this one: warning, error, …")
@click.option("--text", help="Only those with this in them.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@prints
@talks
def ls(output: str, state_dir: Path, limit: int, cursor: str | None, **filters: Any) -> int:
    """List errors, newest first."""
    return asyncio.run(_list(state_dir, output, limit, cursor, filters))


async def _list(
    state_dir: Path, form: str, limit: int, cursor: str | None, filters: Mapping[str, Any]
) -> int:
    told = await paging.listed(state_dir, "errors", limit, cursor, filters)
    output.records(told.found, form, lambda: _table(told.found), "n")
    paging.tell_more(told, form)
    return exits.OK


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        output.note("no errors")
        return
    rows = [views_fleet.error_row(error) for error in found]
    output.table(views_fleet.ERROR_HEADERS, rows, styles=views_fleet.error_style, cut=False)


@errors.command()
@click.option("--node", shell_complete=complete_node)
@click.option("--level", multiple=True, help="Only this one: warning, error, …")
@click.option("--text", help="Only those with this in them.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=10, show_default=True)
@prints
@talks
def tail(output: str, state_dir: Path, lines: int, **filters: Any) -> int:
    """Print the last errors, then each new one, and each that is counted again, as it comes, until
    Ctrl-C."""
    asyncio.run(_follow(state_dir, output, lines, paging.wanted(filters)))
    return exits.OK


async def _follow(state_dir: Path, form: str, lines: int, wanted: Mapping[str, Any]) -> None:
    """Print errors as they come. Raises NoDaemon when the daemon is gone."""
    async with ControlClient(state_dir) as client:
        # Watching begins before the first look, so that nothing falls between the two.
        await client.call("watch", topics=["errors"])
        last = (await client.call("errors", limit=max(lines, paging.PAGE), **wanted))["errors"]
        for error in reversed(last[:lines]):
            _print(error, form)
        seen = max((int(error["n"]) for error in last), default=0)
        async for _told in client.notifications():
            counts = {int(error["n"]): error["count"] for error in last}
            page = await client.call("errors", limit=paging.PAGE, **wanted)
            last = page["errors"]
            again = [e for e in last if counts.get(int(e["n"]), e["count"]) < e["count"]]
            for error in (*reversed(again), *await _since(client, page, seen, wanted)):
                _print(error, form)
                seen = max(seen, int(error["n"]))


async def _since(
    client: ControlClient, page: Mapping[str, Any], seen: int, wanted: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The errors after ``seen``, oldest first; ``page``: the newest."""
    new: dict[int, dict[str, Any]] = {}
    while True:
        some = {int(error["n"]): error for error in page["errors"] if int(error["n"]) > seen}
        new |= some
        cursor = page["cursor"]
        if cursor is None or len(some) < len(page["errors"]):
            return [new[n] for n in sorted(new)]
        page = await client.call("errors", limit=paging.PAGE, cursor=cursor, after=seen, **wanted)


def _print(error: Mapping[str, Any], form: str) -> None:
    if form in ("json", "jsonl"):
        output.json_line(error)
    elif form == "ids":
        output.line(str(error["n"]))
    else:
        output.line("  ".join(part for part in views_fleet.error_row(error) if part))
    sys.stdout.flush()
