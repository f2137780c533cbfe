"""``steward console``: opens the console, or takes one picture of it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from steward.cli.options import talks
from steward.control.address import SOCKET_NAME
from steward.control.client import ControlClient
from steward.errors import UsageError
from tui.app import Console
from tui.picture import cells, save


@click.command()
@click.option("--read-only", is_flag=True, help="Only look: no key changes anything.")
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
def console(read_only: bool, picture: Path | None, size: str, keys: str, state_dir: Path) -> None:
    """Watch the nodes, the messages and the errors of this node's daemon; compose and send.

    Closing it stops nothing. It works while the broker is down, and waits for a daemon that isn't
    there.
    """
    if picture is None and not all(one.isatty() for one in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the console needs a terminal", "for scripts: steward nodes, messages, errors -o json"
        )
    app = Console(
        partial(ControlClient, state_dir),
        read_only=read_only,
        socket=str(state_dir / SOCKET_NAME),
    )
    if picture is not None:
        save(app, picture, cells(size), keys.split())
    else:
        app.run()
