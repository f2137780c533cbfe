"""What the checker says: findings, figures, and one table of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LOST = "lost"
TWICE = "twice"
ORDER = "out of order"
EXPIRY = "run after expiry"
DIGEST = "digest mismatch"
END = "wrong end"
INTERRUPTED = "interrupted"
UNKNOWN = "unknown"
WAITED = "held up by others"
EXIT = "exits unasked"
RECORD = "records that disagree"
EVIDENCE = "evidence unreadable"
TAME = "faults did not bite"
KINDS = (
    LOST, TWICE, ORDER, EXPIRY, DIGEST, END, INTERRUPTED, UNKNOWN, WAITED, EXIT, RECORD, EVIDENCE,
    TAME,
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that is not as it would be without faults. ``explained``: the fault that it is
    owed to; empty: nothing excuses it, it is a violation."""

    kind: str
    invariant: str
    id: str
    text: str
    explained: str = ""
    story: str = ""

    @property
    def is_violation(self) -> bool:
        return not self.explained


@dataclass(frozen=True)
class Figures:
    """What was measured; seconds, None where there was nothing to measure."""

    offered: int = 0
    accepted: int = 0
    refused: int = 0
    unclear: int = 0
    states: tuple[tuple[str, int], ...] = ()
    starts: int = 0
    text_lines: int = 0
    told_again: int = 0
    faults: tuple[tuple[str, int], ...] = ()
    errors: tuple[tuple[str, int], ...] = ()
    """What nodes reported to central, by code."""
    duplicates: int = 0
    attempts: int = 0
    retried: int = 0
    """Messages that needed more than one attempt."""
    reconnects: int = 0
    ordered: int = 0
    """Starts and lines whose order was judged; likewise the others: what was judged at all."""
    timed: int = 0
    timed_strictly: int = 0
    expired_there: int = 0
    """Commands whose time passed while they waited at their node."""
    outputs: int = 0
    handed_over: int = 0
    heal_samples: int = 0
    heal_p50: float | None = None
    heal_p99: float | None = None
    wait_p99: float | None = None
    longest_wait: float | None = None
    drain: float | None = None


@dataclass(frozen=True)
class Verdict:
    """``judge``'s answer."""

    figures: Figures
    findings: tuple[Finding, ...]

    @property
    def violations(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.is_violation)

    def table(self) -> str:
        """All of it on one page, then each violation with its story."""
        parts = [*_counts(self.figures), "", *_kinds(self), "", *_measures(self.figures)]
        excuses = Counter((f.kind, f.explained) for f in self.findings if f.explained)
        if excuses:
            parts += ["", "explained by"]
            parts += [f"{n:>8,}  {kind}: {why}" for (kind, why), n in sorted(excuses.items())]
        return "\n".join([*parts, "", *_stories(self.violations)])


def _counts(figures: Figures) -> list[str]:
    def pairs(counts: Sequence[tuple[str, int]]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in counts) or "none"

    return [
        f"offered          {figures.offered:,}",
        f"accepted         {figures.accepted:,} (refused {figures.refused:,}, "
        f"unclear {figures.unclear:,})",
        f"ends             {pairs(figures.states)}",
        f"starts           {figures.starts:,} in the ledgers, {figures.text_lines:,} text lines"
        f" ({figures.told_again:,} told again to a new store)",
        f"faults           {pairs(figures.faults)}",
        f"judged           the order of {figures.ordered:,}, the expiry of {figures.timed:,} "
        f"starts ({figures.timed_strictly:,} by true time; {figures.expired_there:,} expired at "
        f"their node), {figures.outputs:,} outputs, {figures.handed_over:,} handovers",
        f"errors told      {pairs(figures.errors)}",
    ]


def _kinds(verdict: Verdict) -> list[str]:
    found = Counter(f.kind for f in verdict.findings)
    bad = Counter(f.kind for f in verdict.violations)
    lines = [f"{'':<22}{'found':>8}{'explained':>11}{'violations':>12}"]
    for kind in KINDS:
        count = f"{found[kind]:>8,}{found[kind] - bad[kind]:>11,}{bad[kind]:>12,}"
        lines.append(f"{kind:<22}{count}{'  ✗' if bad[kind] else ''}")
    return lines


def _measures(figures: Figures) -> list[str]:
    def seconds(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f} s"

    return [
        f"duplicates suppressed     {figures.duplicates:,}",
        f"delivery attempts         {figures.attempts:,} ({figures.retried:,} messages were "
        "tried more than once)",
        f"reconnects                {figures.reconnects:,}",
        f"heal → first receipt      p50 {seconds(figures.heal_p50)}, p99 "
        f"{seconds(figures.heal_p99)} ({figures.heal_samples:,} times)",
        f"waits, way untouched      p99 {seconds(figures.wait_p99)}, longest "
        f"{seconds(figures.longest_wait)}",
        f"drained after             {seconds(figures.drain)}",
    ]


def _stories(violations: Sequence[Finding]) -> list[str]:
    if not violations:
        return ["GOOD: no violation"]
    lines = [f"BAD: {len(violations):,} violations"]
    for finding in violations:
        lines += ["", f"{finding.invariant} {finding.kind}: {finding.id}: {finding.text}"]
        lines += [f"    {line}" for line in finding.story.splitlines()]
    return lines
