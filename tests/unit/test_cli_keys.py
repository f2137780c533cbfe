"""``steward keys`` and ``steward nodes pending|accept|refuse``, against the real control server."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from steward.cli.keys_change import plain
from steward.key_files import TrustFile, keys_folder, new_nkey, read_trust, write_trust
from steward.signing import SigningKey, fingerprint
from steward.subjects import NodeName
from steward.token import Token
from tests.fake_daemon import FakeDaemon
from tests.unit.conftest import Steward

MINE, THEIRS = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
F1, F2 = fingerprint(MINE.public), fingerprint(THEIRS.public)


def waiting(name: str, print_: str, **more: Any) -> dict[str, Any]:
    one: dict[str, Any] = {
        "name": name, "state": "pending", "fingerprint": print_, "conflict": False, "known": "",
        "first": "2026-01-01T00:00:00Z", "last": "2026-01-01T00:00:00Z", "version": "1",
        "machine": "abc", "labels": {},
    }  # fmt: skip
    return one | more


class Office(FakeDaemon):
    """Central, as far as these verbs ask it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.waiting = [waiting("ship1", F1)]

    def do_pending(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"pending": self.waiting}

    def do_accept(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"name": params["name"], "fingerprint": params["fingerprint"], "serial": 1}

    def do_refuse(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"name": params["name"], "fingerprint": params["fingerprint"]}

    def do_revoke(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"name": params["name"], "upto": 1, "told": 1}

    def do_route(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"name": params["name"], "to": params["to"]}

    def do_rotate(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"fingerprint": F2, "note": "soon"}

    def do_token(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"token": "steward-join-1.x.y", "expires": "2036-01-01T00:00:00Z", "fingerprint": F1}

    def do_keys(self, params: dict[str, Any]) -> dict[str, Any]:
        key = {
            "name": "ship1", "state": "accepted", "serial": 1, "since": "2026-01-01T00:00:00Z",
            "until": None, "fingerprint": F2, "to": ["ship2"],
        }  # fmt: skip
        names = params.get("names") or ["ship1"]
        return {"node": "central", "waiting": "", "keys": [key] if "ship1" in names else []}


@pytest.fixture
def office(tmp_path: Path) -> Any:
    with Office(tmp_path) as daemon:
        yield daemon


def test_every_verb_that_needs_a_daemon_says_so(steward: Steward) -> None:
    for argv in (
        *("nodes pending", "nodes accept x", "nodes refuse x", "keys token", "keys revoke x"),
        *("keys rotate", "keys trust a --to b", "keys show ship1"),
    ):
        ran = steward(*argv.split())
        assert (ran.status, ran.out) == (5, ""), argv


def test_pending_marks_a_name_in_use_and_says_what_to_do(office: Office, steward: Steward) -> None:
    ran = steward("nodes", "pending")
    assert (ran.status, F1 in ran.out, ran.err) == (0, True, "")
    office.waiting.append(waiting("ship2", F2, conflict=True, known=F1))
    ran = steward("nodes", "pending")
    [line] = [line for line in ran.out.splitlines() if "ship2" in line]
    assert line.startswith("!")
    assert "--replace" in ran.err
    assert steward("nodes", "pending", "-o", "ids").out.split() == ["ship1", "ship2"]
    office.waiting.clear()
    assert "nobody waits" in steward("nodes", "pending").err


def test_accept_wants_the_fingerprint_compared(office: Office, steward: Steward) -> None:
    ran = steward("nodes", "accept", "ship1")
    assert (ran.status, F1 in ran.err) == (2, True)
    assert steward("nodes", "accept", "ship1", "--fingerprint", F2).status == 7
    assert steward("nodes", "accept", "ship9", "-y").status == 3
    assert not office.asked("accept")
    typed = F1.lower().replace("-", " ")
    ran = steward("nodes", "accept", "ship1", "--fingerprint", typed)
    assert (ran.status, ran.out) == (0, f"accepted: ship1 {F1}\n")
    assert office.asked("accept") == [{"name": "ship1", "fingerprint": F1, "replace": False}]
    assert plain(typed) == plain(F1)


def test_a_key_in_use_is_replaced_only_when_asked(office: Office, steward: Steward) -> None:
    office.waiting = [waiting("ship1", F2, conflict=True, known=F1)]
    for flags in (("-y",), ("--fingerprint", F2)):
        ran = steward("nodes", "accept", "ship1", *flags)
        assert (ran.status, "--replace" in ran.err) == (7, True)
    assert steward("nodes", "accept", "ship1", "--replace", "-y").status == 0
    assert office.asked("accept")[-1]["replace"] is True


def test_of_several_with_one_name_the_fingerprint_chooses(office: Office, steward: Steward) -> None:
    office.waiting = [waiting("ship1", F1), waiting("ship1", F2)]
    assert steward("nodes", "accept", "ship1", "-y").status == 7
    assert steward("nodes", "refuse", "ship1").status == 7
    assert steward("nodes", "refuse", "ship1", "--fingerprint", "AAAA").status == 7
    assert steward("nodes", "refuse", "ship1", "--fingerprint", F2).status == 0
    assert office.asked("refuse") == [{"name": "ship1", "fingerprint": F2}]


