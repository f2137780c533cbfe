"""``steward nodes``: who is there, and whose queue is held."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from steward.cli import exits, output, views, views_fleet
from steward.cli.nodes_pending import accept, pending, refuse
from steward.cli.options import ask, complete_node, prints, talks
from steward.cli.ping import ping
from steward.cli.targets import resolved
from steward.control.client import ControlClient
from steward.errors import UsageError

_DONE: Final = {
    "hold": "held",
    "release": "released",
    "clear": "cleared",
    "forget": "forgotten",
}


@click.group()
def nodes() -> None:
    """List and show nodes; hold, release and clear their queues."""


for verb in (ping, pending, accept, refuse):
    nodes.add_command(verb)


@nodes.command()
@click.argument("targets", nargs=-1, metavar="[NODE…]", shell_complete=complete_node)
@prints
@talks
def ls(targets: tuple[str, ...], output: str, state_dir: Path) -> int:
    """List the nodes that are known: all, or those that names, globs, labels, groups select."""
    return asyncio.run(_list(state_dir, targets, output))


async def _list(state_dir: Path, targets: tuple[str, ...], form: str) -> int:
    async with ControlClient(state_dir) as client:
        names = await resolved(client, targets) if targets else None
        found = (await client.call("nodes", names=names))["nodes"]
    output.records(found, form, lambda: _table(found), "name")
    return exits.OK


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        output.note("no nodes yet; one appears with its first hello, or the first message to it")
        return
    at = views.now()
    rows = [views_fleet.node_row(node, at) for node in found]
    output.table(
        views_fleet.NODE_HEADERS,
        rows,
        styles=views_fleet.node_style,
        right=views_fleet.NODE_NUMBERS,
    )


@nodes.command()
@click.argument("name", shell_complete=complete_node)
@prints
@talks
def show(name: str, output: str, state_dir: Path) -> int:
    """Show all that is known of a node."""
    return _show(ask(state_dir, "node", name=name), output)


def _show(node: dict[str, Any], form: str) -> int:
    if form == "json":
        output.document(node)
    else:
        output.records(
            [node], form, lambda: output.facts(views_fleet.node_facts(node, views.now())), "name"
        )
    return exits.OK


def _verb(name: str, help: str, question: str = "") -> None:
    """Make one of the verbs that do something to queues. ``question``: what a person at a
    terminal is asked first."""

    @nodes.command(name, help=help)
    @click.argument("targets", nargs=-1, metavar="NODE…", shell_complete=complete_node)
    @click.option("--all", "everywhere", is_flag=True, help="Every node.")
    @click.option("--yes", is_flag=True, help="Don't ask.")
    @prints
    @talks
    def command(
        targets: tuple[str, ...], everywhere: bool, yes: bool, output: str, state_dir: Path
    ) -> int:
        if bool(targets) == everywhere:
            raise UsageError("which nodes?", "name some, or give --all")
        return asyncio.run(_apply(state_dir, name, targets, "" if yes else question, output))


async def _apply(
    state_dir: Path, verb: str, targets: tuple[str, ...], question: str, form: str
) -> int:
    async with ControlClient(state_dir) as client:
        names = await resolved(client, targets) if targets else None
        if question and sys.stdin.isatty():
            whom = ", ".join(names) if names is not None else "every node"
            click.confirm(f"{question} {whom}?", abort=True, err=True)
        if names is not None:
            answer = await client.call(verb, nodes=names)
        else:
            answer = await client.call(verb, all=True)
    if form == "json":
        output.document(answer)
    else:
        done = [{"name": name, "verb": _DONE[verb]} for name in answer["nodes"]]
        output.records(done, form, lambda: _say(verb, answer), "name")
    return exits.OK


def _say(verb: str, answer: Mapping[str, Any]) -> None:
    count = answer.get("messages") or 0
    many = f"; {count:,} message{'' if count == 1 else 's'}" if count else ""
    output.line(f"{_DONE[verb]}: {', '.join(answer['nodes']) or 'none'}{many}")


_verb("hold", "Send nothing more to nodes until they are released; time to live goes on.")
_verb("release", "End a hold.")
_verb("clear", "Cancel all that is queued or under way for nodes.", "Cancel all messages for")
_verb("forget", "Remove nodes from the roster, until they are heard of again.", "Forget")
