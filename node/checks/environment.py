"""What Steward is installed in: Python, packages, a nats-server, and strangers among them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from node.broker import find_server
from node.checks import Finding, ok, warning, wrong
from steward.errors import BusError

OLDEST: Final = (3, 11)
PACKAGES: Final = ("steward", "node", "tui")
EXTRAS: Final[Mapping[str, str]] = {
    "console": "steward console needs it, a node does not",
    "broker": "steward broker and steward demo need it, a node does not",
}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"].*)?")
_OWN_ENVIRONMENT: Final = (
    "give Steward an environment of its own: python3 -m venv DIR, and install its wheel there"
)


def environment() -> Iterator[Finding]:
    """All of this file's findings for the running interpreter."""
    yield python(sys.version_info[:3])
    try:
        requires = importlib.metadata.requires("steward") or []
        yield from packages(requires, _installed)
    except importlib.metadata.PackageNotFoundError:
        yield ok(f"Steward runs from {_folders('steward')[0]}, without being installed")
    yield nats_server()
    yield from merged({name: _folders(name) for name in PACKAGES})
    yield from claimed(_strangers())


def python(version: Sequence[int]) -> Finding:
    shown = ".".join(map(str, version))
    if tuple(version[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return wrong(f"Python {shown} is too old", f"install Steward with Python {oldest} or later")
    return ok(f"Python {shown}")


def packages(requires: Iterable[str], installed: Callable[[str], str | None]) -> Iterator[Finding]:
    """``requires``: requirements as in a package's metadata; ``installed``: name -> version."""
    for requirement in requires:
        match = _REQUIREMENT.fullmatch(requirement)
        name, extra = (match[1], match[2] or "") if match else (requirement, "")
        version = installed(name)
        if not extra and version is None:
            yield wrong(f"the package {name} is missing", "pip install steward")
        elif extra in EXTRAS and version is None:
            what = f"the extra {extra!r} is not installed: {EXTRAS[extra]}"
            yield ok(what, f"pip install 'steward[{extra}]'")
        elif extra in EXTRAS:
            yield ok(f"the extra {extra!r} is installed: {name} {version}")


def nats_server() -> Finding:
    try:
        binary = find_server()
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except BusError as error:
        return ok(f"{error.text} here; a node needs none if its broker runs elsewhere", error.hint)
    except (OSError, subprocess.SubprocessError) as error:
        return warning(f"{binary} does not run: {error}", "pip install 'steward[broker]'")
    return ok(f"{binary}: {said.stdout.strip()}")


def merged(folders: Mapping[str, Sequence[Path]]) -> Iterator[Finding]:
    """``folders``: of each of our packages, where Python looks for its modules. They lie side by
    side in one place; elsewhere is somebody else's package of that name."""
    home = folders["steward"][0].parent
    fine = True
    for name, found in folders.items():
        if not found or found[0].parent != home:
            place = str(found[0]) if found else "another module of that name"
            fine = False
            yield wrong(f"Python finds {place} instead of Steward's {name}", _OWN_ENVIRONMENT)
        elif len(found) > 1:
            places = ", ".join(map(str, found))
            fine = False
            yield wrong(f"the package {name} is merged from {places}", _OWN_ENVIRONMENT)
    if fine:
        yield ok(f"the packages {', '.join(folders)} are Steward's own, in {home}")


def claimed(strangers: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    """``strangers``: names of other distributions, each with those of our packages that it has
    put files into."""
    for stranger, names in sorted(strangers.items()):
        yield wrong(
            f"the package {stranger!r} has put files into {', '.join(sorted(names))},"
            " which is Steward's",
            f"pip uninstall {stranger}, then install Steward again; or {_OWN_ENVIRONMENT}",
        )


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _folders(name: str) -> list[Path]:
    spec = importlib.util.find_spec(name)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]


def _strangers() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions():
        title = distribution.metadata["Name"]
        if not title or title.lower() == "steward":
            continue
        for file in distribution.files or ():
            top = file.parts[0].removesuffix(".py")
            if top in PACKAGES:
                found.setdefault(title, set()).add(top)
    return found
