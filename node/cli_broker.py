"""``steward broker``: the bundled nats-server, in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path

import click

from node import broker_setup
from node.broker import Broker
from node.broker_config import Tls
from node.broker_setup import Setup
from node.checks.network import greet
from node.cli import on_signals
from steward.cli.options import talks
from steward.cli.output import line, note
from steward.cli.owner import as_owner
from steward.errors import BusError, StewardError, TrustError, UsageError

Signs = list[tuple[int, ...] | None]

_LOOK = 0.5
"""Seconds between two looks at the files that the server has read."""
_DAY = 86400.0
_LAB = (
    "no trust here: anybody who reaches this broker can make the nodes do anything."
    " In a lab that is fine; for real, first: steward keys init"
)


@click.group(invoke_without_command=True)
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Where to listen. [default: 127.0.0.1; with trust, as configured]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="0: any free one, which is printed. [default: 4222; with trust, as configured]",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Without trust: for its configuration; else a temporary one.",
)
@talks
@click.pass_context
def broker(
    ctx: click.Context, host: str | None, port: int | None, folder: Path | None, state_dir: Path
) -> int:
    """Run the bundled NATS server until SIGTERM or Ctrl-C, its log on this terminal.

    Beside central with its keys (steward keys init) it has TLS, and lets in central, the nodes that
    central has accepted, and nobody else. Without keys it listens on this machine alone unless
    --host says otherwise: whoever reaches it can command the nodes."""
    if ctx.invoked_subcommand is not None:
        return 0
    trust = None if folder else broker_setup.trust_of(state_dir)
    if trust is not None:
        with as_owner(state_dir):
            setup = broker_setup.ready(state_dir, trust)
        server = Broker(
            setup.folder,
            host=host or setup.host,
            port=setup.port if port is None else port,
            to_terminal=True,
            written=True,
            tls=True,
        )
        # What changes while the server starts may have come too late for it.
        known = _signs(setup.watched)
        asyncio.run(_broker(server, partial(_follow, server, setup, state_dir, known)))
        return 0
    note(_LAB)
    host, port = host or "127.0.0.1", 4222 if port is None else port
    if folder is not None:
        asyncio.run(_broker(Broker(folder.absolute(), host=host, port=port, to_terminal=True)))
        return 0
    with tempfile.TemporaryDirectory(prefix="steward-broker-") as made:
        asyncio.run(_broker(Broker(Path(made), host=host, port=port, to_terminal=True)))
    return 0


@broker.command()
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name or IP address under which nodes reach it; may be repeated.",
)
@click.option(
    "--listen",
    default=broker_setup.ANYWHERE,
    show_default=True,
    metavar="ADDRESS",
    help="Where the server listens.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="[default: that of central's address, or 4222]",
)
@click.option("--cert", type=click.Path(path_type=Path), metavar="FILE", help="PEM of your own.")
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="Its key.")
@click.option(
    "--ca",
    type=click.Path(path_type=Path),
    metavar="FILE|system",
    help="Who vouches for it: PEM, or whomever the nodes' systems trust.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write. [default: broker in the state folder]",
)
@talks
def config(
    hosts: tuple[str, ...],
    listen: str,
    port: int | None,
    cert: Path | None,
    key: Path | None,
    ca: Path | None,
    folder: Path | None,
    state_dir: Path,
) -> int:
    """Write a complete configuration for central's nodes: TLS from the first byte on, who is let
    in, what each may do, limits. Prints the file's name.

    Without --cert and --key it makes a certificate by the local CA, for each --host, the hosts in
    central's own addresses and this machine."""
    trust = broker_setup.trust_of(state_dir)
    if trust is None:
        raise TrustError(
            f"there are no keys in {state_dir}", "first, on central: steward keys init"
        )
    if (cert is None) != (key is None) or (ca is not None and cert is None):
        raise UsageError("--cert and --key belong together, --ca to them", "give both, or none")
    with as_owner(state_dir):
        setup = broker_setup.write(
            state_dir,
            trust,
            folder=folder,
            hosts=hosts,
            listen=listen,
            port=port,
            own=Tls(cert, key) if cert and key else None,
            own_ca=ca,
        )
    _told(setup, state_dir)
    return 0


def _told(setup: Setup, state_dir: Path) -> None:
    file = setup.folder / "broker.conf"
    kept = broker_setup.folder_of(state_dir).absolute()
    line(str(file))
    listed = broker_setup.NODES
    note(f"{file}: the server's configuration; it listens on {setup.host}, port {setup.port}")
    note(f"{setup.tls.certificate}, {setup.tls.key}: what it shows")
    note(f"{kept / listed}: whom it lets in; central keeps it true")
    if setup.folder == kept:
        note("next: steward broker, which follows that list by itself")
        note(f"or: nats-server -c {file}, and nats-server --signal reload when {listed} changes")
    else:
        note(f"next: nats-server -c {file}; when central's {listed} changes, copy it there,")
        note("and: nats-server --signal reload")
    note("a daemon that runs learns of another CA when it is restarted")


async def _follow(server: Broker, setup: Setup, state_dir: Path, known: Signs) -> None:
    """Has the server read its files again when one is not as it was ``known``; renews its
    certificate in time."""
    clock = asyncio.get_running_loop().time
    looked = clock()
    while True:
        await asyncio.sleep(_LOOK)
        if clock() - looked > _DAY:
            looked = clock()
            await asyncio.to_thread(_renew, setup, state_dir)
        if (now := _signs(setup.watched)) != known and now[0] is not None:
            known = now
            server.reload()


def _renew(setup: Setup, state_dir: Path) -> None:
    try:
        trust = broker_setup.trust_of(state_dir)
        if trust is not None:
            broker_setup.renew(state_dir, setup, trust)
    except (StewardError, OSError) as error:
        note(f"the broker's certificate was not looked after: {error}")


def _signs(files: Sequence[Path]) -> Signs:
    return [_sign(file) for file in files]


def _sign(file: Path) -> tuple[int, ...] | None:
    """Changes with the file; None: it cannot be seen."""
    try:
        seen = file.stat()
    except OSError:
        return None
    return (seen.st_ino, seen.st_mtime_ns, seen.st_size)


async def _broker(
    server: Broker, beside: Callable[[], Coroutine[None, None, None]] | None = None
) -> None:
    """Until it is told to stop; ``beside`` runs meanwhile. Raises BusError: it cannot be started,
    or ended by itself."""
    stop = asyncio.Event()
    on_signals(stop.set)
    # The server has a session of its own, so that a closed terminal would leave it behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
    await _port_is_free(server)
    await server.start()
    note(f"the broker answers at {server.address}; Ctrl-C ends it")
    try:
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(server.wait(), name="broker ended")
            stopped = group.create_task(stop.wait(), name="broker stopped")
            aside = group.create_task((beside or _nothing)(), name="broker's files")
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            aside.cancel()
            await server.stop()
    finally:
        await server.kill()
    if not stop.is_set():
        raise BusError(
            f"the broker ended by itself, with status {ended.result()}", "its log says why: above"
        )


async def _nothing() -> None:
    """There is nothing to do beside."""


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
        at = "127.0.0.1" if server.host == broker_setup.ANYWHERE else server.host
        met = await greet(at, server.port, 1)
        other = "another program, or a broker with TLS," if server.tls else "another program"
        who = other if met.problem else f"a broker (version {met.info.get('version')})"
        what = "use that one" if not met.problem else "end that program"
        raise BusError(f"{who} listens on {where} already", f"{what}, or give --port") from None
