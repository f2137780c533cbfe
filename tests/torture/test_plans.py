"""The nemesis and the work: functions of the seed alone, and as varied as they claim to be."""

from collections import Counter
from itertools import combinations

import pytest

from tests.torture import nemesis, work
from tests.torture.town import SHIPS

SEEDS = range(20)


def batches(seed: int, messages: int = 1000) -> list[work.Batch]:
    return work.Work(seed, SHIPS, "act.sh", work.blobs(seed)).batches(messages, 75)


def test_a_seed_gives_the_same_faults_and_the_same_work() -> None:
    assert nemesis.plan(7, 75, SHIPS) == nemesis.plan(7, 75, SHIPS)
    assert nemesis.plan(7, 75, SHIPS) != nemesis.plan(8, 75, SHIPS)
    assert batches(7) == batches(7)
    assert batches(7) != batches(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_come_every_one_to_five_seconds_and_never_meet_in_one_victim(seed: int) -> None:
    faults = nemesis.plan(seed, 120, SHIPS)
    assert all(f.at >= 1 and f.at + f.lasts <= 120 for f in faults)
    assert len(faults) >= 120 / 5
    for one, other in combinations(faults, 2):
        if one.victims & other.victims:
            assert one.at + one.lasts < other.at or other.at + other.lasts < one.at


@pytest.mark.parametrize("seed", SEEDS)
def test_two_minutes_have_every_kind_of_fault_and_one_wiped_ship(seed: int) -> None:
    whats = Counter(fault.what for fault in nemesis.plan(seed, 120, SHIPS))
    assert set(whats) == {*nemesis.MENU, "wipe"}
    assert whats["wipe"] == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_are_unique_and_nobody_writes_to_itself(seed: int) -> None:
    offers = [(batch.sender, offer) for batch in batches(seed) for offer in batch.offers]
    assert len({offer.message["id"] for _, offer in offers}) == 1000
    assert [offer.n for _, offer in offers] == list(range(1, 1001))
    assert all(offer.message["toNode"] != sender for sender, offer in offers)


def test_a_full_run_has_every_way_in_kind_method_and_script() -> None:
    made = batches(1, 10_000)
    messages = [offer.message for batch in made for offer in batch.offers]
    assert {batch.way for batch in made} == set(work.WAYS)
    assert {batch.sender for batch in made} == {"central", *SHIPS}
    assert {m["commandOrEvent"] for m in messages} == {
        "CommandACK", "CommandNACK", "EventACK", "EventNACK",
    }  # fmt: skip
    assert {m["method"] for m in messages} == {"ShellCommand", "TextLogging", "ListProcesses"}
    for field in ("ttl", "methodTimeout", "retries", "parallel"):
        assert sum(field in m for m in messages) > 50
    scripts = Counter(offer.script.split()[0] for batch in made for offer in batch.offers)
    assert set(scripts) == {"start", "print", "fail", "sleep", "log", "list"}
