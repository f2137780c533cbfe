"""PURE: the text of a nats-server's configuration: where it listens, how, and for whom.

Whom it lets in stands in a file of its own that the other includes, so that a node is let in, or
turned out, by writing that one and having the server read its configuration again. What a user may
do is an allow-list; what is not on it is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from steward.errors import ConfigError
from steward.subjects import NodeName, everything_for, inbox_prefix, joining, node_name, subject

MAX_PAYLOAD: Final = 1024 * 1024
"""Bytes: twice the largest message."""
MAX_CONNECTIONS: Final = 65_536
_NKEY: Final = re.compile(r"U[A-Z2-7]{55}")
_TOLD: Final = (("EventACK", "Result"), ("EventNACK", "Running"), ("EventNACK", "SayHello"))
"""What a node owes whoever may send to it, beside receipts and output."""

Words = list[str]


class Tls(NamedTuple):
    """The files that the broker shows."""

    certificate: Path
    key: Path


class Member(NamedTuple):
    """A node that is let in. ``nkeys``: public ones, two while one replaces the other; ``to``: the
    nodes beside central that it may send to."""

    name: str
    nkeys: Sequence[str]
    to: Sequence[str] = ()


def configuration(
    *,
    host: str,
    port: int,
    name: str,
    tls: Tls | None = None,
    nodes: str = "",
    max_payload: int = MAX_PAYLOAD,
    max_connections: int = MAX_CONNECTIONS,
    extra: str = "",
) -> str:
    """The whole of it. ``name``: the server's; ``nodes``: the file of those that are let in,
    seen from this one; ``extra``: more of the server's own settings. Sizes in bytes.

    Without monitoring port, JetStream, cluster, gateway or leaf nodes: they are off unless named.
    """
    parts = [
        f"server_name: {name}",
        f"host: {_quoted(host)}",
        f"port: {port}",
        "",
        f"max_payload: {max_payload}",
        f"max_connections: {max_connections}",
        "max_subscriptions: 1000  # of a connection; a node has two, and one for each output seen",
        "max_control_line: 4096",
        f"max_pending: {64 * 1024 * 1024}  # bytes that wait for one connection",
        "",
        "# Patience with slow links (a round trip of 1.2 s, 32 kbit/s): a connection is ended that",
        "# takes nothing for write_deadline, or is silent for ping_max pings.",
        'write_deadline: "60s"',
        'ping_interval: "30s"',
        "ping_max: 5",
        *(tls_settings(tls) if tls else ()),
        *(("", f"include {_quoted(nodes)}") if nodes else ()),
        *(("", extra) if extra else ()),
    ]
    return "\n".join(parts) + "\n"


def tls_settings(files: Tls) -> Iterable[str]:
    yield ""
    yield "# From the first byte on: a client that can be talked out of TLS tells its secrets to"
    yield "# whoever does so. Clients prove who they are by their keys, not by certificates."
    yield "tls {"
    yield f"  cert_file: {_quoted(str(files.certificate))}"
    yield f"  key_file: {_quoted(str(files.key))}"
    yield "  handshake_first: true"
    yield '  min_version: "1.2"'
    yield "  timeout: 20"
    yield "}"


def server_name(text: str) -> str:
    """In a configuration from ``configuration``; it may not change while the server runs."""
    found = re.search(r"^server_name: (\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


def read_back(text: str, where: str) -> tuple[str, int, Tls]:
    """Host, port and files in a configuration from ``configuration``; ``where``: its file. Raises
    ConfigError."""
    words = [
        re.search(rf"^ *{name}: (.+?) *$", text, re.MULTILINE)
        for name in ("host", "port", "cert_file", "key_file")
    ]
    try:
        host, port, certificate, key = (json.loads(word[1]) for word in words if word)
        return str(host), int(port), Tls(Path(certificate), Path(key))
    except (ValueError, TypeError):
        problem = f"{where}: host, port, cert_file and key_file don't stand there as written"
        raise ConfigError(problem, "write it again: steward broker config") from None


def nodes_file(
    central: str,
    central_nkeys: Sequence[str],
    members: Iterable[Member | tuple[str, Sequence[str], Sequence[str]]],
    joiner: str = "",
) -> str:
    """Whom the broker lets in, and what each may do. All keys are public nkeys; ``joiner``: the
    one that nodes share which nobody knows yet; empty: none. Raises ConfigError, InvalidMessage:
    a name that is none, or a key of central or the joiner.

    A node's key that is none, or central's, the joiner's or another node's, is left out: whoever
    names one must not keep the others from being written.
    """
    known = {member.name: member for member in (Member(*each) for each in members)}
    me = node_name(central)
    if central in known:
        raise ConfigError(f"{central} is central, and a node too", "each has a name of its own")
    senders: dict[str, list[NodeName]] = {name: [] for name in known}
    for name, member in known.items():
        for to in member.to:
            if to in senders and to != name:
                senders[to].append(node_name(name))
    taken: set[str] = set()
    users: list[str] = []
    for nkey in central_nkeys:
        users += _user(me, _own(nkey, "central", taken), _of_central(), _heard_by(me))
    if joiner:
        users += _user("who joins", _own(joiner, "those who join", taken), *_of_joiner(me))
    for name, member in sorted(known.items()):
        node = node_name(name)
        others = [node_name(to) for to in member.to if to in (*known, me) and to != name]
        may = _of_node(node, me, others, senders[name])
        for nkey in member.nkeys:
            if _NKEY.fullmatch(nkey) and nkey not in taken:
                taken.add(nkey)
                users += _user(node, nkey, may, _heard_by(node))
            else:
                users.append(f"    # {node}: a key that is none of its own is left out")
    return "\n".join(
        [
            "# Made by central of the keys that it knows: it writes this again, don't change it.",
            "authorization {",
            "  timeout: 30",
            '  default_permissions { publish { deny: ">" }, subscribe { deny: ">" } }',
            "  users: [",
            *users,
            "  ]",
            "}",
            "",
        ]
    )


def _own(nkey: str, whose: str, taken: set[str]) -> str:
    if not _NKEY.fullmatch(nkey) or nkey in taken:
        raise ConfigError(f"the broker key of {whose} is no public nkey of its own", "U, 55 more")
    taken.add(nkey)
    return nkey


def _heard_by(node: NodeName) -> Words:
    """Its own subjects, and its own inboxes with the output that it follows."""
    return [f"{node}.>", f"{inbox_prefix(node)}.>"]


def _answers(to: NodeName) -> Words:
    """Receipts, and the output of its commands."""
    return [f"{inbox_prefix(to)}.*", f"{inbox_prefix(to)}.output.*"]


def _of_central() -> Words:
    """Anything to any node; nothing else's subjects look like these."""
    kinds = ("CommandACK", "CommandNACK", "EventACK", "EventNACK")
    return [*(f"*.{kind}.*" for kind in kinds), "_INBOX.*.*", "_INBOX.*.output.*"]


