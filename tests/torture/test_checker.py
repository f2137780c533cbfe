"""A checker that cannot fail is worth nothing: every kind of violation, and what explains some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.checker import Verdict, judge
from tests.torture.checker import verdicts as v
from tests.torture.histories import BLOB, History, ran
from tests.torture.wrongs import VIOLATIONS, Wrong, started_late


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Nothing is wrong with it; and yet there is something of everything in it."""
    told = History(tmp_path / "lab")
    told.command("first", 1.0)
    told.command("prints", 2.0, script="print 1k", out=b"prints\n" + BLOB)
    told.command("fails", 3.0, script="fail 3", exit=3, state="failed")
    told.command("beside", 4.0, parallel=True, way="file")
    told.command("soon", 5.0, ttl=5.0)
    told.tell("late", 6.0, ttl=2.0, state="expired", delivered=None, ended=8.0)
    told.tell("never", 7.0, state="cancelled", delivered=None)
    told.cancel("never", 7.2)
    told.command("long", 8.0, script="sleep 30", limit=1.0, state="timed_out", expect=None)
    told.event("one", 9.0)
    told.event("two", 10.0)
    told.event("loose", 11.0, kind="EventNACK", state="published", delivered=None)
    told.tell("shy", 12.0, to="ship2", kind="EventACK", method="TextLogging", refusable=True,
              state="refused", delivered=None)  # fmt: skip
    told.command("home", 13.0, frm="ship1", to="central", life="ship1")
    told.tell("tired", 14.0, to="ship2", retries=2, state="undelivered", delivered=None)
    told.command("last", 15.0)
    told.fault("cut", "ship1", 30.0, 31.0)
    told.fault("kill", "ship2", 32.0, 33.0)
    told.command("after", 30.5, delivered=31.2, outcome=ran(31.3), ended=31.5)
    told.fault("quiet", "all", 40.0, 41.0)
    told.pull("prints", b"prints\n" + BLOB)
    told.add("pulse", 35.0, node="ship1", life=1, attempts=9, duplicates=3, reconnects=1)
    told.add("pulse", 36.0, node="ship1", life=1, attempts=11, duplicates=4, reconnects=1)
    told.add("pulse", 39.0, node="ship1", life=2, attempts=5, duplicates=0, reconnects=0)
    return told


def found(verdict: Verdict, *, explained: bool) -> set[tuple[str, str]]:
    return {(f.kind, f.id) for f in verdict.findings if bool(f.explained) is explained}


def test_a_clean_history_is_good(history: History) -> None:
    verdict = judge(history.write())
    assert not verdict.findings
    assert "GOOD: no violation" in verdict.table()


def test_it_counts_what_there_is(history: History) -> None:
    figures = judge(history.write()).figures
    assert (figures.offered, figures.accepted, figures.unclear) == (16, 16, 0)
    assert (figures.starts, figures.text_lines) == (9, 3)
    assert (figures.attempts, figures.duplicates, figures.reconnects) == (16, 4, 1)
    assert figures.heal_samples == 1
    assert figures.heal_p50 == pytest.approx(0.2, abs=0.001)
    assert figures.drain == 0.0


@pytest.mark.parametrize("wrong", VIOLATIONS, ids=lambda w: w[0].__name__)
def test_it_catches(history: History, wrong: tuple[Wrong, str, str]) -> None:
    do, kind, id = wrong
    do(history)
    assert (kind, id) in found(judge(history.write()), explained=False)


def test_a_violation_comes_with_its_story(history: History) -> None:
    history.entries.append(("ship1", "last", 31.5, "start"))
    table = judge(history.write()).table()
    for part in ("offer    15.000", "sender   central", "journal  central", "outcome ", "run "):
        assert part in table
    assert "ledger   ship1, line 11: start 31.500" in table
    assert "fault    cut of ship1 at 30.000 until 31.000" in table


def test_the_command_line_fails_where_a_promise_was_broken(history: History) -> None:
    history.entries.append(("ship1", "last", 31.5, "start"))
    check = [sys.executable, "-m", "tests.torture.checker", str(history.write())]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "I2 twice: last" in run.stdout


