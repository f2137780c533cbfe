"""I1, I4, I6: every accepted message has one proved end, and the end says what really happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.torture.checker.facts import Entry, Fault, Offer
from tests.torture.checker.lab import Lab
from tests.torture.checker.stores import Row, Store
from tests.torture.checker.verdicts import DIGEST, END, INTERRUPTED, LOST, UNKNOWN, Finding

OPEN = frozenset({"queued", "sent", "delivered", "running"})
RAN = frozenset({"succeeded", "failed", "timed_out"})
NEVER = frozenset({"refused", "undelivered", "expired"})
SLACK = 5.0
"""Seconds that a busy machine takes to start a shell, or to write down that it has ended."""


def find(lab: Lab) -> Iterator[Finding]:
    for id, offers in lab.offers_of.items():
        rows = lab.rows(offers[0])
        yield from _acceptance(lab, id, offers, rows)
        for store, row in rows:
            yield from _one(lab, offers[0], store, row)
    yield from _strangers(lab)


def _acceptance(
    lab: Lab, id: str, offers: Sequence[Offer], rows: Sequence[tuple[Store, Row]]
) -> Iterator[Finding]:
    answers = {offer.accepted for offer in offers}
    if False in answers:
        reason = next(offer.reason for offer in offers if offer.accepted is False)
        yield Finding(
            END, "I1", id, f"nothing is wrong with it, and the intake refused it: {reason}"
        )
    if rows and answers == {False}:
        yield Finding(END, "I1", id, "it was refused, and yet its sender's store has it")
    if not rows and True in answers:
        text = "accepted, and in none of its sender's stores"
        yield Finding(LOST, "I1", id, text, _lost_before(lab, offers))
    if not rows and lab.starts_of.get(id):
        text = "in none of its sender's stores, and yet it was started"
        yield Finding(END, "I4", id, text, _lost_folder(lab, offers[0].frm))


def _lost_before(lab: Lab, offers: Sequence[Offer]) -> str:
    """It was lost with its sender before anybody had promised anything: still in the file."""
    sender = offers[0].frm
    for store in lab.stores.get(sender, ()):
        if store.wiped and any(o.way == "file" for o in offers) and store.has_unread(offers[0].id):
            return f"wipe of {sender}, which had not read the file yet"
    return _lost_folder(lab, sender)


def _lost_folder(lab: Lab, node: str) -> str:
    """A wipe whose evidence the lab did not keep."""
    wipes = [f for f in lab.faults if f.what == "wipe" and node in f.who]
    kept = [store for store in lab.stores.get(node, ()) if store.wiped]
    return f"wipe of {node}, without a copy" if len(wipes) > len(kept) else ""


def _one(lab: Lab, offer: Offer, store: Store, row: Row) -> Iterator[Finding]:
    if row.state in OPEN or not row.confirmed:
        doubt = "" if row.confirmed else ", not confirmed"
        text = f"it ends as {row.state}{doubt} ({row.reason or 'no reason'})"
        yield Finding(LOST, "I1", offer.id, text, f"wipe of {store.node}" if store.wiped else "")
        return
    if row.is_command and row.method == "ShellCommand":
        yield from _starts(lab, offer, row)
    elif row.method == "TextLogging":
        yield from _texts(lab, offer, row)
    yield from _ground(lab, offer, row)
    if row.state == "interrupted":
        why = _runner_lost(lab, offer, row)
        yield Finding(INTERRUPTED, "I6", offer.id, row.reason, why)
    if row.state == "unknown":
        yield Finding(UNKNOWN, "I6", offer.id, row.reason, _store_lost(lab, offer, row))


def _starts(lab: Lab, offer: Offer, row: Row) -> Iterator[Finding]:
    """Both ways of I4, of a command that leaves its line in the ledger."""
    starts = lab.starts_of.get(offer.id, ())
    said = (row.outcome or {}).get("started")
    if row.state in RAN and not starts:
        text = f"said to have {row.state}, but no ledger has its start"
        hasty = row.state == "timed_out" and said is not None
        excuse = f"limit of {offer.method_timeout} s, over before its first line" if hasty else ""
        yield Finding(LOST, "I4", offer.id, text, excuse)
    never = row.state in NEVER or (row.state == "cancelled" and said is None)
    if starts and (never or (row.state == "undelivered" and row.kind == "CommandNACK")):
        text = f"said to be {row.state} ({row.reason}), but it was started"
        yield Finding(END, "I4", offer.id, text)
    for start in starts:
        if start.node != offer.to:
            text = f"meant for {offer.to}, but started at {start.node}"
            yield Finding(END, "I4", offer.id, text)
        if start.n != offer.n:
            text = f"started with the argument {start.n}, and it was {offer.n}"
            yield Finding(DIGEST, "I5", offer.id, text)
    works_on = offer.script.split(" ")[0] in ("sleep", "print")
    if row.state == "succeeded" and works_on and starts and not lab.ends_of.get(offer.id):
        yield Finding(END, "I4", offer.id, "said to have succeeded, but it has not ended")
    yield from _limit(lab, offer, row)


def _limit(lab: Lab, offer: Offer, row: Row) -> Iterator[Finding]:
    """Nobody lost sight of it, so it had to be killed once its limit was over."""
    starts, ends = lab.starts_of.get(offer.id, ()), lab.ends_of.get(offer.id, ())
    if not offer.method_timeout or row.state not in RAN or not (starts and ends):
        return
    since, upto = starts[0].t, ends[0].t
    over = upto - since - lab.clocks.stopped(offer.to, since, upto) - offer.method_timeout
    if over > SLACK:
        text = f"ran on for {over:.1f} s after its limit of {offer.method_timeout} s"
        yield Finding(END, "I4", offer.id, text)


def _texts(lab: Lab, offer: Offer, row: Row) -> Iterator[Finding]:
    lines = lab.lines_of.get((offer.frm, offer.id), ())
    if row.state == "succeeded" and not lines:
        text = f"said to have succeeded, but no log of {offer.to} has its line"
        yield Finding(LOST, "I1", offer.id, text, _lost_folder(lab, offer.to))
    if lines and row.state in NEVER | {"cancelled"}:
        text = f"said to be {row.state} ({row.reason}), but its line is in the log"
        yield Finding(END, "I4", offer.id, text)
    for line in lines:
        if line.store.node != offer.to:
            yield Finding(END, "I4", offer.id, f"meant for {offer.to}, logged by {line.store.node}")
        if line.text != f"{offer.id} {offer.n}":
            yield Finding(DIGEST, "I5", offer.id, f"the log has {line.text!r} for it")


def _ground(lab: Lab, offer: Offer, row: Row) -> Iterator[Finding]:
    """Whether anything of what it was gives it the right to this end."""
    ends = {
        "published": row.kind.endswith("NACK"),
        "succeeded": row.kind == "EventACK" or _exit(row) == 0,
        "failed": row.kind == "CommandACK" and _exit(row) != 0,
        "timed_out": row.kind == "CommandACK" and offer.method_timeout > 0,
        "refused": offer.refusable,
        "undelivered": row.kind.endswith("NACK") or row.retries > 0,
        "expired": row.expires is not None,
        "cancelled": offer.id in lab.asked,
        "interrupted": row.kind == "CommandACK",
        "unknown": not row.kind.endswith("NACK"),
    }
    if not ends[row.state]:
        text = f"nothing about it can make it {row.state} ({row.reason or 'no reason'})"
        yield Finding(END, "I4", offer.id, text)
    expected = (offer.expect or {}).get("exit")
    if expected is not None and row.state in ("succeeded", "failed") and _exit(row) != expected:
        text = f"it exits with {expected}, and is said to have with {_exit(row)}"
        yield Finding(END, "I4", offer.id, text)


def _exit(row: Row) -> int | None:
    result = (row.outcome or {}).get("result") or {}
    code = result.get("exitCode")
    # An answer of the daemon's own has no exit status, and no run.
    return 0 if code is None and row.method != "ShellCommand" else code


def _runner_lost(lab: Lab, offer: Offer, row: Row) -> str:
    """The kill of its runner that came while it ran, or was about to."""
    starts: Sequence[Entry] = lab.starts_of.get(offer.id, ())
    ends: Sequence[Entry] = lab.ends_of.get(offer.id, ())
    since = starts[0].t - SLACK if starts else lab.accepted_t(offer, row)
    upto = lab.clocks.true_time(offer.frm, row.ended_at) or float("inf")
    if starts:
        still = lab.clocks.stopped(offer.to, since, upto)
        worked = ends[0].t if ends else starts[0].t + _works(offer)
        upto = min(upto, worked + still + SLACK)
    kills = lab.clocks.touching([offer.to], since, upto, {"runner-kill"})
    return _who(kills, offer.to)


def _works(offer: Offer) -> float:
    """Seconds that it sleeps."""
    deed, _, seconds = offer.script.partition(" ")
    return float(seconds) if deed == "sleep" else 0.0


def _store_lost(lab: Lab, offer: Offer, row: Row) -> str:
    """The wipe of its receiver that the message was on its way to, or waiting at."""
    ended = lab.clocks.true_time(offer.frm, row.ended_at)
    upto = float("inf") if ended is None else ended
    wipes = lab.clocks.touching([offer.to], 0.0, upto, {"wipe"})
    return _who(
        [f for f in wipes if lab.accepted_t(offer, row) <= _adopted(lab, offer, f)], offer.to
    )


def _adopted(lab: Lab, offer: Offer, wipe: Fault) -> float:
    """Until when the sender may have gone on binding messages to the store that was lost: as long
    as nothing had come back from a later one."""
    lives = lab.stores[offer.to]
    wipes = [f for f in lab.faults if f.what == "wipe" and offer.to in f.who]
    later = {store.store_id for store in lives[wipes.index(wipe) + 1 :]}
    times = (
        lab.clocks.true_time(other.frm, row.delivered_at)
        for other, _, row in lab.judged()
        if other.frm == offer.frm and row.to == offer.to and row.instance in later
    )
    return min((t for t in times if t is not None), default=float("inf"))


def _who(faults: Sequence[Fault], node: str) -> str:
    mine = [f for f in faults if node in f.who]
    return f"{mine[-1].what} of {node}" if mine else ""


def _strangers(lab: Lab) -> Iterator[Finding]:
    for id in lab.starts_of.keys() - lab.offers_of.keys():
        yield Finding(END, "I4", id, "started, but nobody has offered it")
    known = {(offers[0].frm, id) for id, offers in lab.offers_of.items()}
    for sender, id in lab.lines_of.keys() - known:
        yield Finding(END, "I4", id, f"logged for {sender}, which was not offered it")
