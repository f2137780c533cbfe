"""The broker's files where trust is on: its configuration, its certificate, and who is let in."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from node.broker import CONFIGURATION, new_name
from node.broker_config import Tls, configuration, nodes_file, read_back
from node.broker_trial import tried
from steward.errors import ConfigError, TrustError
from steward.folders import make_folder, sync_folder
from steward.key_files import TrustFile, keys_folder, load_or_make, read_trust, write_trust
from steward.link import Endpoint

NODES: Final = "nodes.conf"
ANYWHERE: Final = "0.0.0.0"
LOCAL: Final = "server.pem", "server.key"
"""A certificate by the local CA, and its key, beside the configuration."""
SYSTEM: Final = Path("system")
"""Instead of a CA's file: whoever the nodes' systems trust vouches for the broker."""
_HERE: Final = ("localhost", "127.0.0.1", "::1")
_HOST: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,20}")
"""What can stand in a certificate; a machine may be called anything."""
_HEAD: Final = """\
# Written by steward broker config, which writes all of it again when it is called again. For a
# server of your own:  nats-server -c {file}
# Central keeps {nodes} beside this file true. After each change: nats-server --signal reload
# (steward broker does so by itself).
"""


class Setup(NamedTuple):
    """What the broker of central's nodes runs with."""

    folder: Path
    host: str
    port: int
    tls: Tls

    @property
    def watched(self) -> tuple[Path, ...]:
        """What changes while it runs."""
        return (self.folder / NODES, *self.tls)

    @property
    def has_local_certificate(self) -> bool:
        return self.tls == local(self.folder)


def local(folder: Path) -> Tls:
    return Tls(*(folder / name for name in LOCAL))


def folder_of(state_dir: Path) -> Path:
    """Where central writes whom the broker lets in."""
    return state_dir / "broker"


def trust_of(state_dir: Path) -> TrustFile | None:
    """What central, whose state folder it has to be, trusts; None: nothing, this is a lab. Raises
    TrustError: it is another node's; OSError."""
    trust = read_trust(state_dir)
    if trust is None or (folder_of(state_dir) / NODES).exists():
        return trust
    if load_or_make(state_dir).signing.public != trust.key:
        raise TrustError(
            f"{state_dir} is not {trust.central}'s, but of a node that trusts it",
            f"run the broker beside {trust.central}; for a lab, name another --state-dir",
        )
    return trust


def write(
    state_dir: Path,
    trust: TrustFile,
    *,
    folder: Path | None = None,
    hosts: Sequence[str] = (),
    listen: str = ANYWHERE,
    port: int | None = None,
    own: Tls | None = None,
    own_ca: Path | None = None,
) -> Setup:
    """Write a complete configuration. ``hosts``: names and addresses under which nodes reach the
    broker, beside those that central tells them; ``own``: a certificate of the user's, ``own_ca``:
    who vouches for it, or SYSTEM. Raises ConfigError, OSError."""
    folder = (folder or folder_of(state_dir)).absolute()
    make_folder(folder, 0o700)
    told = [Endpoint.parse(address) for address in trust.brokers]
    port = port or next((one.port for one in told), 4222)
    hosts = list(dict.fromkeys([*hosts, *(one.host for one in told)]))
    if own is None:
        here = socket.gethostname()
        names = dict.fromkeys([*hosts, *_HERE, *([here] if _HOST.fullmatch(here) else [])])
        tls = _signed(state_dir, folder, trust, list(names))
    else:
        tls = Tls(own.certificate.absolute(), own.key.absolute())
        pem = trust.ca if own_ca is None else "" if own_ca == SYSTEM else _read(own_ca)
        for host in hosts or ["localhost"]:
            tried(tls, pem, host)
        if pem != trust.ca:
            write_trust(state_dir, msgspec.structs.replace(trust, ca=pem))
    _first_list(state_dir, folder, trust)
    file = folder / CONFIGURATION
    text = configuration(name=new_name(), host=listen, port=port, tls=tls, nodes=NODES)
    _replace(file, _HEAD.format(file=file, nodes=NODES) + text)
    return Setup(folder, listen, port, tls)


def ready(state_dir: Path, trust: TrustFile) -> Setup:
    """What is there, made where there is nothing yet; a certificate by the local CA that ends soon
    is made anew. Raises ConfigError, OSError."""
    folder = folder_of(state_dir).absolute()
    file = folder / CONFIGURATION
    if not file.exists():
        return write(state_dir, trust)
    host, port, tls = read_back(_read(file), str(file))
    setup = Setup(folder, host, port, tls)
    _first_list(state_dir, folder, trust)
    renew(state_dir, setup, trust)
    return setup


def renew(state_dir: Path, setup: Setup, trust: TrustFile) -> None:
    """If little is left of a certificate by the local CA, make another one for the same names.
    Raises ConfigError, OSError."""
    if setup.has_local_certificate:
        from node.certificates import names_in

        told = [Endpoint.parse(address).host for address in trust.brokers]
        names = names_in(setup.tls.certificate) or [*told, *_HERE]
        _signed(state_dir, setup.folder, trust, names)


def _signed(state_dir: Path, folder: Path, trust: TrustFile, names: Sequence[str]) -> Tls:
    """By the local CA, which the nodes are to trust from now on if they trust none. Raises
    ConfigError."""
    from node.certificates import make_ca, server_certificate

    tls, ca = local(folder), make_ca(keys_folder(state_dir))
    if trust.ca and ca.strip() not in trust.ca:
        raise ConfigError(
            "the nodes trust another CA than the local one",
            "give --cert and --key, signed by the one that they trust",
        )
    server_certificate(keys_folder(state_dir), names, tls)
    if not trust.ca:
        write_trust(state_dir, msgspec.structs.replace(trust, ca=ca))
    return tls


def _first_list(state_dir: Path, folder: Path, trust: TrustFile) -> None:
    """Central alone: it writes the others down once it runs. Elsewhere a copy of what it wrote."""
    kept = folder_of(state_dir).absolute() / NODES
    if folder != kept.parent and kept.exists():
        _replace(folder / NODES, _read(kept))
    elif not (folder / NODES).exists():
        text = nodes_file(trust.central, [load_or_make(state_dir).broker], [])
        _replace(folder / NODES, text)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {getattr(error, 'strerror', None) or 'not text'}") from None


def _replace(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    with new.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
    sync_folder(file.parent)
