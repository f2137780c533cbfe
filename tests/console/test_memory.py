"""What an operator wrote is there next time, whatever happens to the file."""

from __future__ import annotations

import fcntl
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.errors import StewardError
from tui import draft, memory
from tui.draft import Draft
from tui.memory import Memory, Sent

texts = st.text(st.characters(codec="utf-8"), max_size=40)
methods = st.sampled_from(list(draft.METHODS))
drafts = st.builds(
    Draft, to=texts, method=methods, text=texts, timeout=texts, ttl=texts, parallel=st.booleans()
)
times = st.floats(0, 1e10)


def opened(file: Path) -> Memory:
    found = Memory(file)
    found.load()
    return found


@given(drafts, st.lists(st.tuples(drafts, times), max_size=8))
def test_what_is_kept_comes_back(
    tmp_path_factory: pytest.TempPathFactory, now: Draft, sent: list[tuple[Draft, float]]
) -> None:
    file = tmp_path_factory.mktemp("memory") / "steward" / "console.json"
    first = Memory(file)
    first.draft = now
    for one, at in sent:
        first.add(one, at)
    first.save()
    again = opened(file)
    assert again.draft == now
    assert again.sent == first.sent
    assert {one.draft for one in again.sent} == {one for one, _ in sent}
    assert [one.at for one in again.sent] == sorted((one.at for one in again.sent), reverse=True)


def test_only_its_owner_may_read_it_and_nothing_else_stays_behind(tmp_path: Path) -> None:
    file = tmp_path / "state" / "console.json"
    found = Memory(file)
    found.add(Draft("ship1", text="uptime"), 1.0)
    found.save()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert sorted(p.name for p in file.parent.iterdir()) == ["console.json", "console.lock"]


def test_two_consoles_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    file = tmp_path / "console.json"
    one, other = Memory(file), Memory(file)
    one.add(Draft("ship1", text="a"), 1.0)
    other.add(Draft("ship2", text="b"), 2.0)
    one.save()
    other.save()
    one.add(Draft("ship3", text="c"), 3.0)
    one.save()
    assert [s.draft.text for s in opened(file).sent] == ["c", "b", "a"]
    assert [s.draft.text for s in one.sent] == ["c", "b", "a"]


def test_two_processes_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom tui.draft import Draft\n"
        "from tui.memory import Memory\n"
        "for n in range(25):\n"
        "    m = Memory(Path(sys.argv[1]))\n"
        "    m.add(Draft('ship', text=f'{sys.argv[2]} {n}'), n)\n"
        "    m.save()\n"
    )
    file = tmp_path / "console.json"
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(file), name]) for name in ("a", "b")
    ]
    assert [one.wait(timeout=60) for one in running] == [0, 0]
    assert len(opened(file).sent) == 50


def test_a_console_that_wrote_nothing_leaves_the_others_draft_alone(tmp_path: Path) -> None:
    file = tmp_path / "console.json"
    idle, busy = opened(file), opened(file)
    busy.draft = Draft("ship1", text="half a com")
    busy.save()
    idle.add(Draft("ship2", text="uptime"), 1.0)
    idle.save()
    assert opened(file).draft == Draft("ship1", text="half a com")


def test_it_is_bounded_and_the_same_message_is_there_once(tmp_path: Path) -> None:
    found = Memory(tmp_path / "console.json")
    for n in range(memory.MOST + 20):
        found.add(Draft("ship1", text=f"echo {n}"), float(n))
    found.add(Draft("ship1", text="echo 100"), 9999.0)
    found.save()
    again = opened(tmp_path / "console.json")
    assert len(again.sent) == memory.MOST
    assert again.sent[0] == Sent(Draft("ship1", text="echo 100"), 9999.0)


def test_what_is_very_long_is_not_kept(tmp_path: Path) -> None:
    found = Memory(tmp_path / "console.json")
    found.add(Draft("ship1", text="x" * (memory.LONGEST + 1)), 1.0)
    assert found.sent == ()
    found.draft = Draft("ship1", text="x" * (memory.LONGEST + 1))
    found.save()
    assert opened(tmp_path / "console.json").draft == Draft()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"sent": 3}', b"\xff\xfe", b"[" * 100_000, b"null"]
)
def test_a_damaged_file_is_said_and_set_aside_when_something_is_written(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "console.json"
    file.write_bytes(content)
    found = Memory(file)
    with pytest.raises(StewardError, match="is damaged"):
        found.load()
    assert found.sent == ()
    found.add(Draft("ship1", text="uptime"), 1.0)
    found.save()
    assert [s.draft.text for s in opened(file).sent] == ["uptime"]
    assert (tmp_path / "console.json.damaged").read_bytes() == content


def test_an_entry_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "console.json"
    good = {"at": 5, "to": "ship1", "text": "uptime", "new": "field of a later version"}
    bad: list[object] = [
        3,
        {"at": "noon", "text": "a"},
        {"at": 1e300, "text": "b"},
        {"at": 10**400, "text": "c"},
        {"at": 1, "text": 7},
        {"at": 1, "method": "Vanished", "text": "rm -rf /"},
        {"at": 1, "method": "Ping", "kind": "CommandACK"},
    ]
    file.write_text(
        json.dumps({"draft": {"method": "Vanished", "text": "x"}, "sent": [*bad, good]})
    )
    found = opened(file)
    assert found.sent == (Sent(Draft("ship1", text="uptime"), 5.0),)
    assert found.draft == Draft()


def test_a_place_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = Memory(tmp_path / "file" / "console.json")
    found.add(Draft("ship1", text="uptime"), 1.0)
    with pytest.raises(StewardError, match="cannot be written"):
        found.save()


def test_a_console_that_keeps_the_file_to_itself_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PATIENCE", 0.05)
    found = Memory(tmp_path / "console.json")
    found.add(Draft("ship1", text="uptime"), 1.0)
    with (tmp_path / "console.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StewardError, match="another console"):
            found.save()
    found.save()
    assert len(opened(tmp_path / "console.json").sent) == 1


def test_without_a_file_nothing_is_written() -> None:
    found = Memory()
    found.add(Draft("ship1", text="uptime"), 1.0)
    found.load()
    found.save()
    assert len(found.sent) == 1


def test_it_lies_with_the_operator(tmp_path: Path) -> None:
    assert memory.folder({"XDG_STATE_HOME": "/srv/state"}) == Path("/srv/state/steward")
    assert memory.folder({"XDG_STATE_HOME": "not/absolute"}) == memory.folder({})
