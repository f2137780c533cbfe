"""Settings: where each comes from, which source wins, and how an error names its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from steward.cli.options import node_options
from steward.config import (
    FLAGS,
    HostAndPort,
    Limits,
    Permit,
    Retention,
    Settings,
    default_state_dir,
    load,
)
from steward.errors import ConfigError, UsageError

NODE = {"node": "ship1"}


def entry(line: str) -> str:
    """A permit with one key more."""
    return f'[[permit]]\nfrom = "a"\nmethods = "*"\n{line}\n'


def of_file(tmp_path: Path, text: str, **flags: object) -> Settings:
    file = tmp_path / "steward.toml"
    file.write_text(text)
    return load({**NODE, "config": str(file), **flags}, {})


def test_a_name_is_all_that_has_to_be_given() -> None:
    settings = load(NODE, {"HOME": "/home/x"})
    assert settings.node == "ship1"
    assert settings.central == "central"
    assert settings.broker_address == "nats://127.0.0.1:4222"
    assert settings.prom_host_and_port == HostAndPort("127.0.0.1", 2112)
    assert (settings.default_message_timeout, settings.hello_interval) == (10, 15)
    assert (settings.limits, settings.retention) == (Limits(), Retention())
    assert settings.state_dir.is_absolute()
    assert settings.given == {"node"}


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "steward.toml"
    file.write_text('central = "file"\nhello-interval = 1\nprofiling-port = 1\n[labels]\na = "f"')
    environ = {"STEWARD_CENTRAL": "environ", "STEWARD_HELLO_INTERVAL": "2s"}
    environ |= {"STEWARD_CONFIG": str(file), "STEWARD_LABEL": "b=e,c=e"}
    settings = load({**NODE, "central": "flag", "label": ("c=flag",)}, environ)
    assert settings.central == "flag"
    assert settings.hello_interval == 2
    assert settings.profiling_port == 1
    assert settings.labels == {"a": "f", "b": "e", "c": "flag"}
    assert {"central", "hello_interval", "profiling_port", "labels"} <= settings.given


def test_every_flag_can_be_given_in_each_place(tmp_path: Path) -> None:
    values = {
        "node": "n",
        "state-dir": "/var/x",
        "broker-address": "h:1",
        "broker-ca": "/etc/x/ca.pem",
        "broker-credentials": "/etc/x/ship1.creds",
        "central": "c",
        "central-error-logger": "true",
        "default-message-timeout": "1.5m",
        "default-message-retries": "3",
        "default-message-ttl": "2h",
        "prom-host-and-port": ":9",
        "profiling-port": "6060",
        "hello-interval": "1",
        "label": "k=v",
        "link": "slow",
        "socket-group": "ops",
        "intake-owners": "ann,1234",
        "restored": "true",
    }
    expected: dict[str, Any] = {
        "node": "n",
        "state_dir": Path("/var/x"),
        "broker_address": "nats://h:1",
        "broker_ca": Path("/etc/x/ca.pem"),
        "broker_credentials": Path("/etc/x/ship1.creds"),
        "central": "c",
        "central_error_logger": True,
        "default_message_timeout": 90.0,
        "default_message_retries": 3,
        "default_message_ttl": 7200.0,
        "prom_host_and_port": HostAndPort("0.0.0.0", 9),
        "profiling_port": 6060,
        "hello_interval": 1.0,
        "labels": {"k": "v"},
        "link": "slow",
        "socket_group": "ops",
        "intake_owners": ("ann", "1234"),
        "restored": True,
    }
    assert set(values) | {"config"} == {key.name for key in FLAGS}
    by_flag = load(values, {})
    environ = {f"STEWARD_{k.upper().replace('-', '_')}": v for k, v in values.items()}
    by_environ = load({}, environ)
    bare = ("true", "3", "6060")
    lines = [
        f"{key} = {value}" if value in bare else f'{key} = "{value}"'
        for key, value in values.items()
        if key != "label"
    ]
    file = tmp_path / "steward.toml"
    file.write_text("\n".join([*lines, "[labels]", 'k = "v"']))
    by_file = load({"config": file}, {})
    for settings in (by_flag, by_environ, by_file):
        assert {name: getattr(settings, name) for name in expected} == expected


def test_what_only_the_file_can_say(tmp_path: Path) -> None:
    settings = of_file(
        tmp_path,
        """
        [limits]
        queue = 5
        output-bytes = "1MiB"
        [retention]
        history-age = "7d"
        [groups]
        north = ["ship1", "env=prod"]
        south = "ship9"
        [[permit]]
        from = "central"
        methods = ["*"]
        [[permit]]
        from = ["ship*"]
        methods = ["TextLogging", "SayHello"]
        [console]
        theme = "dark"
        """,
    )
    assert (settings.limits.queue, settings.limits.output_bytes) == (5, 2**20)
    assert settings.limits.parallel_per_node == Limits().parallel_per_node
    assert settings.retention.history_age == 7 * 86400
    assert settings.groups == {"north": ("ship1", "env=prod"), "south": ("ship9",)}
    assert settings.permits == (
        Permit(frm=("central",), methods=("*",)),
        Permit(frm=("ship*",), methods=("TextLogging", "SayHello")),
    )
    assert {"limits", "permits", "groups"} <= settings.given


def test_a_slow_link_has_longer_times_unless_they_are_given() -> None:
    settings = load({**NODE, "link": "slow"}, {})
    assert (settings.default_message_timeout, settings.hello_interval) == (60, 60)
    settings = load({**NODE, "link": "slow", "hello-interval": "5"}, {})
    assert settings.hello_interval == 5


def test_a_permit_may_say_as_whom_how_often_and_how_long(tmp_path: Path) -> None:
    text = entry(
        'arguments = [["systemctl", "status", "*"], [], ["ls", "**"]]\nuser = "watch"\n'
        'operators = ["ann", "1000"]\nrate = "10/m"\nlongest = "10m"\n'
        'limits = { memory = "512MiB", processes = 64, files = 256, '
        'cpu = "90s", file-size = "1GB" }'
    )
    (found,) = of_file(tmp_path, text).permits
    assert found.arguments == (("systemctl", "status", "*"), (), ("ls", "**"))
    assert (found.user, found.operators, found.longest) == ("watch", ("ann", "1000"), 600.0)
    assert found.rate is not None
    assert (found.rate.most, found.rate.seconds, str(found.rate)) == (10, 60.0, "10/m")
    bounds = {"memory": 2**29, "processes": 64, "files": 256, "cpu": 90, "file-size": 10**9}
    assert found.limits == bounds


def test_its_own_central_logs_errors_unless_told_otherwise() -> None:
    assert load({"node": "central"}, {}).central_error_logger
    assert not load({"node": "central", "central-error-logger": False}, {}).central_error_logger
    assert not load(NODE, {}).central_error_logger


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('brocker-address = "x"', r"unknown key 'brocker-address' \(did you mean 'broker-address"),
        ("[limit]", r"unknown key 'limit' \(did you mean 'limits'"),
        ("[limits]\nque = 1", r"limits: unknown key 'que' \(did you mean 'queue'"),
        ("[limits]\nqueue = 0", r"limits.queue: 0 is not a whole number"),
        ("limits = 1", r"limits: 1 is not a table"),
        ('hello-interval = "soon"', r"hello-interval: 'soon' is not a duration"),
        ("hello-interval = 0", r"hello-interval: 0 is not a duration above 0"),
        ('default-message-retries = "3"', r"default-message-retries: '3' is not a whole number"),
        ("central = 7", r"central: 7 is not a text"),
        ('central = "a.b"', r"central: 'a.b' is not a node name"),
        ('restored = "true"', r"restored: 'true' is not true or false"),
        ('prom-host-and-port = "2112"', r"prom-host-and-port: '2112' is not an address"),
        ('link = "sloww"', r"link: 'sloww' is not one of lan, slow .*did you mean 'slow'"),
        ('[labels]\n"a b" = "x"', r"labels: .* is not a label"),
        ("[labels]\na = 1", r"labels: .* is not a label"),
        ("[permit]\nfrom = 1", r"permit: is not a list"),
        ('[[permit]]\nfrom = "a"', r"permit\[1\]: methods is missing"),
        ('[[permit]]\nform = "a"', r"permit\[1\]: unknown key 'form' \(did you mean 'from'"),
        ('[[permit]]\nfrom = []\nmethods = "*"', r"permit\[1\].from: .* not a list of texts"),
        (entry("arguments = []"), r"permit\[1\].arguments: \[\] is not a list of patterns"),
        (entry('arguments = ["ls"]'), r"permit\[1\].arguments\[1\]: 'ls' is not a list of globs"),
        (entry('arguments = [["**", "a"]]'), r'permit\[1\].arguments\[1\]: "\*\*" can only be the'),
        (entry('user = "a b"'), r"permit\[1\].user: 'a b' is not a user's name"),
        (entry("operators = [1000]"), r"permit\[1\].operators: \[1000\] is not a list of texts"),
        (entry('rate = "0/m"'), r"permit\[1\].rate: '0/m' is not a rate"),
        (entry('rate = "10/w"'), r"permit\[1\].rate: '10/w' is not a rate"),
        (entry('rate = "10001/d"'), r"permit\[1\].rate: '10001/d' is not a rate"),
        (entry("longest = 0"), r"permit\[1\].longest: 0 is not a duration above 0"),
        (entry("limits = 1"), r"permit\[1\].limits: 1 is not a table"),
        (entry("limits = { memori = 1 }"), r"permit\[1\].limits: .*did you mean 'memory'"),
        (entry('limits = { memory = "x" }'), r"permit\[1\].limits.memory: 'x' is no bound"),
        (entry("limits = { files = true }"), r"permit\[1\].limits.files: True is no bound"),
        ('[groups]\n"a b" = "x"', r"groups: 'a b' is not a group's name"),
        ('config = "x"', r"unknown key 'config'"),
        ("a = = 1", r"not TOML: .*line 1"),
    ],
)
def test_an_error_names_file_key_and_nearest_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"steward.toml: {said}") as error:
        of_file(tmp_path, text)
    assert error.value.exit_status == 2


def test_an_error_names_flag_or_variable() -> None:
    with pytest.raises(ConfigError, match="--hello-interval: 'x' is not a duration"):
        load({**NODE, "hello_interval": "x"}, {})
    with pytest.raises(ConfigError, match="STEWARD_LINK: 'x' is not one of"):
        load(NODE, {"STEWARD_LINK": "x"})
    with pytest.raises(ConfigError, match="did you mean 'STEWARD_BROKER_ADDRESS'"):
        load(NODE, {"STEWARD_BROKER_ADRESS": "x"})
    with pytest.raises(ConfigError, match="no name"):
        load({}, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load({**NODE, "config": "/nowhere"}, {})


def test_variables_of_other_programs_are_none_of_ours() -> None:
    others = {"STEWARD_SERVICE_HOST": "x", "STEWARD_PORT": "tcp://…", "STEWARD_MESSAGE_ID": "x"}
    assert load(NODE, others | {"STEWARD_LINK": ""}).link == "lan"


@given(st.dictionaries(st.sampled_from([key.name for key in FLAGS]), st.text(max_size=30)))
def test_any_text_in_a_flag_is_taken_or_refused_by_name(flags: dict[str, str]) -> None:
    flags.pop("config", None)
    refused = ""
    try:
        load(flags, {})
    except UsageError as error:
        refused = str(error)
    assert not refused or "--" in refused


def test_the_state_folder_of_whoever_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_state_dir({"STEWARD_STATE_DIR": "/x"}) == Path("/x")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_state_dir({}) == Path("/var/lib/steward")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert default_state_dir({"XDG_STATE_HOME": "/s"}) == Path("/s/steward")
    assert default_state_dir({}) == Path.home() / ".local/state/steward"


def test_the_flags_of_the_command_line_are_those_of_the_settings() -> None:
    taken: list[Settings] = []

    @click.command()
    @node_options
    def node(**flags: object) -> None:
        taken.append(load(flags, {}))

    argv = "--node n --label a=b --label c=d --no-central-error-logger --restored --link slow"
    assert CliRunner().invoke(node, argv.split()).exit_code == 0
    assert taken[0].labels == {"a": "b", "c": "d"}
    assert taken[0].given == {"node", "labels", "central_error_logger", "restored", "link"}
    shown = CliRunner().invoke(node, ["--help"]).output
    assert all(f"--{key.name}" in shown for key in FLAGS)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("profiling-port", "9" * 5000),
        ("prom-host-and-port", "a:" + "9" * 5000),
        ("state-dir", "~nobody-is-here/x"),
        ("config", "~nobody-is-here/x"),
        ("config", "a\0b"),
    ],
)
def test_what_no_library_takes_is_refused_by_name(name: str, given: str) -> None:
    with pytest.raises(ConfigError, match=f"--{name}: "):
        load({**NODE, name: given}, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 5000, "not TOML"),
        ("profiling-port = " + "9" * 5000, "not TOML"),
        (f'[limits]\nstore-bytes = "{"9" * 400}GiB"', "is not a size"),
        (f"[limits]\nstore-bytes = {2**63}", "is not a size"),
        ('state-dir = "a\\u0000b"', "is not a path"),
    ],
    ids=["deep", "long number", "endless", "beyond a disk", "zero byte"],
)
def test_what_no_library_takes_from_a_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        of_file(tmp_path, text)


def test_a_home_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="STEWARD_STATE_DIR: "):
        default_state_dir({"STEWARD_STATE_DIR": "~nobody-is-here"})
