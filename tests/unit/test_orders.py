"""The runner's own judgement of an order: only what its sender signed for this node, once."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node import accounts
from node.accounts import Power
from node.order_book import OrderBook
from node.runner import Runner
from node.runner_requests import Denial, Refusal
from node.warrants import Start, Warrants
from steward.signing import SigningKey
from tests.orders import Keys

ME = accounts.numbered(os.geteuid())
PERMITS = """
[[permit]]
from = ["central"]
methods = ["ShellCommand"]
arguments = [["uptime"], ["sleep", "*"], ["cat"]]
longest = "10m"
limits = { memory = "64MiB" }

[[permit]]
from = ["ship1"]
methods = ["ShellCommand"]
operators = ["ann"]

[[permit]]
from = ["central"]
methods = ["ShellCommand"]
arguments = [["as", "nobody-here"]]
user = "nobody-here"
"""


class Bench:
    """A judge, and the files that it judges by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = Keys()
        self.keys.write_anchor(folder / "etc", PERMITS)
        self.restart()

    def restart(self) -> None:
        power = Power()
        self.book = OrderBook(str(self.folder / "book"), power)
        self.warrants = Warrants(str(self.folder / "etc"), power, self.book, ME)

    def judge(self, order: Any) -> Start:
        return self.warrants.judge({"order": order, "argv": ["rm"], "env": {"A": "b"}})

    def denies(self, order: Any, why: str) -> None:
        with pytest.raises(Denial, match=why):
            self.judge(order)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_runs_is_what_was_signed_whatever_the_daemon_says(bench: Bench) -> None:
    order = bench.keys.order("sleep", "5", methodTimeout=7.5, operator="ann", operatorUid=3)
    argv, env, seconds, stdin, terms = bench.judge(order)
    assert (argv, seconds, stdin) == (["sleep", "5"], 7.5, b"")
    assert env == accounts.environment(ME) | {
        "STEWARD_MESSAGE_ID": "m-1", "STEWARD_FROM": "central", "STEWARD_NODE": "ship2",
        "STEWARD_OPERATOR": "ann",
    }  # fmt: skip
    assert (terms.account, terms.limits, len(terms.order)) == (ME, {"memory": 64 << 20}, 16)


def test_the_permit_caps_the_time_and_a_node_that_central_certifies_may_too(bench: Bench) -> None:
    assert bench.judge(bench.keys.order("uptime", methodTimeout=86400))[2] == 600
    assert bench.judge(bench.keys.order("uptime"))[2] == 600
    assert bench.judge(bench.keys.order("uptime", methodTimeout=10**400))[2] == 600
    order = bench.keys.order("id", frm="ship1", key=bench.keys.ship1, operator="ann")
    assert bench.judge(order)[2] is None


def test_stdin_is_of_the_order(bench: Bench) -> None:
    assert bench.judge(bench.keys.order("cat", stdin="é\n"))[3] == "é\n".encode()
    assert bench.judge(bench.keys.order("cat", stdinB64="AP8="))[3] == b"\x00\xff"


