"""What a run was, in a few lines; the checker's table says what it proves."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """Of one of the lab's files; empty if there is none."""
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def describe(folder: Path) -> str:
    run = json.loads((folder / "run.json").read_text())
    offers = {line["id"]: line for line in lines(folder, "messages.jsonl")}
    again = len(lines(folder, "messages.jsonl")) - len(offers)
    faults = Counter(
        " ".join(filter(None, (line["what"], line["detail"] if line["what"] == "profile" else "")))
        for line in lines(folder, "faults.jsonl")
        if line["what"] != "quiet"
    )
    deaths = lines(folder, "deaths.jsonl")
    drained = "never" if run["drained"] is None else f"after {run['drained'] - run['quiet']:.1f} s"
    told = [
        f"seed {run['seed']}: {len(offers):,} messages offered in {run['seconds']:.0f} s, "
        f"{again:,} offers again; quiet then, all ended {drained}",
        f"ways in: {_count(line['way'] for line in offers.values())}",
        f"scripts: {_count(line['script'].split()[0] for line in offers.values())}",
        f"{sum(faults.values())} faults: {_count(faults.elements())}",
    ]
    told += [
        f"{d['node']} ended by itself, status {d['status']}: {d['log'][-400:]}" for d in deaths
    ]
    return "\n".join(told)


def _count(words: Any) -> str:
    return ", ".join(f"{word} {number}" for word, number in Counter(words).most_common())
