"""I5: what is kept of a command's output is byte for byte what the command wrote."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.torture.checker.clocks import REMEMBERED
from tests.torture.checker.facts import Ask, Offer
from tests.torture.checker.lab import Lab
from tests.torture.checker.stores import Store
from tests.torture.checker.verdicts import DIGEST, Finding

STREAMS = ("stdout", "stderr")
IN_RESULT = 64 * 1024


def find(lab: Lab) -> Iterator[Finding]:
    blobs = {path.name: path.read_bytes() for path in (lab.folder / "blobs").glob("*")}
    for offer, _, row in lab.judged():
        if offer.method != "ShellCommand":
            continue
        written = _written(offer, blobs)
        outcome = row.outcome or {}
        result = outcome.get("result")
        if result is not None:
            # One that was ended before its time has written a part of it.
            whole = row.state in ("succeeded", "failed") and offer.expect is not None
            for stream in STREAMS:
                for text in _told(result, stream, written[stream], whole=whole):
                    yield Finding(DIGEST, "I5", offer.id, f"{stream}: {text}")
            yield from _expected(offer, row.state, result)
        elif row.state in ("succeeded", "failed", "timed_out"):
            yield Finding(DIGEST, "I5", offer.id, f"it {row.state}, and there is no result")
        for pull in lab.pulls.get(offer.id, ()):
            yield from _pulled(lab, offer, pull, row.state == "succeeded", written["stdout"])
        for store in lab.stores.get(offer.to, ()):
            if result is not None and not store.wiped:
                yield from _kept(store, offer, result)


def _written(offer: Offer, blobs: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """All that the script can write: see act.sh."""
    deed, _, name = offer.script.partition(" ")
    stdout = f"{offer.id}\n".encode() + blobs[name] if deed == "print" else b""
    return {"stdout": stdout, "stderr": b""}


def _told(result: Mapping[str, Any], stream: str, written: bytes, *, whole: bool) -> Iterator[str]:
    """What is wrong with a stream in a result. The lab's outputs are far below the limit of what
    a node keeps, so nothing may be missing there; only the result holds no more than a share."""
    size = int(result[f"{stream}Size"])
    if size > len(written) or (whole and size != len(written)):
        yield f"{len(written):,} bytes were written, {size:,} are said"
        return
    if result.get(f"{stream}Lost"):
        yield f"{result[f'{stream}Lost']:,} bytes are said to be lost"
    written = written[:size]
    if result[f"{stream}Sha256"] != hashlib.sha256(written).hexdigest():
        yield f"the SHA-256 is not that of the {size:,} bytes written"
    head, tail = _bytes(result, stream), _bytes(result, f"{stream}Tail")
    cut = int(result.get(f"{stream}Cut") or 0)
    if len(head) + cut + len(tail) != size:
        yield f"{len(head):,} + {cut:,} cut + {len(tail):,} are not {size:,} bytes"
    elif head != written[: len(head)] or tail != written[size - len(tail) :]:
        yield "head or tail are not what was written"
    elif cut and size <= IN_RESULT // 2:
        yield f"cut, although {size:,} bytes have room"


def _expected(offer: Offer, state: str, result: Mapping[str, Any]) -> Iterator[Finding]:
    """The lab's own word of the output, made when the message was."""
    if offer.expect is None or state not in ("succeeded", "failed"):
        return
    for name in ("stdoutSize", "stdoutSha256"):
        if result[name] != offer.expect[name]:
            text = f"{name} is {result[name]}, and was to be {offer.expect[name]}"
            yield Finding(DIGEST, "I5", offer.id, text)


def _pulled(
    lab: Lab, offer: Offer, pull: Ask, has_output: bool, written: bytes
) -> Iterator[Finding]:
    """What somebody fetched from the node at the end: all of it, if the fetching said so."""
    if pull.answer == 0:
        path = lab.folder / "pulled" / offer.id
        data = path.read_bytes() if path.exists() else b""
        if data != written:
            text = f"{len(data):,} bytes were pulled, not the {len(written):,} written"
            yield Finding(DIGEST, "I5", offer.id, text)
    elif has_output:
        # What asks for it expires by a clock that is seen to be wrong, or was within ten minutes.
        ends = [offer.to, offer.frm]
        faults = lab.clocks.touching(ends, offer.t, pull.t, {"wipe"})
        faults += lab.clocks.touching(ends, pull.t - REMEMBERED, pull.t, {"clock"})
        excuse = f"{faults[0].what} of {faults[0].who[0]}" if faults else ""
        text = f"its output could not be pulled: exit status {pull.answer}"
        yield Finding(DIGEST, "I5", offer.id, text, excuse)


def _kept(store: Store, offer: Offer, result: Mapping[str, Any]) -> Iterator[Finding]:
    """The files on the node, as long as it has them, are what the result has said of them."""
    folder = store.runs.get(offer.id)
    if folder is None:
        return
    for stream in STREAMS:
        said = int(result[f"{stream}Size"]), result[f"{stream}Sha256"]
        if said != (found := _measured(folder / stream, said[0])):
            text = f"{stream}: its node keeps {found[0]:,} bytes of SHA-256 {found[1]}"
            yield Finding(DIGEST, "I5", offer.id, f"{text}, its result said {said}")


def _measured(path: Path, size: int) -> tuple[int, str]:
    data = path.read_bytes() if path.exists() else b""
    # A daemon kills a group, but a child that left it may write on: only what was said counts.
    data = data[:size]
    return len(data), hashlib.sha256(data).hexdigest()


def _bytes(result: Mapping[str, Any], field: str) -> bytes:
    coded = result.get(f"{field}B64")
    return str(result.get(field) or "").encode() if coded is None else base64.b64decode(coded)
