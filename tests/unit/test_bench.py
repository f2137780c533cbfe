"""The benchmark's table: ratios, goals and verdicts say what was measured."""

import msgspec
import pytest

from tests.bench.table import Figure, Goal, shown, table


@pytest.mark.parametrize(
    ("value", "limit", "goal", "verdict"),
    [
        (6.0, 4.0, Goal(at_most=7, ratio_at_most=1.5), "met"),
        (6.9, 4.0, Goal(at_most=7, ratio_at_most=1.5), "short"),
        (7.1, 9.0, Goal(at_most=7, ratio_at_most=1.5), "short"),
        (500.0, 800.0, Goal(at_least=400, ratio_at_least=0.6), "met"),
        (500.0, 900.0, Goal(at_least=400, ratio_at_least=0.6), "short"),
        (500.0, None, Goal(ratio_at_least=0.6), "short"),
        (500.0, None, None, ""),
    ],
)
def test_a_goal_is_met_only_if_all_of_it_is(
    value: float, limit: float | None, goal: Goal | None, verdict: str
) -> None:
    figure = Figure(name="x", value=value, unit="ms", limit=limit, of="ms, its parts", goal=goal)
    assert figure.verdict == verdict


def test_the_table_aligns_and_leaves_out_what_there_is_not() -> None:
    figures = [
        Figure(name="events", value=12_345.6, unit="/s", limit=40_000, of="/s, bare"),
        Figure(name="memory", value=38.25, unit="MiB", goal=Goal(at_most=40)),
    ]
    head, events, memory = table(figures).splitlines()
    assert head.split() == ["measured", "of", "the", "machine's", "own", "goal"]
    assert events.split() == ["events", "12,346", "/s", "40,000", "/s,", "bare", "0.31", "×"]
    assert memory.split() == ["memory", "38.2", "MiB", "≤", "40.0", "met"]
    assert events.index("12,346") + 6 == memory.index("38.2") + 4


def test_a_line_of_json_has_what_two_runs_are_compared_by() -> None:
    figure = Figure(name="x", value=3.0, unit="/s", limit=4.0, goal=Goal(ratio_at_least=0.6))
    told = msgspec.json.decode(figure.line())
    assert (told["name"], told["value"], told["ratio"], told["verdict"]) == ("x", 3.0, 0.75, "met")


def test_numbers_are_shown_with_the_digits_that_count() -> None:
    assert [shown(x) for x in (0, 0.0281, 1.5, 38.25, 940.4, 41_702)] == [
        *("0", "0.0281", "1.5", "38.2", "940", "41,702"),
    ]
