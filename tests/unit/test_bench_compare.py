"""Two runs of the benchmarks compared: the machine's speed cancels, noise is not a change."""

from pathlib import Path

import pytest

from tests.bench.compare import NOISE, NOISE_BARE, compare, read, summary, table
from tests.bench.table import Figure, Goal


def rate(value: float, limit: float | None = 1000.0) -> Figure:
    return Figure(
        name="events", value=value, unit="/s", limit=limit, of="/s", goal=Goal(at_least=1)
    )


def time(value: float, limit: float | None = 2.0) -> Figure:
    return Figure(name="one command", value=value, unit="ms", limit=limit, of="ms")


@pytest.mark.parametrize(
    ("base", "new", "verdict"),
    [
        (rate(500), rate(250, limit=500), "same"),  # a machine half as fast
        (rate(500), rate(500 * (1 + NOISE) - 1), "same"),
        (rate(500), rate(500 * (1 + NOISE) + 1), "better"),
        (rate(500), rate(500 / (1 + NOISE) - 1), "worse"),
        (time(6), time(8), "worse"),
        (time(6), time(4), "better"),
        (time(6, limit=None), time(6 * (1 + NOISE_BARE) - 0.1, limit=None), "same"),
        (time(6, limit=None), time(6 * (1 + NOISE_BARE) + 0.1, limit=None), "worse"),
        (time(6), time(6.5, limit=None), "same"),  # one of them has no limit: as they are
        (time(0), time(0), "same"),
        (time(0), time(3), "worse"),  # where nothing was lost, three are
        (time(3), time(0), "better"),
    ],
)
def test_a_change_is_what_exceeds_the_noise(base: Figure, new: Figure, verdict: str) -> None:
    [change] = compare([base], [new])
    assert change.verdict() == verdict


def test_a_bound_that_is_asked_for_holds_for_all() -> None:
    [change] = compare([rate(500)], [rate(520)])
    assert (change.verdict(), change.verdict(noise=0.01)) == ("same", "better")


def test_what_is_new_or_gone_is_said() -> None:
    changes = compare([rate(1)], [time(1)])
    assert [(change.name, change.verdict()) for change in changes] == [
        ("one command", "new"),
        ("events", "gone"),
    ]
    assert summary(changes) == {"new": 1, "gone": 1}


def test_the_table_has_both_ratios_and_the_change() -> None:
    head, line = table(compare([rate(500)], [rate(250, limit=1000)])).splitlines()
    assert head.split() == ["base", "new", "base", "ratio", "new", "ratio", "change"]
    assert " ".join(line.split()) == "events 500 250 /s 0.50 × 0.25 × -50 % worse"


def test_a_file_of_figures_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(rate(1).line() + time(2, limit=None).line())
    assert read(path) == [rate(1), time(2, limit=None)]
    path.write_bytes(b"{}\n")
    with pytest.raises(ValueError, match="no file of figures"):
        read(path)
