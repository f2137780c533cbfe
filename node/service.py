"""``steward service``: Steward as a service of this machine, installed, shown and removed."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import nacl

from node import runner, service_anchor, service_units
from node.runner_link import MARKER
from node.service_hands import Hands, writable_by_others
from node.service_units import BROKER_UNIT, ETC, NODE_UNIT, RUNNER_UNIT, UNITS, Places
from steward.cli.output import line, note
from steward.cli.owner import as_owner
from steward.config import Limits, Settings, load
from steward.errors import UsageError
from steward.subjects import node_name

_SYSUSERS: Final = Path("/etc/sysusers.d/steward.conf")
_HIDDEN: Final = ("/home", "/root", "/tmp", "/var/tmp", "/run/user")
"""By ProtectHome= and PrivateTmp=."""
_SYSTEMD: Final = Path("/run/systemd/system")

Options = dict[str, Any]


@click.group()
def service() -> None:
    """Steward as a service of this machine: an unprivileged daemon, and a runner that starts what
    is signed and permitted as the user that the permit names."""


def _options(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed((
        click.option("--node", metavar="NAME", help="This node's name; else node.toml has it."),
        click.option("--central", metavar="NAME", default="central", show_default=True,
                     help="The node that this one reports to."),
        click.option("--broker-address", metavar="URL", default="", help="Into a new node.toml."),
        click.option("--user", metavar="NAME", default="steward", show_default=True,
                     help="The daemon's own user; it is made."),
        click.option("--credential", "credentials", multiple=True, metavar="NAME:PATH",
                     help="A LoadCredential= line; may be given more than once."),
        click.option("--broker", is_flag=True, help="The broker, too: on central's machine."),
    )):  # fmt: skip
        command = option(command)
    return command


def _where(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed((
        click.option("--root", type=click.Path(path_type=Path), metavar="DIR", default="/",
                     help="Write below DIR, call no program: to try it out."),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--force", is_flag=True, help="Also files that somebody else has changed."),
    )):  # fmt: skip
        command = option(command)
    return command


def _state_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--state-dir", type=click.Path(path_type=Path), metavar="DIR",
        default="/var/lib/steward", show_default=True, help="The daemon's folder.",
    )(command)  # fmt: skip


@service.command()
@_options
@_state_option
@_where
@click.option("--fingerprint", "compared", metavar="ABCD-…",
              help="Of central's key, by steward keys show there: believe no other.")  # fmt: skip
def install(root: Path, dry_run: bool, force: bool, compared: str | None, **given: Any) -> int:
    """Install or renew the service; call it again after steward keys init or join: then the runner
    learns whose orders to believe, and both are started. What is there stays as it is."""
    hands = Hands(line, root.absolute(), dry=dry_run, force=force)
    _check_machine(hands)
    places = _places(given)
    if hands.is_real:
        _check_program(places, insist=not (force or dry_run))
    settings = _settings(hands, places)
    names = _names(settings, given)
    given |= _chosen_before(hands, given)
    texts = _texts(places, given, settings)
    anchor = service_anchor.text(hands, places, *names, compared)
    for path, text in texts.items():
        hands.check(path, text)
    _prepare(hands, places, texts.pop(_SYSUSERS))
    fresh = service_units.settings(*names, given["broker_address"])
    hands.keep(places.etc / "node.toml", fresh, 0o640, places.user)
    if anchor:
        hands.write(places.etc / "anchor", anchor)
    changed = [path.name for path, text in texts.items() if hands.write(path, text)]
    units = [path.name for path in texts]
    hands.run("systemctl", "daemon-reload")
    if anchor:
        hands.run("systemctl", "enable", "--now", *units)
        if changed:
            note(f"what was changed holds after: systemctl restart {' '.join(changed)}")
        return 0
    hands.run("systemctl", "enable", *units)
    join = "init" if names[0] == names[1] else "join FILE"
    note(
        f"nothing is started yet, for this node trusts nobody: steward keys {join}"
        f" --state-dir {places.state}, then steward service install again"
    )
    return 0


@service.command()
@_options
@_state_option
def show(**given: Any) -> int:
    """Print the units and files that install would write."""
    places = _places(given)
    for path, text in _texts(places, given, None).items():
        for one in (f"# {path}", *text.splitlines(), ""):
            line(one)
    return 0


@service.command()
@_state_option
@_where
def remove(root: Path, dry_run: bool, force: bool, state_dir: Path) -> int:
    """Stop the service and remove its units. Settings, the user and the state folder stay."""
    hands = Hands(line, root.absolute(), dry=dry_run, force=force)
    _check_machine(hands)
    units = [UNITS / name for name in (NODE_UNIT, BROKER_UNIT, RUNNER_UNIT)]
    there = [path for path in units if hands.at(path).exists()]
    if there:
        hands.run("systemctl", "disable", "--now", *(path.name for path in there), may_fail=True)
    for path in (*there, _SYSUSERS):
        hands.remove(path)
    hands.run("systemctl", "daemon-reload")
    marker = state_dir.absolute() / MARKER
    with as_owner(hands.at(marker.parent)):
        if os.path.lexists(hands.at(marker)) and hands.say(f"removed {marker}", f"remove {marker}"):
            hands.at(marker).unlink()
    note(f"settings stay in {ETC}, what was received and sent in {state_dir}")
    return 0


def _check_machine(hands: Hands) -> None:
    """Raises UsageError where a service can't be installed."""
    if not hands.is_real or hands.dry:
        return
    if os.geteuid() != 0:
        raise UsageError(
            "only root can install a service",
            "sudo; --dry-run says what would be done, --root DIR tries it out",
        )
    if not _SYSTEMD.is_dir():
        raise UsageError(
            "systemd does not run on this machine",
            "steward service show prints the units; another service manager starts the same",
        )


