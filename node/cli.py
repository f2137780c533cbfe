"""``steward node``: the daemon, in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator

import click

from steward import logs
from steward.cli.options import node_options
from steward.config import Settings, load
from steward.errors import StewardError, UsageError


@click.command(short_help="Run a node; what a command line without a verb does.")
@node_options
def node(**flags: object) -> int:
    """Run a node until SIGTERM or Ctrl-C. A flag goes before its environment variable (STEWARD_
    and its name), that before the file given by --config. Durations are seconds or 90s, 10m, 2h."""
    settings = load(flags)
    logs.set_up()
    asyncio.run(_node(settings))
    return 0


async def _node(settings: Settings) -> None:
    """Raises the StewardError that ended the daemon, whatever it was wrapped in."""
    from node.daemon import Daemon

    daemon = Daemon(settings)
    gc.freeze()  # what is loaded by now stays: the collector need not look at it time and again
    on_signals(daemon.stop)
    # A handler, not SIG_IGN: what is ignored stays so in every command that the node starts.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, daemon.reload)
    try:
        await daemon.run()
    except (OSError, BaseExceptionGroup) as error:
        for cause in causes(error):
            if isinstance(cause, StewardError):
                raise cause from error
            if isinstance(cause, OSError) and cause.filename is not None:
                text = f"{cause.filename}: {cause.strerror}"
                hint = "steward doctor looks for what is in the way"
                raise UsageError(text, hint) from error
        raise


def causes(error: BaseException) -> Iterator[BaseException]:
    """What went wrong, out of whatever groups it is in."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from causes(one)
    else:
        yield error


def on_signals(stop: Callable[[], object]) -> None:
    """The first SIGTERM or SIGINT stops; a second one of the same kind no longer asks."""
    loop = asyncio.get_running_loop()

    def stopped(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped, number)
