"""``steward console``: opens the console, or takes one picture of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from steward.cli.exits import FAILED
from steward.cli.options import talks
from steward.config import default_state_dir
from steward.config.keys import file_path
from steward.control.address import SOCKET_NAME
from steward.control.client import ControlClient
from steward.errors import UsageError
from tui import garbage, memory
from tui.app import Console
from tui.picture import cells, save
from tui.settings import Settings, load


@click.command()
@click.option("--read-only", is_flag=True, help="Only look: no key changes anything.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file with a table [console]; else STEWARD_CONFIG.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a picture (SVG) of the console, and end.",
)
@click.option(
    "--size", default="160x48", show_default=True, metavar="WxH", help="The picture's, in cells."
)
@click.option("--keys", default="", metavar="KEYS", help="Pressed before: '2 down enter'.")
@talks
@click.pass_context
def console(
    ctx: click.Context,
    read_only: bool,
    config: Path | None,
    picture: Path | None,
    size: str,
    keys: str,
    state_dir: Path,
) -> int:
    """Watch the nodes, the messages and the errors of this node's daemon; compose and send.

    Closing it stops nothing. It works while the broker is down, and waits for a daemon that isn't
    there.
    """
    settings, its_state_dir = _settings(config, os.environ)
    if its_state_dir is not None and _is_free(ctx, os.environ):
        state_dir = its_state_dir
    for caution in settings.cautions:
        click.echo(f"steward: {caution}", err=True)
    if picture is None and not all(one.isatty() for one in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the console needs a terminal", "for scripts: steward nodes, messages, errors -o json"
        )
    app = Console(
        partial(ControlClient, state_dir),
        read_only=read_only or settings.read_only,
        socket=str(state_dir / SOCKET_NAME),
        settings=settings,
        folder=None if picture is not None else memory.folder(),
        where=_where(state_dir),
        settle=garbage.settle,
    )
    if picture is not None:
        save(app, picture, cells(size), keys.split())
        return 0
    status = asyncio.run(_open(app))
    app.desk.memory.save()
    if status == FAILED:
        click.echo("steward: the console ended by a fault of its own; the daemon goes on", err=True)
    return status


async def _open(app: Console) -> int:
    """Until it ends; the exit status. Textual tells of a fault, and would end with status 0; told
    by a signal to end, it would leave the terminal as it was while the console had it."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, partial(app.exit, return_code=128 + number))
    await app.run_async()
    return app.return_code or 0


def _settings(config: Path | None, environ: Mapping[str, str]) -> tuple[Settings, Path | None]:
    """What the settings file says, and the state folder that it names. Raises ConfigError."""
    named = config or environ.get("STEWARD_CONFIG")
    return load(file_path(named)) if named else (Settings(), None)


def _where(state_dir: Path) -> tuple[str, ...]:
    """The flags with which ``steward send`` finds the same daemon."""
    found_anyway = state_dir == default_state_dir().absolute()
    return () if found_anyway else ("--state-dir", str(state_dir))


def _is_free(ctx: click.Context, environ: Mapping[str, str]) -> bool:
    """Whether nobody else has said which state folder it is."""
    source = ctx.get_parameter_source("state_dir")
    given = source is not None and source is not ParameterSource.DEFAULT
    return not given and not environ.get("STEWARD_STATE_DIR")