def _check_program(places: Places, *, insist: bool) -> None:
    """What root runs must be root's, and where the daemon sees it. Raises UsageError."""
    seen = (places.python, places.python.resolve(), places.runner)
    hidden = [place for place in _HIDDEN if any(path.is_relative_to(place) for path in seen)]
    if hidden and insist:
        text = f"Steward is installed in {hidden[0]}, which the service does not see"
        raise UsageError(text, "install it elsewhere, like in /opt/steward")
    ours = places.runner.parent
    theirs = writable_by_others(
        places.python, ours, ours.parent / "steward", *_nacl_files(), Path(os.__file__)
    )
    if theirs is None:
        return
    text = f"somebody but root can change {theirs}, which the runner would load as root"
    if insist:
        raise UsageError(text, "install Steward as root, like into /opt/steward; or --force")
    note(text)


def nacl_folder() -> Path:
    return Path(nacl.__file__).parent


def _nacl_files() -> list[Path]:
    """What PyNaCl is loaded from: cffi and its part in C lie beside it, among much else."""
    nacl = nacl_folder()
    return [nacl, *nacl.parent.glob("cffi"), *nacl.parent.glob("_cffi_backend*")]


def _places(given: Options) -> Places:
    python = Path(sys.executable)
    program = python.with_name("steward")
    for path in (python, runner.__file__, nacl_folder(), given["state_dir"]):
        if set(str(path)) & set(" \t%\"'\\"):
            raise UsageError(f"{str(path)!r} cannot stand in a unit", "a path of plain letters")
    return Places(
        program=str(program) if program.exists() else f"{python} -m steward.cli",
        python=python,
        runner=Path(runner.__file__),
        packages=nacl_folder().parent,
        state=given["state_dir"].absolute(),
        user=given["user"],
    )


def _settings(hands: Hands, places: Places) -> Settings | None:
    """As they are there already. Raises ConfigError."""
    path = hands.at(places.etc / "node.toml")
    return load({"config": str(path)}, {}) if path.exists() else None


def _names(settings: Settings | None, given: Options) -> tuple[str, str]:
    """This node and its central. Raises UsageError."""
    name = given["node"]
    if settings is not None:
        if name and name != settings.node:
            raise UsageError(
                f"node.toml names this node {settings.node}, not {name}", "leave --node out"
            )
        return settings.node, settings.central
    if not name:
        raise UsageError("this node has no name yet", "give --node NAME")
    return node_name(name), node_name(given["central"])


def _chosen_before(hands: Hands, given: Options) -> Options:
    """What was asked for at an earlier call goes on, unless this one says something else."""
    broker, node = (hands.at(UNITS / name) for name in (BROKER_UNIT, NODE_UNIT))
    before = service_units.credentials(node.read_text()) if node.exists() else ()
    return {
        "broker": given["broker"] or broker.exists(),
        "credentials": given["credentials"] or before,
    }


def _texts(places: Places, given: Options, settings: Settings | None) -> dict[Path, str]:
    output_bytes = (settings.limits if settings else Limits()).output_bytes
    texts = {
        _SYSUSERS: service_units.sysusers(places),
        UNITS / RUNNER_UNIT: service_units.runner_unit(places, output_bytes),
        UNITS / NODE_UNIT: service_units.node_unit(places, given["credentials"]),
    }
    if given["broker"]:
        texts[UNITS / BROKER_UNIT] = service_units.broker_unit(places)
    return texts


def _prepare(hands: Hands, places: Places, sysusers: str) -> None:
    """The user, its folder, and the word in it that a runner is there."""
    hands.write(_SYSUSERS, sysusers)
    if shutil.which("systemd-sysusers"):
        hands.run("systemd-sysusers", str(_SYSUSERS))
    elif not _is_user(places.user):
        hands.run("useradd", "--system", "--user-group", "--home-dir", str(places.state),
                  "--shell", "/usr/sbin/nologin", places.user)  # fmt: skip
    hands.folder(places.state, 0o750, places.user)
    marker = places.state / MARKER
    real = hands.at(marker)
    with as_owner(real.parent):
        if real.is_file() and real.read_text().strip() == str(places.socket):
            return
        if hands.say(f"wrote {marker}", f"write {marker}"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with open(os.open(real, flags, 0o600), "w") as file:
                file.write(f"{places.socket}\n")


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