def test_no_flipped_bit_of_an_order_is_overlooked(bench: Bench) -> None:
    good = bench.keys.order("uptime")
    for name in ("body", "signature"):
        raw = base64.b64decode(good[name])
        for bit in range(len(raw) * 8):
            bad = bytearray(raw)
            bad[bit // 8] ^= 1 << (bit % 8)
            bench.denies(good | {name: base64.b64encode(bad).decode()}, "has signed this order")
    for name in ("from", "to", "subject", "id"):
        for at, letter in enumerate(good[name]):
            for bit in range(7):
                other = chr(ord(letter) ^ 1 << bit)
                word = good[name][:at] + other + good[name][at + 1 :]
                bench.denies(good | {name: word}, "order|command")
    assert bench.judge(good)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda good, keys: good | {"from": "ship1"}, "no key of 'ship1'"),
        (lambda good, keys: good | {"from": "ship9"}, "no key of 'ship9'"),
        (lambda good, keys: good | {"id": "m-2"}, "has signed this order"),
        (lambda good, keys: good | {"signature": ""}, "not signed"),
        (lambda good, keys: {n: v for n, v in good.items() if n != "signature"}, "not signed"),
        (lambda good, keys: None, "not signed"),
        (lambda good, keys: keys.order("uptime", to="ship3"), "is for 'ship3'"),
        (lambda good, keys: keys.order("uptime", subject="ship3.CommandACK.ShellCommand"), "no co"),
        (lambda good, keys: keys.order("uptime", subject="ship2.EventACK.ShellCommand"), "no comm"),
        (lambda good, keys: keys.order("uptime", subject="ship2.CommandACK.Ping"), "no method"),
        (lambda good, keys: keys.order("uptime", id="a\nb"), "no sender and id"),
        (lambda good, keys: keys.order("uptime", key=keys.ship1), "no key of 'central'"),
        (lambda good, keys: keys.order("uptime", key=SigningKey.generate()), "no key of 'central'"),
        (lambda good, keys: keys.order("id", frm="ship1", key=keys.ship1, statements=[]), "ship1"),
        (lambda good, keys: keys.order(), "no program"),
        (lambda good, keys: keys.order("uptime", methodTimeout="5"), "methodTimeout"),
        (lambda good, keys: keys.order("uptime", stdinB64="?"), "stdin"),
        (lambda good, keys: keys.order("reboot"), "not with these arguments"),
        (lambda good, keys: keys.order("id", frm="ship1", key=keys.ship1), "only to ann"),
        (lambda good, keys: keys.order("as", "nobody-here"), "machine does not have"),
    ],
)  # fmt: skip
def test_what_is_not_signed_or_not_permitted_is_denied(
    bench: Bench, change: Callable[[dict[str, Any], Keys], Any], why: str
) -> None:
    bench.denies(change(bench.keys.order("uptime"), bench.keys), why)


def test_an_order_is_carried_out_once_whatever_the_daemon_has_forgotten(bench: Bench) -> None:
    orders = [bench.keys.order("uptime", id=f"m-{i}") for i in range(600)]
    marks = [bench.judge(order)[4].order for order in orders]
    for mark in marks[::2]:
        bench.book.spend(mark)
    bench.restart()
    for i, order in enumerate(orders):
        if i % 2:
            bench.judge(order)
        else:
            bench.denies(order, "has been carried out before")


def test_a_mark_that_the_power_tore_hides_no_other(bench: Bench) -> None:
    mark, other = b"a" * 16, b"a" + b"b" * 15
    bench.book.spend(mark)
    with (bench.folder / "book" / "spent" / "61").open("ab") as file:
        file.write(b"a" * 5)
    assert not bench.book.is_spent(other)
    bench.book.spend(other)
    assert bench.book.is_spent(mark)
    assert bench.book.is_spent(other)


def test_a_revoked_key_stays_revoked_when_nobody_says_so_any_more(bench: Bench) -> None:
    order = bench.keys.order("id", frm="ship1", key=bench.keys.ship1, operator="ann")
    bench.judge(order)
    revoked = bench.keys.revocation("ship1", 1)
    bench.denies(order | {"statements": [*bench.keys.said, revoked]}, "no key of 'ship1'")
    bench.denies(order, "no key of 'ship1'")
    bench.restart()
    bench.denies(order, "no key of 'ship1'")


def test_a_new_key_of_centrals_counts_by_its_old_ones_word(bench: Bench) -> None:
    new, forger = SigningKey.generate(), SigningKey.generate()
    chain = bench.keys.certificate("central", new, 1)
    bench.denies(bench.keys.order("uptime", key=new), "no key of 'central'")
    assert bench.judge(bench.keys.order("uptime", key=new, statements=[chain]))
    forged = bench.keys.certificate("central", forger, 2, by=forger)
    bench.denies(bench.keys.order("uptime", key=forger, statements=[forged]), "no key of 'central'")
    by_ship = bench.keys.certificate("central", forger, 2, by=bench.keys.ship1)
    said = [*bench.keys.said, by_ship]
    bench.denies(bench.keys.order("uptime", key=forger, statements=said), "no key of 'central'")


