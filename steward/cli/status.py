"""``steward status`` and ``steward version``."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import click

from steward import __version__
from steward.cli import exits, output, views, views_fleet
from steward.cli.options import ask, prints, talks
from steward.frames import WIRE_VERSION


@click.command(short_help="How this node's daemon is.")
@prints
@talks
def status(output: str, state_dir: Path) -> int:
    """Show how the daemon is: its broker, queues, nodes, errors, disk."""
    return _show(ask(state_dir, "status"), output)


def _show(told: dict[str, Any], form: str) -> int:
    if form == "json":
        output.document(told)
    else:
        output.records(
            [told], form, lambda: output.facts(views_fleet.status_facts(told, views.now())), "node"
        )
    return exits.OK


@click.command(short_help="Print the version.")
@prints
def version(output: str) -> int:
    """Print the versions of Steward, of its wire, and of what it runs on."""
    return _version(
        {
            "version": __version__,
            "wire": WIRE_VERSION,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
        },
        output,
    )


def _version(told: dict[str, Any], form: str) -> int:
    if form == "json":
        output.document(told)
    else:
        text = "steward {version} (wire {wire}, Python {python}, {platform})".format_map(told)
        output.records([told], form, lambda: output.line(text), "version")
    return exits.OK
