"""``steward doctor``: looks for what could be in the way of a node here, and says the remedy."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence

import click
import msgspec

from node import explaining
from node.checks import (
    Finding,
    Level,
    daemon,
    environment,
    folder,
    machine,
    network,
    permits,
    runner,
    warning,
    wrong,
)
from node.privileged import MARKER
from steward.access import access
from steward.cli import output as out
from steward.cli.exits import FAILED, OK
from steward.cli.options import node_options
from steward.config import HostAndPort, Settings, load
from steward.errors import ConfigError, StewardError, UsageError
from steward.key_files import read_trust
from steward.text import safe

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "red"}
_NAMELESS = "unnamed"


async def examine(settings: Settings, node: str) -> list[Finding]:
    """Every check. ``node``: the name of the node that is to run here, empty if nobody said."""
    found = list(environment.environment())
    state = settings.state_dir
    found += folder.place(state, os.geteuid())
    found.append(folder.file_system(state, folder.mounts()))
    found.append(folder.disk(state, settings.limits.free_bytes))
    told = await daemon.asked(state)
    holder = folder.daemon_holds(state)
    found.append(daemon.life(told, holder, node))
    found.append(folder.control_socket(state, bool(told.status)))
    if told.status:
        found += daemon.health(told.status)
    elif holder == 0:
        found += folder.store(state, node, time.time())
    asked = "broker_address" in settings.given
    of_daemon = (told.status.get("broker") or {}).get("address")
    found += await _broker(settings, "" if asked else of_daemon or "")
    found += _ports(settings, holder if told.status else 0)
    found.append(machine.clock(time.time(), machine.synchronised()))
    found += machine.skews(n for n in told.nodes if n["name"] != told.status["node"])
    found.append(machine.open_files())
    found += _trust(settings, told)
    return found


def _trust(settings: Settings, told: daemon.Told) -> Iterator[Finding]:
    """Keys and permits: the daemon's, else those of the settings."""
    state, entries = settings.state_dir, settings.permits
    trusted, problem = True, ""
    known = {str(node["name"]) for node in told.nodes}
    if told.status:
        entries, trusted = tuple(told.permits), told.status["trusted"]
        problem = told.status["permits"]["problem"]
        known.add(told.status["central"])
    else:
        try:
            trusted = read_trust(state) is not None
        except (StewardError, OSError) as error:
            yield wrong(f"whom this node trusts: {error}", "look at it as its owner or root")
    if not trusted:
        yield machine.trust(bool(entries))
    yield from permits.permits(entries, trusted, problem, known)
    yield from runner.runner(state, trusted, entries)
    yield from permits.users(entries, folder.owner(state), os.path.exists(state / MARKER))


async def _broker(settings: Settings, of_daemon: str) -> list[Finding]:
    """``of_daemon``: the address that the daemon uses, if that is the one to look at."""
    try:
        trust = read_trust(settings.state_dir)
    except (StewardError, OSError):
        trust = None  # It is told of elsewhere.
    addresses = of_daemon or settings.broker_address
    if trust and trust.brokers and not of_daemon and "broker_address" not in settings.given:
        addresses = ",".join(trust.brokers)
    try:
        known = access(ca=trust.ca if trust else "", ca_file=settings.broker_ca)
    except ConfigError as error:
        return [wrong(error.text, error.hint)]
    found = await network.broker(addresses, access=known)
    if trust and "tls://" not in addresses:
        what = "there is no TLS on the way to the broker: others can read what goes there"
        found.append(warning(what, "give the broker TLS (steward broker config), use tls://"))
    return found


def _ports(settings: Settings, holder: int | None) -> list[Finding]:
    profiling = settings.profiling_port
    places = {
        "prom_host_and_port": ("metrics", settings.prom_host_and_port),
        "profiling_port": (
            "profiling",
            HostAndPort("127.0.0.1", profiling) if profiling else None,
        ),
    }
    return [
        network.port(what, at, key in settings.given, holder) for key, (what, at) in places.items()
    ]


@click.command(
    short_help="Look for what could be in the way, and say the remedy.",
    context_settings={"allow_interspersed_args": False},
)
@node_options
@click.option("--explain", "asking", is_flag=True, help="May FROM use METHOD with ARG… here?")
@click.option("--operator", default="", metavar="NAME|UID", help="Who asks there: with --explain.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.argument("words", nargs=-1, metavar="[FROM METHOD ARG...]")
def doctor(
    asking: bool, operator: str, output: str, words: tuple[str, ...], **flags: object
) -> int:
    """Look for what could be in the way of a node here, and say the remedy. Takes every flag of
    `steward node`, so that its line can be tried. Exit status 1 if something is wrong.

    With --explain: whether the node FROM may use METHOD here with these arguments, why, as whom and
    for how long; exit status 7 if not. Options go before it."""
    settings, node = _settings(flags)
    if asking:
        asked = explaining.request(words, operator)
        return explaining.show(asyncio.run(explaining.explain(settings, asked)), asked, output)
    if words or operator:
        raise UsageError(f"{(*words, '--operator')[0]!r} needs --explain", "steward doctor --help")
    return _reported(asyncio.run(examine(settings, node)), output)


def _settings(flags: dict[str, object]) -> tuple[Settings, str]:
    """The settings, and the node's name if somebody gave one: much can be checked without."""
    try:
        settings = load(flags)
        return settings, settings.node
    except ConfigError:
        if flags.get("node"):
            raise
    return load({**flags, "node": _NAMELESS}), ""


def _reported(found: Sequence[Finding], form: str) -> int:
    levels = [finding.level for finding in found]
    wrong, warnings = levels.count(Level.WRONG), levels.count(Level.WARNING)
    if form == "json":
        findings = msgspec.to_builtins(found)
        out.document({"findings": findings, "wrong": wrong, "warnings": warnings})
    else:
        for finding in found:
            colour = None if os.environ.get("NO_COLOR") else _COLOURS[finding.level]
            level = click.style(f"{finding.level:<8}", fg=colour)
            click.echo(f"{level} {safe(finding.what)}")
            if finding.remedy:
                click.echo(f"{'':8}   → {safe(finding.remedy)}")
        click.echo(f"\n{wrong} wrong, {warnings} warnings")
    return FAILED if wrong else OK
