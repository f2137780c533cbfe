"""Every verb by name: where it lives, imported only when it is used."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import click

from steward import __version__
from steward.errors import UsageError, nearest


class Verb(NamedTuple):
    """``where``: module and attribute. ``extra``: what has to be installed for it, and the
    packages whose absence tells that it isn't."""

    where: str
    help: str
    extra: str = ""
    needs: tuple[str, ...] = ()


VERBS: Final[Mapping[str, Verb]] = {
    "node": Verb("node.cli:node", "Run a node; what a command line without a verb does."),
    "send": Verb("steward.cli.send:send", "Have a command run on one or more nodes."),
    "submit": Verb("steward.cli.submit:submit", "Submit messages from a file of JSON."),
    "messages": Verb("steward.cli.messages:messages", "List, show, cancel, retry messages."),
    "jobs": Verb("steward.cli.jobs:jobs", "Messages sent together, and how they ended."),
    "nodes": Verb("steward.cli.nodes:nodes", "List and show nodes; hold and clear queues."),
    "keys": Verb("node.keys_init:keys", "Whose key holds: make, show, trust, revoke, rotate."),
    "errors": Verb("steward.cli.errors:errors", "What went wrong, on every node."),
    "processes": Verb("steward.cli.processes:processes", "A node's publishers and subscribers."),
    "status": Verb("steward.cli.status:status", "How this node's daemon is."),
    "console": Verb(
        "tui.cli:console", "Watch and steer, full screen.", "console", ("textual", "tui")
    ),
    "demo": Verb("node.demo:demo", "A broker, a central and three ships, here and now."),
    "broker": Verb("node.cli_broker:broker", "Run the bundled NATS server, or configure one."),
    "service": Verb("node.service:service", "Install Steward as a service of this machine."),
    "doctor": Verb("node.doctor:doctor", "Look for what could be in the way, and say the remedy."),
    "version": Verb("steward.cli.status:version", "Print the version."),
    "completion": Verb("steward.cli.completion:completion", "Print a shell's completion script."),
}


class Verbs(click.Group):
    """A group that knows its commands' names and short helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        verb = VERBS.get(name)
        return _load(name, verb) if verb else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Before click sees it, which would exit with 1: here that means that a command failed.
            raise click.exceptions.Exit(enough()) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not ctx.resilient_parsing:
            raise UsageError(f"no verb {args[0]!r}", nearest(args[0], VERBS))
        return super().resolve_command(ctx, args)


def _load(name: str, verb: Verb) -> click.Command:
    module, _, attribute = verb.where.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if verb.extra and error.name and error.name.partition(".")[0] in verb.needs:
            raise UsageError(
                f"steward {name} is not installed here", f"pip install 'steward[{verb.extra}]'"
            ) from None
        raise
    assert isinstance(found, click.Command)
    return found


def enough() -> int:
    """The exit status when whoever reads our output has had enough, as a shell would have it."""
    # The interpreter would complain at its own last flush.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="steward", message="%(prog)s %(version)s")
def steward() -> None:
    """Steward carries commands to nodes, however long their link is down, runs each once, and
    brings the outcome back.

    Exit status: 0 all succeeded, 1 any failed or timed out, 2 usage, 3 unknown id or nothing
    matched, 4 any incomplete, 5 no daemon, 7 any refused, 130 interrupted.
    """
