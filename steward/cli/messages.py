"""``steward messages``: what was asked of nodes, and how far it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from steward.cli import exits, output, paging, views
from steward.cli.options import Duration, ask, complete_node, ids_given, prints, talks
from steward.errors import StewardError
from steward.message import State


@click.group()
def messages() -> None:
    """List, show, follow, cancel, retry messages; fetch their output."""


@messages.command()
@click.option("--state", multiple=True, type=click.Choice([str(state) for state in State]))
@click.option("--node", multiple=True, shell_complete=complete_node, help="The node it is for.")
@click.option("--method", multiple=True)
@click.option("--job", help="Only those sent together under this id.")
@click.option("--text", help="Only those with this in their data.")
@click.option("--problems", is_flag=True, default=None, help="Only what did not succeed.")
@click.option("--all", is_flag=True, default=None, help="Also Result, Cancel and ErrorLog.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.option("--sort", default="-accepted", show_default=True)
@prints
@talks
def ls(output: str, state_dir: Path, limit: int, cursor: str | None, **filters: Any) -> int:
    """List messages, newest first."""
    return asyncio.run(_list(state_dir, output, limit, cursor, filters))


async def _list(
    state_dir: Path, form: str, limit: int, cursor: str | None, filters: Mapping[str, Any]
) -> int:
    told = await paging.listed(state_dir, "messages", limit, cursor, filters)
    output.records(told.found, form, lambda: show_list(told.found))
    paging.tell_more(told, form)
    return exits.OK


def show_list(found: Sequence[Mapping[str, Any]]) -> None:
    """A table of messages."""
    if not found:
        output.note("no messages")
        return
    at = views.now()
    rows = [views.message_row(message, at) for message in found]
    output.table(views.MESSAGE_HEADERS, rows, styles=views.message_style, right=("AGE",))


@messages.command()
@click.argument("ids", nargs=-1, metavar="ID…")
@prints
@talks
def show(ids: tuple[str, ...], output: str, state_dir: Path) -> int:
    """Show messages: every step with its time, and the output."""
    found = [ask(state_dir, "message", id=id) for id in ids_given(ids)]
    return _show(found, output, alone=len(ids) == 1 and ids != ("-",))


def _show(found: Sequence[dict[str, Any]], form: str, *, alone: bool) -> int:
    if form == "json" and alone:
        output.document(found[0])
    else:
        output.records(found, form, lambda: _tell(found))
    return exits.OK


def _tell(found: Sequence[dict[str, Any]]) -> None:
    at = views.now()
    for number, message in enumerate(found):
        if number:
            print()
        for line in views.timeline(message, at):
            output.line(line)
        show_output(message)


def show_output(message: Mapping[str, Any]) -> None:
    """What a command wrote, as far as its result has it, safe to show."""
    result = message.get("result") or {}
    for stream in ("stdout", "stderr"):
        data = output.field(result, stream)
        if data:
            print(f"{stream}:")
            output.block(data)
        if left_out := result.get(f"{stream}Cut"):
            print(f"  … {left_out:,} bytes more: steward messages output {message['id']}")
            output.block(output.field(result, f"{stream}Tail"))
        if lost := result.get(f"{stream}Lost"):
            print(f"  … {lost:,} bytes beyond the node's bound were not kept")


@messages.command()
@click.argument("ids", nargs=-1, metavar="ID…")
@prints
@talks
def cancel(ids: tuple[str, ...], output: str, state_dir: Path) -> int:
    """Cancel messages: what waits is ended, what runs is killed. - reads ids from stdin."""
    results = ask(state_dir, "cancel", ids=ids_given(ids))["results"]
    _results(results, output, ("ID", "STATE", "NOTE"), ("id", "state", "note"), "id")
    too_late = [one for one in results if not exits.is_open(one) and one["state"] != "cancelled"]
    return exits.REFUSED if too_late else exits.OK


@messages.command()
@click.argument("ids", nargs=-1, metavar="ID…")
@prints
@talks
def retry(ids: tuple[str, ...], output: str, state_dir: Path) -> int:
    """Send messages again, as new ones that name the old. - reads ids from stdin."""
    wanted = ids_given(ids)
    answer = ask(state_dir, "retry", ids=wanted)
    _results(answer["results"], output, ("OLD", "NEW"), ("id", "newId"), "newId")
    return _refusals({wanted[one["index"]]: one for one in answer.get("refused") or ()})


def _results(
    results: Sequence[Mapping[str, Any]],
    form: str,
    headers: Sequence[str],
    names: Sequence[str],
    id: str,
) -> None:
    rows = [[str(one.get(name) or "") for name in names] for one in results]
    output.records(results, form, lambda: output.table(headers, rows), id)


def _refusals(refused: Mapping[str, Mapping[str, Any]]) -> int:
    for id, told in refused.items():
        output.refused(id, told)
    return exits.REFUSED if refused else exits.OK


@messages.command()
@click.argument("id")
@click.option("--wait", type=Duration(), help="How long to wait for its end.")
@prints
@talks
def follow(id: str, wait: float | None, output: str, state_dir: Path) -> int:
    """Print a command's output as it comes, until it ends; then the rest of its result.

    Ctrl-C ends the following, not the command.
    """
    from steward.cli import live

    return live.follow(state_dir, id, output, wait)


@messages.command("output")
@click.argument("id")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="Only this one.")
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="Into a file; goes on if cut off."
)
@prints
@talks
def output_(id: str, stream: str | None, to: Path | None, output: str, state_dir: Path) -> int:
    """Print a command's output as it was; what its result left out is fetched from the node."""
    from steward.cli import fetch

    try:
        return asyncio.run(fetch.fetch(state_dir, id, stream, to, output))
    except StewardError:
        sys.stdout.flush()
        raise


@messages.command()
@click.argument("file", metavar="FILE|-")
@prints
@talks
def replay(file: str, output: str, state_dir: Path) -> int:
    """Submit again what a messages.jsonl tells of, as new messages."""
    from steward.cli.submit import replay_file

    return replay_file(state_dir, file, output)
