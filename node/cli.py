"""``steward node`` and ``steward broker``: what runs in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from node.broker import Broker
from node.checks.network import greet
from steward import logs
from steward.cli.options import node_options
from steward.cli.output import note
from steward.config import Settings, load
from steward.errors import BusError, StewardError, UsageError


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
    _on_signals(daemon.stop)
    # A handler, not SIG_IGN: what is ignored stays so in every command that the node starts.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, daemon.reload)
    try:
        await daemon.run()
    except (OSError, BaseExceptionGroup) as error:
        for cause in _causes(error):
            if isinstance(cause, StewardError):
                raise cause from error
            if isinstance(cause, OSError) and cause.filename is not None:
                text = f"{cause.filename}: {cause.strerror}"
                hint = "steward doctor looks for what is in the way"
                raise UsageError(text, hint) from error
        raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    else:
        yield error


def _on_signals(stop: Callable[[], object]) -> None:
    """The first SIGTERM or SIGINT stops; a second one of the same kind no longer asks."""
    loop = asyncio.get_running_loop()

    def stopped(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped, number)


@click.command(short_help="Run the bundled NATS server.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4222,
    show_default=True,
    help="0: any free one, which is printed.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="For its configuration; else a temporary one.",
)
def broker(host: str, port: int, folder: Path | None) -> int:
    """Run the bundled NATS server until SIGTERM or Ctrl-C, its log on this terminal. It listens on
    this machine alone unless --host says otherwise: whoever reaches it can command the nodes."""
    if folder is not None:
        asyncio.run(_broker(Broker(folder.absolute(), host=host, port=port, to_terminal=True)))
        return 0
    with tempfile.TemporaryDirectory(prefix="steward-broker-") as made:
        asyncio.run(_broker(Broker(Path(made), host=host, port=port, to_terminal=True)))
    return 0


async def _broker(server: Broker) -> None:
    """Raises BusError: it cannot be started, or ended by itself."""
    stop = asyncio.Event()
    _on_signals(stop.set)
    # The server has a session of its own, so that a closed terminal would leave it behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
    await _port_is_free(server)
    await server.start()
    note(f"the broker answers at {server.address}; Ctrl-C ends it")
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(server.wait(), name="broker ended")
        stopped = group.create_task(stop.wait(), name="broker stopped")
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await server.stop()
    if not stop.is_set():
        raise BusError(
            f"the broker ended by itself, with status {ended.result()}", "its log says why: above"
        )


async def _port_is_free(server: Broker) -> None:
    """Raises BusError, which says who has the port: the server's own words go to the terminal."""
    where = f"{server.host}:{server.port}"
    try:
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        socket.create_server((server.host, server.port), family=family).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            reason = error.strerror or str(error)
            raise BusError(
                f"the broker cannot listen on {where}: {reason}",
                "--host takes an address of this machine, --port one above 1023",
            ) from None
        met = await greet("127.0.0.1" if server.host == "0.0.0.0" else server.host, server.port, 1)
        who = "another program" if met.problem else f"a broker (version {met.info.get('version')})"
        what = "use that one" if not met.problem else "end that program"
        raise BusError(f"{who} listens on {where} already", f"{what}, or give --port") from None
