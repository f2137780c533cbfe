"""PURE: the files that make Steward a service of a machine, as text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ETC: Final = Path("/etc/steward")
MINE: Final = "written by steward service install"


class Places(NamedTuple):
    """``program``: what runs ``steward``; ``python``, ``runner``, ``packages``: the interpreter,
    ``runner.py`` and the folder with PyNaCl; ``state``: the daemon's folder, ``user`` its owner."""

    program: str
    python: Path
    runner: Path
    packages: Path
    state: Path = Path("/var/lib/steward")
    etc: Path = ETC
    book: Path = Path("/var/lib/steward-runner")
    socket: Path = Path("/run/steward/runner.sock")
    user: str = "steward"


UNITS: Final = Path("/etc/systemd/system")
NODE_UNIT: Final = "steward.service"
RUNNER_UNIT: Final = "steward-runner.service"
BROKER_UNIT: Final = "steward-broker.service"

_SANDBOX: Final = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
PrivateMounts=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM
"""


def node_unit(places: Places, credentials: Sequence[str] = ()) -> str:
    """The daemon: a user of its own that may nearly nothing. ``credentials``: ``NAME:PATH``."""
    loaded = "".join(f"LoadCredential={one}\n" for one in credentials)
    return f"""\
# {MINE}: change it with systemctl edit {NODE_UNIT}
[Unit]
Description=Steward node
Wants=network-online.target {RUNNER_UNIT}
After=network-online.target {RUNNER_UNIT}
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={places.program} node --config {places.etc}/node.toml --state-dir {places.state}
ExecReload=/bin/kill -HUP $MAINPID
User={places.user}
Group={places.user}
{_state(places)}UMask=0027
{loaded}TimeoutStartSec=15min
WatchdogSec=60
Restart=on-failure
RestartSec=2
# A wrong setting is not mended by trying again.
RestartPreventExitStatus=2
# Commands belong to {RUNNER_UNIT}; where that one is not used, they are not ended either.
KillMode=process
LimitNOFILE=65536
TasksMax=512

# Commands run outside of all of this.
{_SANDBOX}
[Install]
WantedBy=multi-user.target
"""


def credentials(unit: str) -> tuple[str, ...]:
    """Those that a daemon's unit loads."""
    lines = (line.partition("LoadCredential=") for line in unit.splitlines())
    return tuple(one for before, is_one, one in lines if is_one and not before)


def runner_unit(places: Places, output_bytes: int) -> str:
    """The commands' parent. Whatever restricted it would restrict every command."""
    return f"""\
# {MINE}: change it with systemctl edit {RUNNER_UNIT}
[Unit]
Description=Steward's runner: starts signed orders as the users that permits name
ConditionPathExists={places.state}
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={places.python} -I -S {places.runner} {places.state} \\
    orders={places.etc} book={places.book} socket={places.socket} \\
    packages={places.packages} limit={output_bytes} foreground=1
RuntimeDirectory={places.socket.parent.name}
StateDirectory={places.book.name}
StateDirectoryMode=0700
Restart=always
RestartSec=2
# Stopped, it starts nothing more and waits for what runs; after that time it is killed, and what
# still runs is ended by the next one and reported as interrupted. What commands have left in the
# background goes on.
KillMode=process
TimeoutStopSec=90
# Commands are bounded as a whole, by permits one by one; short of memory, one of them goes first.
TasksMax=4096
MemoryMax=75%
OOMPolicy=continue
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
"""


def broker_unit(places: Places) -> str:
    """The broker beside central, with the configuration of ``steward broker config``."""
    return f"""\
# {MINE}: change it with systemctl edit {BROKER_UNIT}
[Unit]
Description=Steward's broker
Wants=network-online.target
After=network-online.target
Before={NODE_UNIT}
StartLimitIntervalSec=0

[Service]
ExecStart={places.program} broker --state-dir {places.state}
User={places.user}
Group={places.user}
{_state(places)}UMask=0027
Restart=always
RestartSec=2
RestartPreventExitStatus=2
LimitNOFILE=65536
TasksMax=512

{_SANDBOX}
[Install]
WantedBy=multi-user.target
"""


def _state(places: Places) -> str:
    if places.state.parent == Path("/var/lib"):
        return f"StateDirectory={places.state.name}\nStateDirectoryMode=0750\n"
    return f"ReadWritePaths={places.state}\n"


def sysusers(places: Places) -> str:
    """For systemd-sysusers: the daemon's own user, without a password or a shell."""
    return f'# {MINE}\nu {places.user} - "Steward" {places.state} -\n'


def settings(node: str, central: str, broker: str) -> str:
    """A first ``node.toml``, which is the operator's from then on."""
    address = f'broker-address = "{broker}"' if broker else '#broker-address = "tls://HOST:4222"'
    return f"""\
# The settings of this node. steward service install wrote them once; from now on they are yours.
node = "{node}"
central = "{central}"
{address}

# Who may have what done here, as whom and how long. Nothing else is allowed. The daemon and the
# runner both judge by this: after a change, systemctl reload steward
#[[permit]]
#from = ["{central}"]
#methods = ["ShellCommand"]
#arguments = [["uptime"], ["systemctl", "status", "*"]]
#user = "nobody"
#longest = "10m"
#limits = {{ memory = "512MiB", processes = 64 }}
"""


def anchor(node: str, central: str, key: bytes, serial: int) -> str:
    """Whose orders the runner believes."""
    return f"""\
# {MINE}: whose word the runner believes. Only root may write here.
node = "{node}"
central = "{central}"
key = "{base64.b64encode(key).decode()}"
serial = {serial}
"""
