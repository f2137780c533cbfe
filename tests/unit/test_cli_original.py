"""The original's way to start a node still works."""

from __future__ import annotations

import pytest

from steward.cli.original import with_verb
from steward.errors import UsageError


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["--node=central"], ["node", "--node=central"]),
        (["-node", "central"], ["node", "--node", "central"]),
        (["-nodeName=ship1"], ["node", "--node=ship1"]),
        (["-brokerAddress", "127.0.0.1:4222"], ["node", "--broker-address", "127.0.0.1:4222"]),
        (["--centralErrorLogger=true"], ["node", "--central-error-logger"]),
        (["-centralErrorLogger=false"], ["node", "--no-central-error-logger"]),
        (["-centralErrorLogger"], ["node", "--central-error-logger"]),
        (["--central-error-logger=F"], ["node", "--no-central-error-logger"]),
        (["node", "-promHostAndPort=:2112"], ["node", "--prom-host-and-port=:2112"]),
        (
            ["-defaultMessageTimeout=3", "--defaultMessageRetries", "5", "-profilingPort=6060"],
            [
                *("node", "--default-message-timeout=3", "--default-message-retries", "5"),
                "--profiling-port=6060",
            ],
        ),
        (["--broker-address=nats://a"], ["node", "--broker-address=nats://a"]),
        (["send", "-brokerAddress"], ["send", "-brokerAddress"]),
        (["node", "-h"], ["node", "-h"]),
        (["--help"], ["--help"]),
        (["--version"], ["--version"]),
        ([], ["--help"]),
    ],
)
def test_flags_are_told_in_todays_words(argv: list[str], meant: list[str]) -> None:
    assert with_verb(argv, {}) == meant


def test_without_any_word_the_environment_may_name_the_node() -> None:
    assert with_verb([], {"STEWARD_NODE": "ship1"}) == ["node"]


def test_a_switch_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(UsageError, match="'maybe'"):
        with_verb(["--centralErrorLogger=maybe"], {})
