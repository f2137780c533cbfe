"""``steward jobs`` and ``steward nodes ping`` against real nodes."""

from __future__ import annotations

import pytest

from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_job_shows_who_answered_alike_the_most_first(typed: Shell, town: Fleet) -> None:
    script = 'test "$STEWARD_NODE" != ship2 || exit 3; echo fine'
    done = await typed("send", "central,ship1,ship2", "-o", "jsonl", "--", "sh", "-c", script)
    assert done.status == 1
    [job] = {message["job"] for message in done.jsonl()}
    listed = (await typed("jobs", "ls", "--limit", "1", "-o", "json")).json()
    assert [one["job"] for one in listed] == [job]
    assert (listed[0]["messages"], listed[0]["nodes"], listed[0]["open"]) == (3, 3, 0)
    assert listed[0]["states"] == {"succeeded": 2, "failed": 1}
    assert listed[0]["ended"] is not None
    shown = (await typed("jobs", "show", job, "-o", "json")).json()
    first, second = shown["groups"]
    assert (first["state"], sorted(first["nodes"]), first["stdoutSize"]) == (
        "succeeded", ["central", "ship1"], 5,
    )  # fmt: skip
    assert (second["state"], second["nodes"], second["exitCode"]) == ("failed", ["ship2"], 3)
    done = await typed("jobs", "show", job)
    lines = done.out.decode().splitlines()
    assert "2 × succeeded" in lines
    assert "  fine" in lines
    assert "1 × failed (exit 3)" in lines
    assert lines.index("2 × succeeded") < lines.index("1 × failed (exit 3)")


async def test_lists_of_jobs_page_search_and_know_what_there_is_not(
    typed: Shell, town: Fleet
) -> None:
    for word in ("alpha", "beta"):
        await town.submit(*(town.shell("ship1", f"echo {word}") for _ in range(2)))
    both = (await typed("jobs", "ls", "-o", "ids")).words()
    assert len(both) >= 2
    [alpha] = (await typed("jobs", "ls", "--text", "ALPHA", "-o", "json")).json()
    assert alpha["data"] == ["sh", "-c", "echo alpha"]
    assert "echo alpha" in (await typed("jobs", "ls")).out.decode()
    done = await typed("jobs", "ls", "--limit", "1")
    assert "more: --cursor" in done.err
    cursor = done.err.split("--cursor ")[1].split(",")[0]
    after = (await typed("jobs", "ls", "--cursor", cursor, "--limit", "1", "-o", "ids")).words()
    assert after == both[1:2]
    assert (await typed("jobs", "show", "nobody")).status == 3
    assert (await typed("jobs", "ls", "--cursor", "x")).status == 2


async def test_who_can_be_reached_answers_a_ping(typed: Shell, town: Fleet) -> None:
    done = await typed("nodes", "ping", "central", "ship*", "-o", "json")
    assert done.status == 0
    told = {line["node"]: line for line in done.json()}
    assert {"central", "ship1", "ship2"} <= told.keys()
    for line in told.values():
        assert line["state"] == "answered"
        assert 0 <= line["roundTrip"] < 10
    done = await typed("nodes", "ping", "ship1")
    assert (done.status, " ms" in done.out.decode()) == (0, True)
    listed = (await typed("messages", "ls", "--node", "ship1", "-o", "json")).json()
    assert "Ping" not in {message["method"] for message in listed}
    assert (await typed("messages", "ls", "--method", "Ping", "-o", "ids")).words()


async def test_who_cannot_be_reached_leaves_nothing_waiting_and_no_error(
    typed: Shell, town: Fleet
) -> None:
    before = (await town.ask("status"))["newErrors"]
    done = await typed("nodes", "ping", "ship1,nobody", "--wait", "0.5", "-o", "json")
    assert done.status == 4
    answered, silent = done.json()
    assert (answered["state"], silent["state"]) == ("answered", "no answer")
    assert silent["roundTrip"] is None
    assert "never seen" in silent["reason"]
    await town.submit({
        "toNode": "nobody", "data": [], "commandOrEvent": "EventACK", "method": "Ping",
        "timeout": 0.1, "retries": 1, "id": "ping-with-attempts",
    })  # fmt: skip
    await town.reaches("ping-with-attempts", "undelivered")
    open_ones = {"node": ["nobody"], "all": True, "state": ["queued", "sent"]}
    assert (await town.ask("messages", **open_ones))["messages"] == []
    # An error that comes after it would have come after its own, too.
    await town.submit(town.command("nobody", timeout=0.1, retries=1, id="a-real-error"))
    await town.error_about("a-real-error")
    errors = (await town.ask("errors"))["errors"]
    assert not [e for e in errors if "ping-with-attempts" in e["messageIds"]]
    assert (await town.ask("status"))["newErrors"] == before + 1


async def test_a_held_node_is_not_asked(typed: Shell, town: Fleet) -> None:
    await typed("nodes", "hold", "ship2")
    try:
        done = await typed("nodes", "ping", "ship1,ship2", "--wait", "5", "-o", "json")
    finally:
        await typed("nodes", "release", "ship2")
    assert done.status == 4
    answered, held = done.json()
    assert (answered["state"], held["state"]) == ("answered", "held")
    assert "release ship2" in held["reason"]
    assert (await typed("nodes", "ping", "ship1", "--wait", "0")).status == 2
    assert (await typed("nodes", "ping", "boat*")).status == 3


async def test_errors_are_listed_by_several_levels(typed: Shell, town: Fleet) -> None:
    await town.submit(town.command("nobody", timeout=0.1, retries=1, id="for-levels"))
    await town.error_about("for-levels")
    with (typed.state_dir / "inmsg.txt").open("a") as file:
        file.write('[{"toNode": "wrong"}]\n')
    await town.error_about("invalid_message")
    both = await typed("errors", "ls", "--level", "error", "--level", "warning", "-o", "json")
    assert {e["level"] for e in both.json()} == {"error", "warning"}
    one = (await town.ask("errors", level="warning"))["errors"]
    assert {e["level"] for e in one} == {"warning"}
    assert (await town.ask("errors", level=["critical"]))["errors"] == []
    last = one[0]["n"]
    assert (await town.ask("errors", after=last))["errors"] == [
        e for e in (await town.ask("errors"))["errors"] if e["n"] > last
    ]
