"""Judges a lab folder: every rule in turn, and the story of each violation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.torture.checker import digests, doubles, ends, expiry, order, waits
from tests.torture.checker.figures import figures, tame
from tests.torture.checker.lab import Lab, read_lab
from tests.torture.checker.story import story
from tests.torture.checker.verdicts import EVIDENCE, EXIT, RECORD, Finding, Verdict

RULES = (ends.find, doubles.find, order.find, expiry.find, digests.find, waits.find)
MOST_STORIES = 30
FAILURES = frozenset({"process_failed", "process_terminated", "handler_failed"})
"""Reports of something that ended within a daemon, though the daemon went on."""


def judge(folder: Path) -> Verdict:
    """All that the folder proves. Nothing in it is changed."""
    lab = read_lab(folder)
    found = figures(lab)
    findings = [*_outside(lab), *(f for rule in RULES for f in rule(lab)), *tame(found)]
    told = 0
    for place, finding in enumerate(findings):
        if finding.is_violation and finding.id in lab.offers_of and told < MOST_STORIES:
            findings[place] = replace(finding, story=story(lab, finding.id))
            told += 1
    return Verdict(found, tuple(findings))


def _outside(lab: Lab) -> Iterator[Finding]:
    """What no message is to blame for."""
    for text in lab.unreadable:
        yield Finding(EVIDENCE, "–", str(lab.folder), text)
    if not lab.offers:
        yield Finding(EVIDENCE, "–", str(lab.folder), "nobody has offered anything")
    for left in lab.exits:
        last = left.log.strip().splitlines()[-1:] or [""]
        text = f"its daemon ended by itself at {left.t:.3f}, status {left.status}: {last[0]}"
        yield Finding(EXIT, "I9", left.node, text)
    for told in lab.errors:
        if told.code in FAILURES:
            yield Finding(EXIT, "I9", told.node, f"{told.code}, {told.count} times: {told.text}")
    for stores in lab.stores.values():
        for store in stores:
            for alarm in store.alarms:
                yield Finding(RECORD, "I1", store.name, f"it holds back from {alarm}")