def test_nothing_is_judged_by_files_that_others_can_write(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("anchor", "node.toml"):
        path = bench.folder / "etc" / name
        path.chmod(0o666)
        bench.restart()
        with pytest.raises(Refusal, match=f"{name}: somebody but root can write it"):
            bench.judge(bench.keys.order("uptime"))
        path.chmod(0o644)
        bench.judge(bench.keys.order("uptime"))
        text = path.read_text()
        path.unlink()
        path.symlink_to(bench.folder / "elsewhere")
        (bench.folder / "elsewhere").write_text(text)
        bench.restart()
        with pytest.raises(Refusal, match=name):
            bench.judge(bench.keys.order("uptime"))
        path.unlink()
        path.write_text(text)
    assert "chmod go-w" in capfd.readouterr().err


def test_permits_are_read_again_and_an_error_in_them_keeps_the_old_ones(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    order, path = bench.keys.order("uptime"), bench.folder / "etc" / "node.toml"
    bench.judge(order)
    path.write_text("[[permit]]\nfrom = 5\n")
    bench.judge(order)
    bench.judge(order)
    said = capfd.readouterr().err
    assert said.count("what it said before holds") == 1
    path.write_text(PERMITS)
    bench.restart()
    path.write_text("[[permit]]\nfrom = 5\n")
    bench.judge(order)
    path.write_text('[[permit]]\nfrom = ["central"]\nmethods = ["Ping"]\n')
    bench.denies(order, "no permit for central names ShellCommand")
    path.write_text("")
    bench.denies(order, "nothing is allowed")


@pytest.mark.parametrize("name", ["anchor", "node.toml"])
def test_when_a_file_is_taken_away_nothing_is_judged_until_it_is_back(
    bench: Bench, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    order, path = bench.keys.order("uptime"), bench.folder / "etc" / name
    bench.judge(order)
    path.rename(bench.folder / "kept")
    for _ in range(2):
        with pytest.raises(Refusal, match=f"{name} is missing: put it back"):
            bench.judge(order)
    path.write_text("broken =")
    with pytest.raises(Refusal, match=f"{name}: "):
        bench.judge(order)
    said = capfd.readouterr().err
    assert (said.count("is missing"), said.count("what it said before")) == (1, 0)
    (bench.folder / "kept").rename(path)
    bench.judge(order)


def test_nothing_is_judged_without_an_anchor(bench: Bench) -> None:
    (bench.folder / "etc" / "anchor").write_text('node = "ship2"\n')
    bench.restart()
    with pytest.raises(Refusal, match="anchor: it needs node, central and key"):
        bench.judge(bench.keys.order("uptime"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("AAAA"),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=5,
)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_request_and_no_signed_body_ends_the_runner(bench: Bench, data: st.DataObject) -> None:
    """Whatever the daemon or a sender says: an answer."""
    names = ("data", "methodTimeout", "operator", "operatorUid", "stdin", "stdinB64", "parallel")
    body: dict[str, Any] = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON)))
    order = bench.keys.order("uptime", **body)
    changed = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(order, JSON)))
    runner = Runner.__new__(Runner)
    runner.stopping = False
    runner.judge = bench.warrants.judge
    runner.children = Started()  # type: ignore[assignment]
    request = {"op": "start", "key": "0" * 32, "order": order | changed}
    answer = runner.answer(json.dumps(request).encode())
    assert answer.keys() & {"started", "error", "refused"}
    assert "started" not in answer or not changed.keys() - {"statements"}


class Started:
    """In the place of the runner's children."""

    pid = 1
    started = 1.0

    def is_claimed(self, _key: str) -> bool:
        return False

    def start(self, *_: object) -> Started:
        return self
