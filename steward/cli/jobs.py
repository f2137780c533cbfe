"""``steward jobs``: messages that were sent together, and which of them ended alike."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from steward.cli import exits, output, paging, views
from steward.cli.messages import show_output
from steward.cli.options import ask, prints, talks

_MOST_NAMES: Final = 20
_MOST_GROUPS: Final = 20
_HEADERS: Final = ("JOB", "MESSAGES", "NODES", "AGE", "STATES", "WHAT")


@click.group()
def jobs() -> None:
    """Messages that were sent together, and how they ended."""


@jobs.command()
@click.option("--text", help="Only those with this in their id, method or data.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@prints
@talks
def ls(output: str, state_dir: Path, limit: int, cursor: str | None, text: str | None) -> int:
    """List jobs, newest first."""
    return asyncio.run(_list(state_dir, output, limit, cursor, text))


async def _list(
    state_dir: Path, form: str, limit: int, cursor: str | None, text: str | None
) -> int:
    told = await paging.listed(state_dir, "jobs", limit, cursor, {"text": text})
    output.records(told.found, form, lambda: _table(told.found), "job")
    paging.tell_more(told, form)
    return exits.OK


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        output.note("no jobs; messages that are sent together make one")
        return
    at = views.now()
    rows = [
        (
            job["job"],
            f"{job['messages']:,}",
            f"{job['nodes']:,}",
            views.ago(job["accepted"], at),
            _states(job),
            views.what(job)[:300],
        )
        for job in found
    ]
    output.table(_HEADERS, rows, right=("MESSAGES", "NODES", "AGE"))


def _states(job: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{count:,} {state}" for state, count in sorted(job["states"].items()))
    return f"{shown} ({job['unconfirmed']:,} unconfirmed)" if job["unconfirmed"] else shown


@jobs.command()
@click.argument("job")
@prints
@talks
def show(job: str, output: str, state_dir: Path) -> int:
    """Show a job: messages of equal outcome together, most of them first, each with its nodes and
    the output of one."""
    return _show(state_dir, ask(state_dir, "job", job=job), output)


def _show(state_dir: Path, job: dict[str, Any], form: str) -> int:
    if form == "json":
        output.document(job)
    else:
        output.records([job], form, lambda: _tell(state_dir, job), "job")
    return exits.OK


def _tell(state_dir: Path, job: Mapping[str, Any]) -> None:
    at = views.now()
    ended = f"ended {views.ago(job['ended'], at)} ago" if job["ended"] else f"{job['open']:,} open"
    output.line(f"{job['job']}  accepted {views.ago(job['accepted'], at)} ago, {ended}")
    output.line(f"  {job['commandOrEvent']} {views.what(job)}")
    output.line(f"  {job['messages']:,} messages to {job['nodes']:,} nodes: {_states(job)}")
    for group in job["groups"][:_MOST_GROUPS]:
        print()
        # As a message has it, so that it reads as one.
        outcome = {**group, "result": group}
        output.line(f"{group['messages']:,} × {views.outcome(outcome)}")
        output.line(f"  {_names(group)}")
        if group["stdoutSize"] or group["stderrSize"]:
            show_output(ask(state_dir, "message", id=group["sample"]))
    left = len(job["groups"]) - _MOST_GROUPS
    if left > 0:
        output.note(f"{left:,} smaller groups more: -o json has them all")


def _names(group: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(group["nodes"]))
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
