"""The soak's table judges each life of a process that is long enough, and names what grows."""

from tests.soak.report import grown, rows, table
from tests.soak.run import VICTIM, Found, spared
from tests.soak.samples import Sample
from tests.torture.nemesis import Fault


def sample(t: float, process: str, pid: int, rss: float) -> Sample:
    return Sample(t=t, process=process, pid=pid, rss=rss, pss=rss, uss=30.0, fds=20, threads=5)


def life(process: str, pid: int, start: int, end: int, an_hour: float) -> list[Sample]:
    return [sample(t, process, pid, 40 + an_hour * t / 3600) for t in range(start, end, 3)]


def test_only_what_grows_and_is_ours_is_named() -> None:
    found = rows(
        life("central", 1, 0, 1800, 10.0)
        + life("ship1", 2, 0, 1800, 0.5)
        + life("broker", 3, 0, 1800, 50.0)
    )
    assert grown(found) == ["central: rss"]
    told = table(found)
    assert "+10.00 ± 0.00" in told
    assert told.count("grows") == 1


def test_each_life_is_judged_by_itself_and_short_ones_are_not() -> None:
    found = rows(life("ship1", 2, 0, 1000, 0.0) + life("ship1", 5, 1000, 1800, 90.0))
    assert {row.life.pid for row in found} == {2}


def test_kills_are_for_one_ship_alone() -> None:
    plan = [
        Fault(1, "kill", "ship1", 1), Fault(2, "kill", VICTIM, 1), Fault(3, "wipe", VICTIM, 1),
        Fault(4, "runner-kill", "central", 0), Fault(5, "cut", "ship1", 1),
    ]  # fmt: skip
    assert [(fault.what, fault.who) for fault in spared(plan)] == [
        ("kill", VICTIM),
        ("cut", "ship1"),
    ]


def test_a_daemon_that_ended_by_itself_is_not_forgiven() -> None:
    assert Found([], True, 0, {}, []).is_whole
    assert not Found([], True, 0, {}, ["ship1"]).is_whole
    assert not Found([], False, 0, {}, []).is_whole