def test_it_shares_no_code_with_what_it_judges() -> None:
    look = "import sys, tests.torture.checker; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in run.stdout.split()}
    assert not roots & {"steward", "node", "tui", "msgspec", "nats"}
    assert "tests.property" not in run.stdout.split()


# -------------------------------------------------------------------- what is explained


def explains(history: History, kind: str, id: str) -> None:
    verdict = judge(history.write())
    assert found(verdict, explained=False) == set()
    assert (kind, id) in found(verdict, explained=True)


def test_a_runner_killed_meanwhile_explains_interrupted(history: History) -> None:
    history.change("last", state="interrupted", outcome=ran(15.3, None), ended=16.5)
    history.fault("runner-kill", "ship1", 15.35, 15.35)
    explains(history, v.INTERRUPTED, "last")


def test_a_runner_killed_before_the_first_line_explains_interrupted(history: History) -> None:
    history.unstarted("last")
    history.change("last", state="interrupted", outcome=None, ended=16.5)
    history.fault("runner-kill", "ship1", 15.35, 15.35)
    explains(history, v.INTERRUPTED, "last")


def test_a_wipe_explains_unknown(history: History) -> None:
    history.change("last", state="unknown", outcome=None, ended=23.0)
    history.wipe("ship1", 20.0)
    explains(history, v.UNKNOWN, "last")


def test_a_sender_that_did_not_know_of_the_wipe_explains_unknown(history: History) -> None:
    history.wipe("ship1", 14.0)
    history.unstarted("last")
    history.change("last", state="unknown", outcome=None, ended=17.0)
    explains(history, v.UNKNOWN, "last")


def test_an_output_goes_with_its_node(history: History) -> None:
    history.wipe("ship1", 20.0)
    history.pull("prints", b"", status=4)
    explains(history, v.DIGEST, "prints")


def test_an_event_may_be_told_again_to_a_new_store(history: History) -> None:
    history.texts[history.wipe("ship1", 20.0), "central"] = ["one", "two"]
    history.texts["ship1", "central"] = ["two", "loose"]
    verdict = judge(history.write())
    assert not verdict.findings
    assert verdict.figures.told_again == 1


def test_what_a_lost_sender_had_not_ended_is_lost_with_it(history: History) -> None:
    life = history.wipe("ship1", 20.0)
    history.change("home", life=life, state="delivered", confirmed=False, outcome=None)
    explains(history, v.LOST, "home")


def test_a_file_that_was_not_read_before_the_wipe_promised_nothing(history: History) -> None:
    life = history.wipe("ship1", 20.0)
    history.change("home", life="", way="file")
    history.unstarted("home")
    folder = history.write()
    (folder / life / "inmsg.txt").write_text('[{"id": "home"}]')
    verdict = judge(folder)
    assert found(verdict, explained=True) == {(v.LOST, "home")}
    assert not verdict.violations


def test_an_id_given_to_a_new_store_of_its_sender_may_run_again(history: History) -> None:
    life = history.wipe("ship1", 20.0)
    history.copies.append((life, "home"))
    history.entries.append(("central", "home", 25.0, "start"))
    explains(history, v.TWICE, "home")


def test_a_clock_that_jumped_since_explains_a_late_start(history: History) -> None:
    started_late(history)
    history.fault("clock", "ship1", 6.0, 12.0, "-3600.0")
    explains(history, v.EXPIRY, "soon")


@pytest.mark.parametrize(("who", "by"), [("central", "3600.0"), ("ship1", "-3600.0")])
def test_a_clock_that_was_wrong_before_explains_an_early_end(
    history: History, who: str, by: str
) -> None:
    history.change("late", ttl=7.0)
    history.fault("clock", who, 1.5, 2.5, by)
    explains(history, v.END, "late")


@pytest.mark.parametrize(("who", "by"), [("central", "-3600.0"), ("ship1", "3600.0")])
def test_a_clock_that_is_right_again_and_was_not_ahead_explains_no_early_end(
    history: History, who: str, by: str
) -> None:
    history.change("late", ttl=7.0)
    history.fault("clock", who, 1.5, 2.5, by)
    assert found(judge(history.write()), explained=False) == {(v.END, "late")}