def test_a_token_is_printed_or_goes_to_a_file_of_ones_own(
    office: Office, steward: Steward, tmp_path: Path
) -> None:
    ran = steward("keys", "token", "--valid", "2h")
    assert (ran.status, ran.out) == (0, "steward-join-1.x.y\n")
    assert F1 in ran.err
    assert office.asked("token") == [{"valid": 7200.0}]
    file = tmp_path / "token"
    ran = steward("keys", "token", "--to", str(file))
    assert (ran.status, ran.out) == (0, "")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("steward-join-1.x.y\n", 0o600)
    assert steward("keys", "token", "--to", str(file)).status == 2


def test_revoke_rotate_and_routes(office: Office, steward: Steward) -> None:
    assert "1 other node will" in steward("keys", "revoke", "ship1", "--reason", "sold").out
    assert office.asked("revoke") == [{"name": "ship1", "reason": "sold"}]
    assert F2 in steward("keys", "rotate", "--overlap", "0").out
    assert office.asked("rotate") == [{"overlap": 0.0}]
    ran = steward("keys", "trust", "ship1", "--to", "ship2", "--to", "ship3")
    assert "ship2, ship3" in ran.out
    assert office.asked("route") == [{"name": "ship1", "to": ["ship2", "ship3"], "end": False}]
    assert steward("keys", "trust", "ship1", "--end").status == 2


def test_a_key_from_a_file(office: Office, steward: Steward, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"node": "ship1", "key": "no", "broker": "U"}))
    assert steward("keys", "trust", str(file), "-y").status == 2
    file.write_text("[]")
    assert steward("keys", "trust", str(file), "-y").status == 2
    assert steward("keys", "trust", str(tmp_path / "none"), "-y").status == 2


def joinable(**more: Any) -> Token:
    return Token(
        central=NodeName("central"), key=THEIRS.public, brokers=("tls://c:4222",),
        expires=time.time() + 60, joiner=new_nkey().decode(), **more,
    )  # fmt: skip


def test_join_takes_a_token_from_a_file_or_stdin_and_never_from_the_command_line(
    steward: Steward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = joinable(ca="PEM")
    ran = steward("keys", "join", token.text())
    assert (ran.status, token.text() in ran.err) == (2, False)
    assert read_trust(tmp_path) is None
    monkeypatch.setattr("sys.stdin", io.StringIO(token.text()))
    ran = steward("keys", "join", "-", "-o", "json")
    assert (ran.status, json.loads(ran.out)["centralFingerprint"]) == (0, F2)
    trust = read_trust(tmp_path)
    assert trust is not None
    assert (trust.central, trust.key, trust.ca) == ("central", THEIRS.public, "PEM")
    file = tmp_path / "other"
    file.write_text(joinable(serial=1).text())
    assert steward("keys", "join", str(file)).status == 0, "the same central: brought up to date"
    file.write_text(
        Token(
            central=NodeName("central"), key=MINE.public, brokers=("tls://c:4222",),
            expires=time.time() + 60, joiner=new_nkey().decode(),
        ).text()
    )  # fmt: skip
    ran = steward("keys", "join", str(file))
    assert (ran.status, F2 in ran.err) == (7, True)
    for name in ("signing.key", "broker.nk", "trust.json"):
        assert (keys_folder(tmp_path) / name).stat().st_mode & 0o777 == 0o600


def test_show_says_what_is_on_disk_also_without_a_daemon(steward: Steward, tmp_path: Path) -> None:
    ran = steward("keys", "show")
    assert (ran.status, "keys init" in ran.err) == (7, True)
    write_trust(tmp_path, TrustFile(central=NodeName("central"), key=THEIRS.public))
    ran = steward("keys", "show", "-o", "json")
    told = json.loads(ran.out)
    assert (ran.status, told["centralFingerprint"]) == (0, F2)
    seeds = [
        (keys_folder(tmp_path) / name).read_text().strip() for name in ("signing.key", "broker.nk")
    ]
    assert not [seed for seed in seeds if seed in ran.out + ran.err]


def test_show_lists_every_key_that_central_knows(
    office: Office, steward: Steward, tmp_path: Path
) -> None:
    write_trust(tmp_path, TrustFile(central=NodeName("central"), key=THEIRS.public))
    ran = steward("keys", "show")
    assert ran.status == 0
    assert "ship2" in ran.out
    assert steward("keys", "show", "ship1", "-o", "ids").out == f"{F2}\n"
    assert steward("keys", "show", "ship9").status == 3


def test_init_makes_all_that_central_needs_and_overwrites_nothing(
    steward: Steward, tmp_path: Path
) -> None:
    assert steward("keys", "init", "--broker", "nats://c:4222").status == 2
    assert not keys_folder(tmp_path).exists()
    ran = steward("keys", "init", "--broker", "tls://c:4222", "-o", "json")
    assert ran.status == 0
    trust = read_trust(tmp_path)
    assert trust is not None
    assert (trust.brokers, fingerprint(trust.key)) == (
        ("tls://c:4222",),
        json.loads(ran.out)["fingerprint"],
    )
    assert "BEGIN CERTIFICATE" in trust.ca
    assert trust.joiner.startswith("SU")
    ran = steward("keys", "init")
    assert (ran.status, fingerprint(trust.key) in ran.err) == (7, True)
    assert read_trust(tmp_path) == trust
