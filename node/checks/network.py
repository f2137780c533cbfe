"""The broker, and the ports that a node listens on."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from node.checks import Finding, ok, size, warning, wrong
from steward.access import NO_ACCESS, Access
from steward.config import HostAndPort
from steward.errors import BusError, ConfigError
from steward.link import LAN, Endpoint, Link
from steward.message import MAX_MESSAGE_BYTES

_ENVELOPE: Final = 16 * 1024
"""More than what a frame with a single message adds to it."""
_LISTEN: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp."""


class Greeting(NamedTuple):
    """What a connection met: ``info`` is a NATS server's, ``problem`` says why there is none."""

    info: Mapping[str, Any]
    problem: str = ""


async def greet(
    host: str, port: int, patience: float = 5.0, context: ssl.SSLContext | None = None
) -> Greeting:
    """Connect, with TLS if there is a ``context``, and read the line that a NATS server says first.
    ``patience`` in seconds."""
    try:
        async with asyncio.timeout(patience):
            link = await Link.open(Endpoint(host, port, "", ""), LAN, context)
            try:
                line = await link.readline()
            except ConnectionError:
                line = b""
            finally:
                link.close()
        verb, _, text = line.partition(b" ")
        if verb == b"INFO" and isinstance(info := msgspec.json.decode(text), dict):
            return Greeting(info)
    except TimeoutError:
        return Greeting({}, f"does not answer within {patience:g} s")
    except OSError as error:
        return Greeting({}, f"cannot be reached: {_reason(error)}")
    except BusError as error:
        return Greeting({}, f"is not the one that was meant: {error}")
    except msgspec.DecodeError:
        pass
    return Greeting({}, "answers, but is not a NATS server")


def _reason(error: OSError) -> str:
    # asyncio puts a text of its own in strerror; a name that isn't found has no errno of the OS.
    known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno or 0) if known else str(error.strerror or error)


async def broker(
    addresses: str, patience: float = 5.0, access: Access = NO_ACCESS
) -> list[Finding]:
    """``addresses``: as in ``--broker-address``, of which one that answers is enough; ``access``:
    says who may vouch for it."""
    try:
        endpoints = [Endpoint.parse(one) for one in addresses.split(",") if one]
        context = access.context() if any(one.tls for one in endpoints) else None
    except ConfigError as error:
        return [wrong(error.text, error.hint)]
    met = await asyncio.gather(
        *(greet(one.host, one.port, patience, context if one.tls else None) for one in endpoints)
    )
    any_answers = any(not greeting.problem for greeting in met)
    return [
        judged(one.shown, greeting, any_answers)
        for one, greeting in zip(endpoints, met, strict=True)
    ]


def judged(address: str, met: Greeting, another_answers: bool = False) -> Finding:
    """What ``met`` means to a node that is to use the broker at ``address``."""
    if met.problem:
        what = f"the broker {address} {met.problem}"
        if another_answers:
            return warning(what, "another broker answers; take this one out of --broker-address")
        remedy = "start one with: steward broker; or give its --broker-address, with tls:// if it"
        return wrong(what, f"{remedy} has TLS")
    version, most = met.info.get("version", "?"), met.info.get("max_payload", 0)
    there = f"the broker {address} answers: version {version}"
    if met.info.get("tls_required") and not address.startswith("tls:"):
        return wrong(f"{there}, and requires TLS", "give its address as tls://")
    if not isinstance(most, int) or most < MAX_MESSAGE_BYTES + _ENVELOPE:
        what = f"{there}, takes {most} bytes at most: greater messages will be refused"
        return warning(what, "set its max_payload to 1MB")
    return ok(f"{there}, takes {size(most)} at most")


def port(what: str, at: HostAndPort | None, asked: bool, daemon: int | None) -> Finding:
    """Whether a node can listen at ``at`` (None: it won't). ``asked``: somebody set it, so that a
    node refuses to start without it; ``daemon``: the process of the one that runs, 0: none."""
    if at is None:
        return ok(f"{what}: off")
    where = f"the port {at.port} of {at.host} for {what}"
    try:
        family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
        with socket.create_server((at.host, at.port), family=family):
            return ok(f"{where} is free")
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = _reason(error)
    if taken and daemon != 0 and _is_of(daemon, at.port):
        return ok(f"{where} is used by the daemon that runs here")
    if not taken:
        return wrong(f"{where} cannot be had: {reason}", "choose an address of this machine")
    what = f"{where} is taken by another program"
    remedy = "choose another one, or another address"
    return wrong(what, remedy) if asked else warning(what, remedy)


def _is_of(pid: int | None, port: int) -> bool:
    """Whether the process listens on the port; True where that cannot be seen."""
    sockets: set[str] = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # closed meanwhile
                sockets.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError:
        return True
    tables = (Path(f"/proc/net/{name}") for name in ("tcp", "tcp6"))
    lines = (line for table in tables if table.exists() for line in table.read_text().splitlines())
    return not sockets.isdisjoint(f"socket:[{inode}]" for inode in listeners(lines, port))


def listeners(lines: Iterable[str], port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on ``port``, from lines of /proc/net/tcp."""
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN and fields[1].endswith(f":{port:04X}"):
            yield fields[9]
