"""The wheel: what is in it, and that it runs with the dependencies that it names and no others."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGES = ("steward", "node", "tui")


def run(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [*map(str, words)],
        env={**kept, **environ},
        cwd=environ.get("PWD", ROOT),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the installed backend, as pip would without isolation: nothing is fetched."""
    folder = tmp_path_factory.mktemp("dist")
    script = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    done = run(sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    flags = ("--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
    done = run(sys.executable, "-m", "pip", "install", *flags, "--target", target, wheel)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def dependencies(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to what the wheel requires without any extra, and nothing else."""
    folder = tmp_path_factory.mktemp("dependencies")
    for name in _closure(_required(wheel)):
        distribution = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()}
        for top in tops - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def _required(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return re.findall(r"^Requires-Dist: (.*)$", file.read(name).decode(), re.MULTILINE)


def _closure(requires: list[str]) -> Iterator[str]:
    waiting = [Requirement(text) for text in requires]
    waiting = [one for one in waiting if not one.marker or one.marker.evaluate({"extra": ""})]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        if ("", wanted.name) not in seen:
            yield wanted.name
        for extra in ("", *sorted(wanted.extras)):
            if (extra, wanted.name) in seen:
                continue
            seen.add((extra, wanted.name))
            for text in importlib.metadata.requires(wanted.name) or ():
                below = Requirement(text)
                if not below.marker or below.marker.evaluate({"extra": extra}):
                    waiting.append(below)


def _steward(installed: Path, dependencies: Path, tmp_path: Path, *words: str) -> tuple[int, str]:
    """``steward`` as installed; -S keeps out everything that this environment has besides."""
    path = f"{installed}{os.pathsep}{dependencies}"
    program = installed / "bin" / "steward"
    done = run(sys.executable, "-S", program, *words, PYTHONPATH=path, PWD=str(tmp_path))
    return done.returncode, done.stdout + done.stderr


def test_it_holds_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {re.sub(r"-.*\.", ".", top) for top in tops} == {*PACKAGES, "steward.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", ".pyo"))]


def test_whatever_lies_in_the_packages_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        shipped = set(file.namelist())
    for suffix in (".py", ".sql", ".tcss", ".json"):
        ours = {
            str(path.relative_to(ROOT))
            for package in PACKAGES
            for path in (ROOT / package).rglob(f"*{suffix}")
        }
        assert ours, suffix
        assert ours - shipped == set(), suffix


def test_installed_alone_it_says_its_version(
    installed: Path, dependencies: Path, tmp_path: Path
) -> None:
    status, said = _steward(installed, dependencies, tmp_path, "version")
    assert status == 0, said
    (info,) = installed.glob("steward-*.dist-info")
    assert said.startswith(f"steward {info.name.removesuffix('.dist-info').partition('-')[2]} ")


def test_every_verb_but_the_console_loads_without_extras(
    installed: Path, dependencies: Path, tmp_path: Path
) -> None:
    script = "; ".join(
        [
            "from steward.cli.verbs import VERBS, _load",
            "import steward, node",
            "[_load(name, verb) for name, verb in VERBS.items() if not verb.extra]",
            "import node.daemon",
            "print(steward.__file__, node.__file__)",
        ]
    )
    path = f"{installed}{os.pathsep}{dependencies}"
    done = run(sys.executable, "-S", "-c", script, PYTHONPATH=path, PWD=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert all(str(installed) in place for place in done.stdout.split())


def test_without_its_extra_the_console_says_what_to_install(
    installed: Path, dependencies: Path, tmp_path: Path
) -> None:
    picture = str(tmp_path / "console.svg")
    status, said = _steward(installed, dependencies, tmp_path, "console", "--picture", picture)
    assert status == 2, said
    assert "pip install 'steward[console]'" in said
