"""Files: each says its job first and has one; none names a package index or this machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("steward", "node", "tui")
MOST_LINES = 300
OURS = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*")
    if path.suffix in (".py", ".sql", ".tcss")
)
EVERYWHERE = {"", "localhost", "127.0.0.1", "::1"}
INDEX = re.compile(r"\bpypi\b|pythonhosted|\bdevpi\b|artifactory|--(extra-)?index-url[= ]", re.I)
# In brackets, so that the pattern does not find itself.
PLACE = re.compile(r"(?<![\w./-])/([w]ork|[r]oot|[h]ome/\w+|[U]sers/\w+|[t]mp)(?=/\w)")


def committed() -> list[Path]:
    """What git tracks, and what it would if everything were added."""
    flags = ("--cached", "--others", "--exclude-standard", "-z")
    done = subprocess.run(["git", "ls-files", *flags], cwd=ROOT, capture_output=True, check=True)
    found = (ROOT / os.fsdecode(name) for name in done.stdout.split(b"\0") if name)
    return sorted(path for path in found if path.is_file() and path != Path(__file__))


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in committed()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_index() -> None:
    assert lines_with(INDEX) == []


def test_no_file_names_the_index_that_this_machine_is_set_to() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    environ = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    urls = re.findall(r"\w+://[^'\"\s]+", " ".join([done.stdout, *environ]))
    for host in {urlsplit(url).hostname or "" for url in urls} - EVERYWHERE:
        named = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])")
        assert lines_with(named) == []


def test_no_file_names_a_path_of_a_machine() -> None:
    assert lines_with(PLACE) == []
    assert lines_with(re.compile(re.escape(f"{ROOT}/"))) == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_its_job_first_and_has_one(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= MOST_LINES, "a file that passes 300 lines has two jobs"
    first = text.partition("\n")[0]
    if path.suffix == ".py":
        docstring = ast.get_docstring(ast.parse(text))
        assert docstring, "no docstring"
        assert first.startswith('"""'), "the docstring comes first"
        said = docstring.partition("\n")[0]
    else:
        assert first.startswith({".sql": "-- ", ".tcss": "/* "}[path.suffix]), "no comment first"
        said = first[3:]
    assert len(said) > 20, "its first line says what its job is"
    assert path.suffix != ".py" or said.endswith((".", "?", ")", ":")), "a sentence in one line"


def test_at_the_top_lies_only_what_the_design_names() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in committed()}
    assert {top for top in tops if not top.startswith(".")} <= {
        *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile"),
        *(*PACKAGES, "tests", "screenshots"),
    }
