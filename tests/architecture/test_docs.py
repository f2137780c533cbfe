"""The README is kept true: every flag, key, field, state, metric and exit status is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest.mock import MagicMock

import click
import pytest

from node.api import DaemonApi, JobApi, MessageApi, NodeApi, TrustApi
from node.methods import registry
from steward import permit_table
from steward.cli import INTERRUPTED
from steward.cli.exits import FAILED, INCOMPLETE, NOTHING, OK, REFUSED
from steward.cli.verbs import VERBS, _load
from steward.config import FLAGS
from steward.config.keys import TABLES
from steward.errors import NoDaemon, UsageError
from steward.message import FIELDS, Kind, State
from steward.metrics import Metrics, MetricsServer, Snapshot
from tui.registry import BY_ID
from tui.settings import KEYS
from tui.theme import NAMES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
QUOTED = [*re.findall(r"`([^`\n]+)`", README), *CODE]


def told_of(wanted: Iterable[str]) -> None:
    """Fails unless the README names each as code, as a whole word."""
    absent = sorted({word for word in wanted if not _named(word)})
    assert not absent, f"README.md does not tell of {', '.join(absent)}"


def _named(word: str) -> bool:
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return any(whole.search(text) for text in QUOTED)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb and what lies below it, by the words that it is called with."""
    for name, verb in VERBS.items():
        command = _load(name, verb)
        yield name, command
        if isinstance(command, click.Group):
            for below, one in command.commands.items():
                yield f"{name} {below}", one


async def _nothing() -> Snapshot:
    return Snapshot(messages={"queued": 1}, nodes={"online": 1}, processes={"running": 1})


def metrics() -> list[str]:
    """As they are scraped: a counter's name ends in _total."""
    known = Metrics()
    server = MetricsServer(known, _nothing, "127.0.0.1", 0)
    families = [*known.registry.collect(), *server._gauges.describe()]
    own = [one for one in families if not one.name.startswith("process_")]
    return [f"{one.name}_total" if one.type == "counter" else one.name for one in own]


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_verb_is_told_of(words: str) -> None:
    verb, *below = words.split()
    told_of([f"steward {verb}", *below])


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_flag_of_a_verb_is_told_of(words: str) -> None:
    command = dict(commands())[words]
    flags = [
        max(option.opts, key=len)
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    told_of(flags)


def test_every_flag_of_a_node_has_its_default_beside_it() -> None:
    lines = README.splitlines()
    for key in FLAGS:
        told = [line for line in lines if re.search(rf"`--{key.name}[` =]", line)]
        assert told, key.name
        default = key.default.partition(";")[0].partition(",")[0]
        assert any(default in line for line in told), f"{key.name}: {key.default}"


def test_every_key_of_the_settings_file_is_told_of() -> None:
    flags = [key.name for key in FLAGS if key.name not in ("label", "config")]
    tables = [key for keys in TABLES.values() for key in keys]
    more = ["labels", "groups", "permit", *permit_table.KEYS, *permit_table.LIMITS]
    told_of([*flags, *TABLES, *tables, *more])


def test_every_setting_and_action_of_the_console_is_told_of() -> None:
    told_of(["console", *KEYS, *NAMES, *BY_ID])


def test_every_field_kind_and_method_of_a_message_is_told_of() -> None:
    told_of([*FIELDS, *(str(kind) for kind in Kind), *registry()])


def test_every_method_of_the_control_socket_is_told_of() -> None:
    apis = (MessageApi, JobApi, NodeApi, DaemonApi, TrustApi)
    told_of([*(name for api in apis for name in api.handlers(MagicMock())), "watch", "follow"])


def test_every_state_is_told_of() -> None:
    told_of([str(state) for state in State])


def test_every_metric_is_told_of() -> None:
    told_of(metrics())


def test_every_exit_status_is_told_of_in_a_table() -> None:
    statuses = {OK, FAILED, NOTHING, INCOMPLETE, REFUSED, INTERRUPTED}
    statuses |= {UsageError.exit_status, NoDaemon.exit_status}
    rows = {int(n) for n in re.findall(r"^\|\s*`?(\d{1,3})`?\s*\|", README, re.MULTILINE)}
    assert statuses - rows == set()


def test_every_command_line_in_it_is_one_that_steward_takes() -> None:
    known = dict(commands())
    for block in CODE:
        for line in re.findall(r"^(?:\$ )?steward ([a-z].*)$", block, re.MULTILINE):
            words = line.split()
            command = known.get(" ".join(words[:2])) or known.get(words[0])
            assert command is not None, line
            options = {o for param in command.params for o in [*param.opts, *param.secondary_opts]}
            flags = [word.partition("=")[0] for word in _before_dashes(words)]
            unknown = {flag for flag in flags if flag.startswith("-")} - options - {"--help"}
            assert unknown == set(), line


def _before_dashes(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words
