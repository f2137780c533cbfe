"""PURE: what the daemon says of nodes, messages, errors and itself, as frozen rows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from steward.errors import StewardError
from steward.message import OPEN, State
from tui.times import instant


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an answer; what the daemon leaves out has a default."""


class NodeRow(Row, frozen=True, kw_only=True, rename="camel"):
    """A node of the roster. Durations in seconds."""

    name: str
    state: str = "unheard"
    held: bool = False
    alarm: str | None = None
    instance: str | None = None
    start: str | None = None
    version: str | None = None
    labels: dict[str, Any] = {}
    uptime: float | None = None
    machine_id: str | None = None
    interval: float | None = None
    last_seen: float | str | None = None
    clock_skew: float | None = None
    queued: int = 0
    under_way: int = 0
    waiting_since: str | float | None = None
    running_now: int | None = 0
    their_queue: Any = None
    errors_last_hour: int = 0
    errors_by_minute: list[int] = []
    never_seen: bool = False

    @property
    def seen_at(self) -> float | None:
        """Wall time of the last sign of it, seconds."""
        return instant(self.last_seen)

    @property
    def waiting_from(self) -> float | None:
        """Wall time at which the oldest message that waits for it was accepted, seconds."""
        return instant(self.waiting_since)

    def waited(self, now: float) -> float | None:
        """Seconds that this one has waited at ``now`` (wall time, seconds)."""
        since = self.waiting_from
        return None if since is None else max(now - since, 0.0)

    @property
    def is_problem(self) -> bool:
        return self.state != "online" or self.held or bool(self.alarm)


class MessageRow(Row, frozen=True, kw_only=True, rename="camel"):
    """A message as its sender sees it (DESIGN.md sections 3 and 6)."""

    id: str
    n: int = 0
    to_node: str = ""
    from_node: str = ""
    method: str = ""
    command_or_event: str = ""
    data: list[str] = []
    data_cut: bool = False
    secret: bool = False
    stdin: str | msgspec.UnsetType = msgspec.UNSET
    stdin_b64: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="stdinB64")
    timeout: float | None = None
    retries: int = 0
    ttl: float | None = None
    method_timeout: float | None = None
    parallel: bool = False
    state: str = "queued"
    confirmed: bool = False
    attempts: int = 0
    reason: str | None = None
    times: dict[str, str | None] = {}
    result: dict[str, Any] | None = None
    retry_of: str | None = None
    job: str | None = None
    next_attempt: str | None = None
    expires: str | None = None
    behind: str | None = None
    uid: int | None = None

    def at(self, step: str) -> float | None:
        """Wall time, seconds, at which the message came to ``step``."""
        return instant(self.times.get(step))

    @property
    def stdin_bytes(self) -> bytes:
        """What its command reads, as far as it is here."""
        return output({"stdin": self.stdin, "stdinB64": self.stdin_b64}, "stdin")

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_unconfirmed(self) -> bool:
        return not self.is_open and self.state != State.PUBLISHED and not self.confirmed


class ErrorRow(Row, frozen=True, kw_only=True, rename="camel"):
    """A line of the central error log; ``count`` times between ``time`` and ``last``."""

    n: int
    time: str | float | None = None
    node: str = ""
    level: str = "error"
    code: str | None = None
    text: str = ""
    hint: str | None = None
    message_id: str | None = None
    count: int = 1
    last: str | float | None = None

    @property
    def at(self) -> float | None:
        """Wall time of the latest of them, seconds."""
        return instant(self.last) or instant(self.time)


class Broker(Row, frozen=True, kw_only=True, rename="camel"):
    """The daemon's link to the broker; ``rtt`` in seconds."""

    address: str | None = None
    connected: bool = False
    since: float | str | None = None
    rtt: float | None = None
    reconnects: int = 0
    error: str | None = None


class Intake(Row, frozen=True, kw_only=True, rename="camel"):
    """Whether the daemon takes new messages, and if not, why."""

    open: bool = True
    reason: str | None = None


