"""What a node's silence says of it."""

from node.roster import Presence, Sighting, is_second_machine, judge
from steward.handoff.state import Now
from steward.records import Speaker as Identity


def at(steady: float) -> Now:
    return Now(wall=1e9, steady=steady)


def seen(steady: float | None, **more: bool) -> Sighting:
    goodbye, conflict = more.get("goodbye", False), more.get("conflict", False)
    return Sighting(steady, 15.0, goodbye=goodbye, conflict=conflict)


def test_a_node_that_speaks_is_online_then_stale_then_offline() -> None:
    states = [judge(seen(100.0), 0.0, at(t)) for t in (101, 130, 131, 160, 161)]
    assert states == [
        Presence.ONLINE, Presence.ONLINE, Presence.STALE, Presence.STALE, Presence.OFFLINE,
    ]  # fmt: skip


def test_a_goodbye_is_believed_at_once() -> None:
    assert judge(seen(100.0, goodbye=True), 0.0, at(100.1)) is Presence.OFFLINE


def test_silence_while_our_own_link_is_down_is_not_the_nodes_fault() -> None:
    assert judge(seen(100.0), None, at(5000)) is Presence.UNHEARD


def test_after_our_link_is_back_a_node_gets_its_time_before_it_is_offline() -> None:
    assert judge(seen(100.0), 5000.0, at(5010)) is Presence.UNHEARD
    assert judge(seen(100.0), 5000.0, at(5061)) is Presence.OFFLINE
    assert judge(seen(5011.0), 5000.0, at(5012)) is Presence.ONLINE


def test_a_name_that_was_never_heard_goes_offline_once_we_have_listened_long_enough() -> None:
    assert judge(seen(None), 0.0, at(30)) is Presence.UNHEARD
    assert judge(seen(None), 0.0, at(61)) is Presence.OFFLINE


def test_a_conflict_outranks_everything() -> None:
    assert judge(seen(100.0, conflict=True), None, at(100)) is Presence.CONFLICT


def test_a_replaced_store_is_no_second_machine_until_it_speaks_again() -> None:
    a, b = Identity("a", "m1"), Identity("b", "m2")
    assert not is_second_machine([], a)
    assert not is_second_machine([a], b)
    assert not is_second_machine([a, b], b)
    assert is_second_machine([a, b], a)
