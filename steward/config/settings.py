"""The settings of a node, frozen, with their defaults. Times in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from steward.message import Defaults
from steward.permit_rules import Permit
from steward.subjects import NodeName

_MIB = 1024 * 1024


class HostAndPort(NamedTuple):
    """Where to listen. ``host`` ``0.0.0.0``: on every interface."""

    host: str
    port: int


class LinkProfile(NamedTuple):
    """What ``--link`` changes for messages, in seconds; for the connection itself see
    ``steward/link.py``."""

    message_timeout: float
    hello_interval: float


LAN = LinkProfile(message_timeout=10.0, hello_interval=15.0)
SLOW = LinkProfile(message_timeout=60.0, hello_interval=60.0)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what a node takes on at a time.

    ``queue``: open messages to one node; ``output_bytes``: a stream of one command's output;
    ``free_bytes``: below that much free disk the intake refuses; ``store_bytes``: the database's
    greatest size, 0: none; ``intake_bytes``: of one ``inmsg.txt``.
    """

    queue: int = 100_000
    parallel_per_stream: int = 16
    parallel_per_node: int = 64
    output_bytes: int = 128 * _MIB
    free_bytes: int = 64 * _MIB
    ballast_bytes: int = 8 * _MIB
    store_bytes: int = 0
    intake_bytes: int = 64 * _MIB


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is over is kept. ``files``: rotated files kept beside the one being written."""

    history_age: float = 90 * 86400.0
    history_messages: int = 1_000_000
    output_age: float = 7 * 86400.0
    output_bytes: int = 1024 * _MIB
    journal_bytes: int = 64 * _MIB
    journal_files: int = 4
    textlog_bytes: int = 64 * _MIB
    textlog_files: int = 4


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that ``steward node`` can be told; see the flags' help for what each one means.

    ``given`` are the keys that somebody set, wherever: what is not in it has its default.
    ``prom_host_and_port`` None: no metrics; ``profiling_port`` 0: no profile.
    """

    node: NodeName
    state_dir: Path
    broker_address: str = "nats://127.0.0.1:4222"
    broker_ca: Path | None = None
    broker_credentials: Path | None = None
    central: NodeName = NodeName("central")
    central_error_logger: bool = False
    default_message_timeout: float = LAN.message_timeout
    default_message_retries: int = 0
    default_message_ttl: float = 0.0
    prom_host_and_port: HostAndPort | None = HostAndPort("127.0.0.1", 2112)
    profiling_port: int = 0
    hello_interval: float = LAN.hello_interval
    labels: Mapping[str, str] = {}
    link: str = "lan"
    socket_group: str = ""
    intake_owners: tuple[str, ...] = ()
    restored: bool = False
    config: Path | None = None
    limits: Limits = Limits()
    retention: Retention = Retention()
    permits: tuple[Permit, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = {}
    given: frozenset[str] = frozenset()

    @property
    def defaults(self) -> Defaults:
        """What a message is given where it says nothing."""
        return Defaults(
            timeout=self.default_message_timeout,
            retries=self.default_message_retries,
            ttl=self.default_message_ttl,
        )
