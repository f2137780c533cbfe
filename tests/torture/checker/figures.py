"""What is counted and measured beside the judgement; and whether the faults bit at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.torture.checker import expiry, order, waits
from tests.torture.checker.lab import Lab
from tests.torture.checker.verdicts import TAME, Figures, Finding


def figures(lab: Lab) -> Figures:
    answers = [{o.accepted for o in offers} for offers in lab.offers_of.values()]
    states = Counter(row.state for _, store, row in lab.judged() if not store.wiped)
    faults = Counter(f.what for f in lab.faults if f.what != "quiet")
    heals = waits.recoveries(lab)
    duplicates, attempts, reconnects = _counted(lab)
    timed = list(expiry.timed(lab))
    quiet_waits = [seconds for _, seconds in waits.untouched(lab)]
    lines = [{line.store.name for line in found} for found in lab.lines_of.values()]
    errors = Counter[str]()
    for trouble in lab.errors:
        errors[trouble.code] += trouble.count
    return Figures(
        offered=len(answers),
        accepted=sum(True in a for a in answers),
        refused=sum(True not in a and False in a for a in answers),
        unclear=sum(a == {None} for a in answers),
        states=tuple(states.most_common()),
        starts=sum(map(len, lab.starts_of.values())),
        text_lines=sum(map(len, lab.lines_of.values())),
        told_again=sum(len(stores) > 1 for stores in lines),
        faults=tuple(faults.most_common()),
        errors=tuple(errors.most_common()),
        duplicates=duplicates,
        attempts=attempts,
        retried=sum(row.attempts > 1 for _, _, row in lab.judged()),
        reconnects=reconnects,
        ordered=sum(
            len(steps) for steps in [*order.starts(lab).values(), *order.lines(lab).values()]
        ),
        timed=len(timed),
        timed_strictly=sum(not start.jumps for start in timed),
        expired_there=sum(
            row.state == "expired" and row.delivered_at is not None for _, _, row in lab.judged()
        ),
        outputs=sum("result" in (row.outcome or {}) for _, _, row in lab.judged()),
        handed_over=len(quiet_waits),
        heal_samples=len(heals),
        heal_p50=waits.percentile(heals, 0.5),
        heal_p99=waits.percentile(heals, 0.99),
        wait_p99=waits.percentile(quiet_waits, 0.99),
        longest_wait=max(quiet_waits, default=None),
        drain=_drain(lab),
    )


def tame(found: Figures) -> Iterator[Finding]:
    """A run without faults, or in which nothing had to be done again, proves nothing."""
    for name in ("faults", "duplicates", "retried", "reconnects"):
        if not getattr(found, name):
            yield Finding(TAME, "–", name, "none at all")


def _counted(lab: Lab) -> tuple[int, int, int]:
    """Duplicates, attempts, reconnects: of each life of a daemon the last that was heard."""
    last = {(s.node, s.life): s for s in sorted(lab.samples, key=lambda s: s.t)}
    lives = last.values()
    return (
        sum(s.duplicates for s in lives),
        sum(s.attempts for s in lives),
        sum(s.reconnects for s in lives),
    )


def _drain(lab: Lab) -> float | None:
    """From the end of the faults to the last proved end."""
    if lab.quiet is None:
        return None
    ends = (lab.clocks.true_time(o.frm, row.ended_at) for o, _, row in lab.judged())
    return max((t - lab.quiet for t in ends if t is not None and t > lab.quiet), default=0.0)
