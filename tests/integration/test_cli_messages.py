"""``steward messages`` and ``submit`` against real nodes: what was asked for, what came of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")


def command(*data: str, to: str = "ship1", **more: Any) -> dict[str, Any]:
    kind = {"commandOrEvent": "CommandACK", "method": "ShellCommand"}
    return {"toNode": to, "data": list(data), **kind, **more}


async def waiting_behind(town: Fleet, to: str = "ship2") -> tuple[str, str]:
    """A command that runs until it is cancelled, and one that waits behind it."""
    first, second = await town.submit(town.shell(to, "sleep 60"), town.shell(to, "true"))
    await town.reaches(first, "running")
    await town.reaches(second, "delivered")
    return first, second


async def test_submit_takes_a_file_and_standard_input_and_prints_the_ids(
    typed: Shell, town: Fleet, tmp_path: Path
) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([command("true"), command("true", to="ship2")]))
    done = await typed("submit", str(file))
    assert (done.status, len(done.words()), done.err) == (0, 2, "")
    text = json.dumps(command("true")) + "\n" + json.dumps([command("true")])
    done = await typed("submit", "-", "-o", "json", stdin=text.encode())
    ids = [one["id"] for one in done.json()["accepted"]]
    assert (done.status, len(ids)) == (0, 2)
    assert {m["state"] for m in await town.ends(ids)} == {"succeeded"}


async def test_submit_judges_element_by_element_and_ends_with_7(typed: Shell) -> None:
    wrong = [
        (command("true"), ""),
        (command(), "data is empty"),
        ({**command("true"), "data": "true"}, "an array of strings"),
        ({**command("true"), "data": ["a", 1]}, "data[1]"),
        ({**command("true"), "method": "ShelCommand"}, "ShellCommand"),
        ({**command("true"), "commandOrEvent": "commandACK"}, "CommandACK"),
        ({**command("true"), "timeOut": 3}, "timeout"),
        ({**command("true"), "timeout": "soon"}, "not a duration"),
        ({**command("true"), "timeout": 0}, "above 0"),
        ({**command("true"), "retries": 1.5}, "a whole number"),
        ({**command("true"), "retries": -1}, "a whole number"),
        ({**command("true"), "parallel": 1}, "true or false"),
        ({**command("true"), "ttl": 1e300}, "not a duration"),
        ({**command("true"), "id": "a b"}, "letters"),
        (command("true", to="ship.1"), "no dot"),
        (command("true", to="ship 1"), "no dot"),
        (command("true", to=">"), "no dot"),
        (command("true", to="x" * 64), "63"),
        ({"toNode": "ship1"}, "commandOrEvent"),
        ("a string", "an object"),
        (None, "an object"),
        (command("\0"), "zero byte"),
    ]
    document = json.dumps([element for element, _ in wrong]).encode()
    done = await typed("submit", "-", "-o", "json", stdin=document)
    told = done.json()
    assert done.status == 7
    assert [one["index"] for one in told["accepted"]] == [0]
    refused = {one["index"]: f"{one['text']} ({one['hint']})" for one in told["refused"]}
    for index, (element, words) in enumerate(wrong):
        if words:
            assert words in refused[index], (element, refused[index])
    assert len(done.err.splitlines()) == len(wrong) - 1


async def test_a_message_of_10_mib_is_refused_with_its_size(typed: Shell) -> None:
    big = json.dumps([command("echo", "x" * (10 << 20)), command("true")]).encode()
    done = await typed("submit", "-", "-o", "json", stdin=big)
    told = done.json()
    assert (done.status, [one["index"] for one in told["accepted"]]) == (7, [1])
    assert "10,485," in told["refused"][0]["text"]
    assert "512" in told["refused"][0]["text"] or "524,288" in told["refused"][0]["text"]


async def test_what_is_not_json_names_its_line_and_submits_nothing(typed: Shell) -> None:
    text = json.dumps(command("true")) + "\n\n{oops"
    done = await typed("submit", "-", stdin=text.encode())
    assert (done.status, done.out) == (7, b"")
    assert "line 3" in done.err
    assert (await typed("submit", "no-such-file")).status == 2
    assert (await typed("submit", "-", stdin=b"[]")).status == 7
    deep = await typed("submit", "-", stdin=b"[" * 100_000)
    assert (deep.status, deep.out) == (7, b"")


async def test_the_same_id_is_one_message_and_other_content_is_refused(
    typed: Shell, town: Fleet
) -> None:
    first = town.command("ship1", id="made-by-me")
    for _ in range(2):
        done = await typed("submit", "-", stdin=json.dumps(first).encode())
        assert (done.status, done.words()) == (0, ["made-by-me"])
    await town.ends(["made-by-me"])
    done = await typed("submit", "-", stdin=json.dumps(first | {"timeout": 7}).encode())
    assert (done.status, done.out) == (7, b"")
    assert "made-by-me was used before" in done.err
    assert town.ran().count("made-by-me") == 1


async def test_a_list_is_filtered_paged_and_printed_in_every_form(
    typed: Shell, town: Fleet
) -> None:
    ids = await town.submit(*(command("sh", "-c", f"exit {n % 2} # listed") for n in range(5)))
    await town.ends(ids)
    newest_first = list(reversed(ids))
    done = await typed("messages", "ls", "--text", "# listed", "-o", "ids")
    assert (done.status, done.words()) == (0, newest_first)
    done = await typed("messages", "ls", "--text", "# listed", "--limit", "2", "-o", "json")
    assert [m["id"] for m in done.json()] == newest_first[:2]
    done = await typed("messages", "ls", "--problems", "--text", "# listed", "-o", "jsonl")
    assert [m["id"] for m in done.jsonl()] == [ids[3], ids[1]]
    job = done.jsonl()[0]["job"]
    done = await typed("messages", "ls", "--job", job, "--sort", "accepted", "-o", "ids")
    assert done.words() == ids
    done = await typed("messages", "ls", "--job", job, "--state", "failed", "--node", "ship1")
    assert len(done.out.splitlines()) == 3
    assert "failed (exit 1)" in done.out.decode()
    assert (await typed("messages", "ls", "--job", "none", "-o", "json")).json() == []
    assert (await typed("messages", "ls", "--state", "lost")).status == 2
    hidden = await typed("messages", "ls", "--method", "Cancel", "--limit", "1")
    assert hidden.status == 0


async def test_show_tells_every_step(typed: Shell, town: Fleet) -> None:
    [id] = await town.submit(command("sh", "-c", "echo out; echo err >&2; exit 3"))
    await town.ends([id])
    done = await typed("messages", "show", id)
    text = done.out.decode()
    assert done.status == 0
    for word in (id, "failed (exit 3)", "accepted", "sent", "delivered", "ended", "stdout", "err"):
        assert word in text
    message = (await typed("messages", "show", id, "-o", "json")).json()
    assert message["result"]["stdoutSha256"] == hashlib.sha256(b"out\n").hexdigest()
    assert all(message["times"][step].endswith("Z") for step in ("accepted", "sent", "ended"))
    assert (await typed("messages", "show", "no-such-id")).status == 3


async def test_cancel_ends_what_runs_and_what_waits_and_refuses_what_is_over(
    typed: Shell, town: Fleet
) -> None:
    first, second = await waiting_behind(town)
    shown = (await typed("messages", "show", second, "-o", "json")).json()
    assert shown["behind"] == first
    assert f"behind {first}" in (await typed("messages", "ls", "--limit", "2")).out.decode()
    done = await typed("messages", "cancel", second, first)
    assert done.status == 0
    states = [m["state"] for m in await town.ends([first, second])]
    assert states == ["cancelled", "cancelled"]
    done = await typed("messages", "cancel", first)
    assert done.status == 0, "it is cancelled already"
    [over] = await town.submit(command("true"))
    await town.ends([over])
    done = await typed("messages", "cancel", over)
    assert (done.status, "has ended" in done.out.decode()) == (7, True)
    assert (await typed("messages", "cancel", "no-such-id")).status == 3


async def test_retry_makes_a_new_message_that_names_the_old(typed: Shell, town: Fleet) -> None:
    [id] = await town.submit(town.command("ship1", after="; exit 4", timeout=7, retries=2))
    await town.ends([id])
    done = await typed("messages", "retry", id, "-o", "ids")
    [new] = done.words()
    [message] = await town.ends([new])
    assert (done.status, message["retryOf"], message["state"]) == (0, id, "failed")
    assert (message["timeout"], message["retries"]) == (7, 2)
    assert [one for one in town.ran() if one in (id, new)] == [id, new]
    done = await typed("messages", "retry", "-", "-o", "ids", stdin=f"{id}\n{new}\n".encode())
    assert (done.status, len(done.words())) == (0, 2)


async def test_two_megabytes_of_binary_output_are_pulled_byte_for_byte(
    typed: Shell, town: Fleet, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 8192 + b"end"
    (tmp_path / "data").write_bytes(data)
    [id] = await town.submit(town.shell("ship1", f"cat {tmp_path}/data; printf err >&2"))
    [message] = await town.ends([id])
    assert message["result"]["stdoutSha256"] == hashlib.sha256(data).hexdigest()
    assert message["result"]["stdoutCut"] > 2_000_000
    done = await typed("messages", "output", id)
    assert done == (0, data, "err")
    done = await typed("messages", "output", id, "--stream", "stderr")
    assert done == (0, b"err", "")
    saved = tmp_path / "saved"
    (tmp_path / "saved.part").write_bytes(data[:1_000_000])
    done = await typed("messages", "output", id, "--to", str(saved))
    assert (done.status, saved.read_bytes() == data) == (0, True)
    assert "going on from there" in done.err
    assert (await typed("messages", "output", "no-such-id")).status == 3


async def test_the_journal_is_replayed_as_new_messages(
    typed: Shell, town: Fleet, tmp_path: Path, wait_for: WaitFor
) -> None:
    ids = await town.submit(town.command("ship1"), town.command("ship2", ttl=60))
    await town.ends(ids)
    mine: list[str] = []

    def journaled() -> bool:
        lines = (typed.state_dir / "messages.jsonl").read_text().splitlines()
        mine[:] = [line for line in lines if json.loads(line)["id"] in ids]
        return len(mine) == 4

    await wait_for(journaled)
    assert [json.loads(line)["event"] for line in mine if ids[0] in line] == ["accepted", "final"]
    (tmp_path / "some.jsonl").write_text("\n".join(mine))
    done = await typed("messages", "replay", str(tmp_path / "some.jsonl"))
    new = done.words()
    assert (done.status, len(new), set(new) & set(ids)) == (0, 2, set())
    ended = await town.ends(new)
    assert [(m["state"], m["toNode"], m["ttl"]) for m in ended] == [
        ("succeeded", "ship1", 0),
        ("succeeded", "ship2", 60),
    ]
    assert set(new) <= set(town.ran())


async def test_many_large_outputs_are_listed_page_by_page(typed: Shell, town: Fleet) -> None:
    """Together they are longer than a line of the control socket may be."""
    large = town.shell("ship1", "head -c 64000 /dev/zero # large", parallel=True)
    job = await town.submit(*[large] * 200)
    await town.ends(job, 60)
    done = await typed("messages", "ls", "--text", "# large", "--limit", "500", "-o", "json")
    assert (done.status, [m["id"] for m in done.json()]) == (0, list(reversed(job)))
    assert {m["result"]["stdout"] for m in done.json()} == {"\0" * 64000}
    told: list[str] = []
    while len(told) < len(job):
        answer = await town.ask("wait", ids=[id for id in job if id not in told], timeout=5)
        told += [m["id"] for m in answer["done"]]
        assert set(answer["pending"]) == set(job) - set(told)


async def test_a_link_that_somebody_has_planted_is_not_followed(
    typed: Shell, tmp_path: Path
) -> None:
    id = (await typed("send", "ship1", "--detach", "--", "echo", "x")).out.decode().strip()
    await typed("messages", "follow", id)
    saved, precious = tmp_path / "saved", tmp_path / "precious"
    precious.write_text("mine")
    saved.with_name("saved.part").symlink_to(precious)
    done = await typed("messages", "output", id, "--to", str(saved))
    assert (done.status, "cannot be written" in done.err) == (2, True)
    assert precious.read_text() == "mine"