class Status(Row, frozen=True, kw_only=True, rename="camel"):
    """The daemon at a glance."""

    node: str = ""
    central: str = ""
    version: str = ""
    uptime: float | None = None
    broker: Broker = Broker()
    queue: dict[str, int] = {}
    nodes: dict[str, int] = {}
    new_errors: int = 0
    intake: Intake = Intake()
    alarms: list[Any] = []
    trusted: bool = False
    standing: str = ""
    """A sentence, while this node has keys and doesn't belong."""

    @property
    def decides(self) -> bool:
        """Whether nodes wait here to be accepted."""
        return self.trusted and self.node == self.central


COMPARED = 8
"""Groups of a job whose outputs are read and compared; the rest are counted."""


class Group(Row, frozen=True, kw_only=True, rename="camel"):
    """Messages of a job that ended alike, or are alike so far."""

    state: str = ""
    confirmed: bool = False
    reason: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    stdout_sha256: str | None = None
    stderr_sha256: str | None = None
    stdout_size: int | None = None
    stderr_size: int | None = None
    messages: int = 0
    nodes: list[str] = []
    ids: list[str] = []
    sample: str = ""


class Job(Row, frozen=True, kw_only=True, rename="camel"):
    """Messages sent together; ``groups`` only where one job was asked for."""

    job: str
    n: int = 0
    accepted: str | None = None
    ended: str | None = None
    method: str = ""
    command_or_event: str = ""
    data: list[str] = []
    messages: int = 0
    nodes: int = 0
    open: int = 0
    unconfirmed: int = 0
    states: dict[str, int] = {}
    groups: list[Group] = []


class StoreFacts(Row, frozen=True, kw_only=True, rename="camel"):
    """The daemon's database, in bytes."""

    bytes: int = 0
    wal_bytes: int = 0
    free_bytes: int | None = None


class Health(Row, frozen=True, kw_only=True, rename="camel"):
    """How the daemon and its link are: ages and round trips in seconds, throughput a minute."""

    broker: Broker = Broker()
    rtts: list[tuple[float, float]] = []
    store: StoreFacts = StoreFacts()
    queue: dict[str, int] = {}
    ages: dict[str, float | None] = {}
    throughput: dict[str, list[int]] = {}
    processes: list[dict[str, Any]] = []
    daemon: dict[str, Any] = {}


class Output(Row, frozen=True, kw_only=True, rename="camel"):
    """Part of a running command's output, ``offset`` bytes after its start."""

    id: str
    stream: str
    offset: int
    data: str = ""
    data_b64: str = msgspec.field(default="", name="dataB64")

    @property
    def content(self) -> bytes:
        return output({"data": self.data, "dataB64": self.data_b64}, "data")


class Resolved(Row, frozen=True, kw_only=True, rename="camel"):
    """What a list of targets selects."""

    nodes: list[str] = []
    unseen: list[str] = []
    nothing: list[str] = []


OUTPUTS = frozenset({"stdout", "stderr", "stdoutTail", "stderrTail"})
R = TypeVar("R", bound=Row)


def read(kind: type[R], raw: object) -> R:
    """``raw`` JSON as a row. Raises StewardError: the daemon answers in another shape."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise StewardError(
            f"the daemon's answer cannot be read: {error}",
            "console and daemon are of different versions: restart both",
        ) from None


def briefly(row: MessageRow) -> MessageRow:
    """A message as a list holds it: without output."""
    if row.result is None:
        return row
    facts = {k: v for k, v in row.result.items() if k.removesuffix("B64") not in OUTPUTS}
    return msgspec.structs.replace(row, result=facts)


def output(result: Mapping[str, Any] | None, stream: str) -> bytes:
    """What a result holds of ``stdout`` or ``stderr``, or of a tail of them, as bytes."""
    found = (result or {}).get(stream)
    if isinstance(found, str) and found:
        return found.encode("utf-8", "replace")
    encoded = (result or {}).get(stream + "B64")
    if isinstance(encoded, str):
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return b""
    return b""
