"""What the benchmarks make of what they have measured: parts of a profile, counts, growth."""

from tests.bench.costs import Cost
from tests.bench.parts import Line, by_function, by_part, by_thread, part, since
from tests.bench.promises import judged
from tests.bench.scale import grown

SITE = "/x/lib/python3.11/site-packages"


def test_a_function_belongs_to_the_part_of_its_file() -> None:
    assert part("/repo/steward/outbox_intake.py:Intake.submit") == "the outbox"
    assert part("/repo/steward/handoff/sender.py:Sender.pump") == "the handoff's decisions"
    assert part("/repo/steward/control/connection.py:Connection.run") == "the control socket"
    assert part(f"{SITE}/nats/aio/client.py:Client.publish") == "the broker's client"
    assert part("/x/lib/python3.11/asyncio/events.py:Handle._run") == "the loop"
    assert part("<string>:<lambda>") == "the rest"


BEFORE: list[Line] = [("Main", "/r/steward/frames.py:decode", 10, 1.0)]
AFTER: list[Line] = [
    ("Main", "/r/steward/frames.py:decode", 30, 1.5),
    ("Writer", "/r/steward/store.py:Store.write", 20, 0.2),
    ("Writer", "/r/steward/frames.py:decode", 20, 0.1),
]


def test_a_profile_is_what_came_since_it_began() -> None:
    came = since(AFTER, BEFORE)
    assert [(t.name, round(t.micros)) for t in by_part(came, 10)] == [
        ("frames", 60_000),
        ("commits", 20_000),
    ]
    [first, _] = by_function(came, 10, 2)
    assert (first.name, first.calls) == ("steward/frames.py:decode", 4.0)
    assert {key: round(value) for key, value in by_thread(came, 10).items()} == {
        "Main": 50_000,
        "Writer": 30_000,
    }


def test_a_cost_is_what_came_since() -> None:
    before = Cost(1.0, 2.0, 0.5, 10, 1, {"commits": 5.0})
    after = Cost(1.5, 2.25, 0.5, 15, 4, {"commits": 8.0, "frames": 1.0})
    came = after.since(before)
    assert (came.cpu, came.waits, came.forced) == (0.75, 5, 3)
    assert came.counts == {"commits": 3.0, "frames": 1.0}


def values(ran: list[int], count: int) -> list[float]:
    return [figure.value for figure in judged("x", ran, count)]


def test_a_ledger_shows_what_was_lost_ran_twice_or_out_of_order() -> None:
    assert values([0, 1, 2, 3], 4) == [0, 0, 0]
    assert values([0, 1, 3], 4) == [1, 0, 0]
    assert values([0, 1, 2, 1, 3], 4) == [0, 1, 0]
    assert values([0, 2, 1, 3], 4) == [0, 0, 1]
    assert [figure.verdict for figure in judged("x", [0, 2, 1], 4)] == ["short", "met", "short"]


def test_growth_is_the_ratio_to_the_smallest_size() -> None:
    first, flat, steep = grown(
        {"10 nodes": {"send": (2.0, "ms")}, "100 nodes": {"send": (3.0, "ms")}}
        | {"1,000 nodes": {"send": (5.0, "ms")}}
    )
    assert (first.name, first.ratio, first.verdict) == ("send, 10 nodes", None, "")
    assert (flat.ratio, flat.verdict) == (1.5, "met")
    assert (steep.ratio, steep.verdict) == (2.5, "short")
