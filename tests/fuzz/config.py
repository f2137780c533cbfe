"""Target ``config``: TOML, environment and flags; settings come out, or an error that says why."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import click

from steward.cli.options import node_options
from steward.cli.original import with_verb
from steward.config import FLAGS, load
from steward.errors import StewardError
from tests.fuzz.inputs import Finding, Input
from tests.fuzz.mutators import spoil

_TOML: Final = (
    b'node = "ship1"\nbroker-address = "nats://a:4222,b"\nhello-interval = "15s"\n'
    b'link = "slow"\nrestored = false\nprofiling-port = 0\nlabels = { env = "prod", kind = "x" }\n'
    b'state-dir = "/var/lib/steward"\ncentral = "hq"\nprom-host-and-port = "off"\n',
    b'node = "a"\ndefault-message-timeout = 10.5\ndefault-message-retries = 3\n'
    b'default-message-ttl = "7d"\n[limits]\nqueue = 100\noutput-bytes = "128MiB"\n'
    b'free-bytes = 1000\n[retention]\nhistory-age = "90d"\nhistory-messages = 5\n',
    b'node = "b"\n[[permit]]\nfrom = ["central", "ship*"]\nmethods = ["ShellCommand"]\n'
    b'[[permit]]\nfrom = "x"\nmethods = "*"\n[groups]\nwest = ["ship1", "ship2"]\n'
    b"[console]\na = 1\n",
    b'node = "d"\n[[permit]]\nfrom = "central"\nmethods = "ShellCommand"\nuser = "watch"\n'
    b'arguments = [["ls", "**"], ["df", "-[hk]", "?*"], []]\noperators = ["ann", "1000"]\n'
    b'rate = "10/m"\nlongest = "90s"\nlimits = { memory = "1GiB", cpu = 90.5, files = 64 }\n',
    b'node = "c"\ndate = 1979-05-27T07:32:00Z\n"quoted key" = """\nmany\nlines"""\nx = 0xff\n',
)
_VALUES: Final = (
    b"nan", b"-inf", b"1e400", b"9" * 400, b"9" * 5000, b"0x" + b"f" * 400, b"-1", b"0", b"true",
    b"''", b'""', b"'''x'''", b'"\\u0000"', b'"\\ud800"', b"[]", b"{}", b"[[]]", b"[" * 3000,
    b"{a=" * 3000, b"2000-02-30", b"07:32:00", b"1979-05-27", b'"~nobody-is-here"', b'"a,b,=,"',
    b'"9' + b"9" * 400 + b'GiB"',
    b'"' + b"9" * 5000 + b'"', b'":99999"', b'"[::1]:80"', b'"1h1h"', b'"' + b"9" * 400 + b'd"',
    b'"\xff"',
)  # fmt: skip
_WORDS: Final = (
    "", " ", "x", "slow", "true", "TRUE", "off", ":1", "a:b", "a:" + "9" * 5000, "9" * 5000,
    "9" * 400, "9" * 400 + "GiB", "٣", "²", "-1", "1e5", "nan", "inf", "10m", "1e400s",
    "9" * 400 + "d", "k=v", "=", "k", "~", "~nobody-is-here/x", "~nobody-is-here", "nats://",
    "nats://[", "tls://a:b", ",,", "a,b", "\udcff", "\x1b[31m", "x" * 5000, "--", "-", "--help",
    "--version", "k=v,k=w",
)  # fmt: skip
_KNOWN: Final = tuple(key.name for key in FLAGS)


def _hump(name: str) -> str:
    first, *more = name.split("-")
    return first + "".join(word.title() for word in more)


class Config:
    """``where`` is ``toml``, or ``given``: JSON of the environment and the command line."""

    name = "config"
    share = 0.1
    batch = 2000
    lifetime = 10**9

    def make(self, rng: Random) -> Input:
        if rng.random() < 0.5:
            return Input("toml", self._toml(rng))
        environ, argv = {}, []
        for _ in range(rng.randrange(3)):
            name = rng.choice(_KNOWN).replace("-", "_").upper()
            name = name if rng.random() < 0.8 else name[: rng.randrange(len(name))] + "X"
            environ[f"STEWARD_{name}"] = rng.choice(_WORDS)
        for _ in range(rng.randrange(4)):
            name = rng.choice(_KNOWN)
            name = _hump(name) if rng.random() < 0.3 else name
            name = name if rng.random() < 0.9 else name + rng.choice(_WORDS)
            dashes = rng.choice(("--", "--", "-", "--no-", ""))
            equals = rng.choice(("=", None))
            word = rng.choice(_WORDS)
            argv += [f"{dashes}{name}={word}"] if equals else [f"{dashes}{name}", word]
        if rng.random() < 0.8:
            argv += ["--node", "ship1"]
        return Input("given", json.dumps([environ, argv]).encode())

    def _toml(self, rng: Random) -> bytes:
        text = rng.choice(_TOML)
        if rng.random() < 0.7:
            lines = text.split(b"\n")
            at = rng.randrange(len(lines))
            name, equals, _ = lines[at].partition(b"=")
            if equals:
                lines[at] = name + b"= " + rng.choice(_VALUES)
            else:
                lines[at] = lines[at].strip(b"[]") + b" = " + rng.choice(_VALUES)
            text = b"\n".join(lines)
        return text if rng.random() < 0.4 else spoil(rng, text, _TOML)

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[_World]:
        yield _World(folder)


class _World:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "steward.toml"
        self._taken = self._refused = 0

    def figures(self) -> dict[str, float]:
        return {"settings": self._taken, "refused": self._refused}

    async def take(self, batch: Sequence[Input]) -> None:
        for one in batch:
            try:
                self._load(one)
            except StewardError as error:
                self._refused += 1
                if not str(error).strip():
                    raise Finding(f"refused without a reason: {one.payload!r}") from error
            except click.ClickException:
                self._refused += 1
            except Exception as error:
                raise Finding(f"{type(error).__name__}: {error}") from error
        self._path.write_bytes(_TOML[0])
        if load({"config": str(self._path)}, {}).node != "ship1":
            raise Finding("what is valid is no longer read")

    def _load(self, one: Input) -> None:
        if one.where == "toml":
            self._path.unlink(missing_ok=True)  # quicker than to cut it
            self._path.write_bytes(one.payload)
            told = load({"config": self._path}, {"STEWARD_NODE": "ship1"})
        else:
            environ, argv = json.loads(one.payload)
            told = _from_command_line(argv, environ)
        # What was taken has to be fit to be used and shown.
        str(told), told.defaults, hash(told.state_dir)
        self._taken += 1


@click.command()
@node_options
@click.pass_obj
def _node(told: dict[str, Any], /, **flags: object) -> None:
    told["settings"] = load(flags, told["environ"])


def _from_command_line(argv: list[str], environ: Mapping[str, str]) -> Any:
    """As ``steward node`` does it, up to the daemon."""
    told: dict[str, Any] = {"environ": environ}
    words = with_verb(["node", *argv], environ)
    with contextlib.redirect_stdout(None):
        _node.main(words[1:], standalone_mode=False, obj=told)
    return told.get("settings") or load({"node": "ship1"}, {})