def test_a_daemon_that_stood_still_is_not_to_blame_for_a_late_start(history: History) -> None:
    started_late(history)
    history.fault("stop", "ship1", 9.0, 15.0)
    assert not judge(history.write()).findings


def test_parallel_ones_start_in_any_order(history: History) -> None:
    history.entries.sort(key=lambda entry: entry[1] != "beside")
    assert not judge(history.write()).findings


def test_two_nodes_wait_in_no_order(history: History) -> None:
    history.entries.sort(key=lambda entry: entry[1] != "home")
    assert not judge(history.write()).findings


def test_an_answer_that_never_came_promises_nothing(history: History) -> None:
    history.unstarted("last")
    history.change("last", answers=(None,), life="")
    verdict = judge(history.write())
    assert not verdict.findings
    assert verdict.figures.unclear == 1


def test_unknown_may_be_replaced_by_proof_once(history: History) -> None:
    history.change("last", finals=["unknown", "succeeded"])
    assert not judge(history.write()).findings


def test_a_link_lost_while_it_is_published_changes_the_end_of_a_notice(history: History) -> None:
    history.change("loose", state="undelivered", finals=["published", "undelivered"])
    history.texts["ship1", "central"].remove("loose")
    history.fault("reset", "central", 10.9, 10.9)
    explains(history, v.RECORD, "loose")


def test_a_notice_that_ends_twice_while_its_link_is_whole_is_caught(history: History) -> None:
    history.change("loose", state="undelivered", finals=["published", "undelivered"])
    history.texts["ship1", "central"].remove("loose")
    assert found(judge(history.write()), explained=False) == {(v.RECORD, "loose")}


def test_a_command_that_outlives_its_limit_is_caught(history: History) -> None:
    history.entries = [entry for entry in history.entries if entry[1:4:2] != ("long", "end")]
    history.entries.append(("ship1", "long", 38.3, "end"))
    history.change("long", state="succeeded", outcome=ran(8.3), ended=38.6)
    assert found(judge(history.write()), explained=False) == {(v.END, "long")}


def test_a_wait_under_faults_is_not_held_against_others(history: History) -> None:
    history.change("last", delivered=115.0, ended=115.5)
    history.fault("blackhole", "ship1", 20.0, 80.0)
    assert not judge(history.write()).findings


def test_a_wait_of_minutes_is_not_excused_by_short_faults(history: History) -> None:
    history.change("last", delivered=115.0, ended=115.5)
    for t in (40.0, 60.0, 80.0, 100.0):
        history.fault("cut", "ship1", t, t + 1.0)
    assert (v.WAITED, "last") in found(judge(history.write()), explained=False)


def test_a_limit_may_be_over_before_the_first_line(history: History) -> None:
    history.unstarted("long")
    explains(history, v.LOST, "long")


def test_a_cancelled_command_may_have_run(history: History) -> None:
    history.change("long", state="cancelled")
    history.cancel("long", 8.5)
    assert not judge(history.write()).findings


def test_a_long_output_is_cut_in_its_result_alone(history: History) -> None:
    """The middle of it is on the node only."""
    outcome = dict(history.told["prints"].outcome or {})
    del outcome["result"]["stdoutB64"]
    data = b"prints\n" + BLOB * 200
    whole = ran(2.3, out=data)["result"]
    cut = {"stdoutCut": len(data) - 7, "stdout": "prints\n", "stdoutSize": len(data)}
    outcome["result"] |= cut | {"stdoutSha256": whole["stdoutSha256"]}
    expect = {k: outcome["result"][k] for k in ("stdoutSize", "stdoutSha256")} | {"exit": 0}
    history.change("prints", outcome=outcome, expect=expect, script="print 200k")
    history.blobs["200k"] = BLOB * 200
    history.kept["ship1", "prints"] = data
    history.pull("prints", data)
    assert not judge(history.write()).findings
