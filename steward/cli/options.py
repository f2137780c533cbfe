"""Options that verbs share: where the daemon is, how to print, what a node is told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from steward.config import FLAGS, default_state_dir
from steward.config.keys import file_path
from steward.control.client import ControlClient
from steward.errors import InvalidMessage, StewardError, UsageError
from steward.fields import duration

F = TypeVar("F", bound=Callable[..., Any])
OUTPUTS = ("table", "json", "jsonl", "ids")


class Duration(click.ParamType[float]):
    """Seconds, from a number or ``90s``, ``10m``, ``2h``, ``7d``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return duration(value, "it")
        except InvalidMessage:
            self.fail(f"{value!r} is not a duration: seconds, or 90s, 10m, 2h, 7d", param, ctx)


def _state_dir(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path:
    return (file_path(value) if value else default_state_dir()).absolute()


def talks(command: F) -> F:
    """Adds ``--state-dir`` (a Path, resolved) to a verb that talks to a daemon."""
    option = click.option(
        "--state-dir",
        type=click.Path(path_type=Path),
        callback=_state_dir,
        metavar="DIR",
        help="The daemon's state folder; else STEWARD_STATE_DIR, else the platform's.",
    )
    return option(command)


def prints(command: F) -> F:
    """Adds ``-o`` (``output``, one of OUTPUTS) to a verb that prints data."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(OUTPUTS),
        default="table",
        show_default=True,
        help="How to print: data goes to stdout, all else to stderr.",
    )
    return option(command)


def node_options(command: F) -> F:
    """Adds every flag of ``steward node``, unread: the command hands its keyword arguments to
    ``steward.config.load``, which reads and checks them."""
    for key in reversed(FLAGS):
        option: Callable[[F], F] = click.option(
            f"--{key.name}/--no-{key.name}" if key.switch else f"--{key.name}",
            default=None,
            multiple=key.many,
            metavar=key.metavar or None,
            help=f"{key.help} [default: {key.default}]" if key.default else key.help,
            type=click.BOOL if key.switch else click.STRING,
        )
        command = option(command)
    return command


def ids_given(words: tuple[str, ...]) -> list[str]:
    """Ids from the command line; ``-`` stands for those on standard input, one a line."""
    ids: list[str] = []
    for word in words:
        if word == "-":
            ids += [line.strip() for line in sys.stdin if line.strip()]
        else:
            ids.append(word)
    if not ids and not words:
        raise UsageError("no id given", "steward messages ls shows ids; - reads them from stdin")
    return list(dict.fromkeys(ids))


def ask(state_dir: Path, method: str, /, **params: object) -> Any:
    """One call to the daemon, from outside of any event loop."""

    async def call() -> Any:
        async with ControlClient(state_dir) as client:
            return await client.call(method, **params)

    return asyncio.run(call())


def complete_node(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of nodes, for the shell; none if no daemon answers."""
    done, comma, word = incomplete.rpartition(",")
    try:
        known = ask(_state_dir(ctx, param, ctx.params.get("state_dir")), "nodes")["nodes"]
    except StewardError:
        return []
    names = sorted(node["name"] for node in known)
    return [CompletionItem(done + comma + name) for name in names if name.startswith(word)]