def _of_node(
    node: NodeName, central: NodeName, to: Sequence[NodeName], senders: Sequence[NodeName]
) -> Words:
    """To itself; events, receipts and output to central; all to those it may send to, and what it
    owes in return to those that may send to it."""
    allowed = [everything_for(node), f"{inbox_prefix(node)}.*"]
    allowed += [f"{central}.EventACK.*", f"{central}.EventNACK.*", *_answers(central)]
    for other in to:
        allowed += [everything_for(other), *_answers(other)]
    for other in senders:
        allowed += [*(subject(other, *words) for words in _TOLD), *_answers(other)]
    return list(dict.fromkeys(allowed))


def _of_joiner(central: NodeName) -> tuple[Words, Words]:
    """Publish and subscribe: ask to be let in, prove its link to itself, hear the answer."""
    answer = subject(NodeName("*"), "EventNACK", "Joined")
    return [subject(central, "EventNACK", "Join"), joining("*")], [answer, joining("*")]


def _user(who: str, nkey: str, publish: Words, hear: Words) -> Iterable[str]:
    yield f"    {{ # {who}"
    yield f"      nkey: {nkey}"
    yield "      permissions {"
    yield f"        publish {{ allow: {_listed(publish)} }}"
    yield f"        subscribe {{ allow: {_listed(hear)} }}"
    yield "      }"
    yield "    }"


def _listed(words: Words) -> str:
    return "[" + ", ".join(_quoted(word) for word in words) + "]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
