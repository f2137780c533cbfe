"""What the demo's ships are asked and what they say: commands that any machine can run."""

from __future__ import annotations

from random import Random

LOOKS = (("uname", "-sr"), ("df", "-h", "/"), ("uptime",))
"""Asked of many ships at a time."""

CHECKS = tuple(
    ("sh", "-c", script)
    for script in (
        ": which ais-server; case $STEWARD_NODE in *7|*13) echo ais-server 2.3.9;;"
        " *) echo ais-server 2.4.1;; esac",
        ": are the charts complete; case $STEWARD_NODE in"
        " *4) echo '3 charts are missing'; exit 1;; *) echo complete;; esac",
        ": is the gateway up; printf 'nmea-gateway.service  '; case $STEWARD_NODE in"
        " *9) echo failed; echo 'Result: exit-code, restart counter is at 5' >&2; exit 3;;"
        " *) echo active;; esac",
    )
)
"""Likewise; a few answer something else than the rest."""

CHORES = (
    ("hostname",),
    ("date", "-u"),
    ("ls", "-l", "/usr"),
    ("id",),
    ("df", "-h", "/tmp"),
    ("sh", "-c", "echo rotated engine.log; sleep 1; echo rotated bridge.log"),
    ("sh", "-c", 'echo "backup of $STEWARD_NODE: 214 files, 18.4 MiB"; sleep 2'),
    ("sh", "-c", ": count the programs; for d in bin lib share; do ls /usr/$d | wc -l; done"),
)

_EACH_SECOND = "i=0; while [ $i -lt $1 ]; do i=$((i+1)); sleep 1;"
LONG = (
    f": watch the main engine; {_EACH_SECOND}"
    ' echo "main engine $((78 + i % 5)) °C, $((412 + i % 7)) rpm"; done',
    f": update the charts; {_EACH_SECOND}"
    ' echo "chart NO5$((100 + i)): $((i * 100 / $1)) %";'
    " [ $((i % 9)) -eq 0 ] && echo 'link is slow, trying again' >&2; done; echo complete",
    f": ping the office; {_EACH_SECOND}"
    ' echo "64 bytes from 10.0.0.1: seq=$i time=$((580 + i * 37 % 90)) ms"; done',
)
"""Scripts that write a line a second for ``$1`` seconds."""

FAILURES = (
    "echo mounting /dev/sdb1; echo 'mount: /mnt: /dev/sdb1 is not a block device' >&2; exit 32",
    "echo 'Failed to restart ais-server.service: Unit not found.' >&2; exit 5",
    "echo reading 4 sensors; echo 'sensor 3: no answer on /dev/ttyS2' >&2; sleep 1; exit 1",
    "exec nmea-dump --since yesterday",
)

NEVER_SEEN = ("tender1", "buoy7")

BLUNDERS = (
    '[{"toNode": "central", "comandOrEvent": "EventACK", "method": "TextLogging", "data": ["x"]}]',
    '[{"toNode": "central", "commandOrEvent": "EventACK", "method": "TextLogging", "data": "x"}]',
    "[{'toNode': 'central'}]",
)
"""Lines for inmsg.txt: a mistyped field, a text where an array belongs, what isn't JSON."""


def noon_report(ship: str, random: Random) -> str:
    """A line for central's log."""
    place = f"{random.uniform(50, 72):.2f}°N {random.uniform(0, 30):.2f}°E"
    speed, fuel = random.uniform(0, 19), random.randint(18, 97)
    return f"{ship}: {place}, {speed:.1f} kn, fuel {fuel} %\n"
