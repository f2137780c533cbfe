"""A file that grows by exactly what is committed, wherever the process ends."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.append_file import AppendFile
from steward.errors import NotPossible, StoreFull


def contents(file: AppendFile, offset: int) -> bytes:
    return b"".join(path.read_bytes() for path in file.files(offset))


def test_what_was_not_committed_is_cut_off_and_written_again(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "log")
    committed = file.append(0, b"one\n")
    file.append(committed, b"lost in a crash\n")
    again = AppendFile(tmp_path / "log").append(committed, b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert again == 8
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_first_append_that_was_not_committed_is_written_again(tmp_path: Path) -> None:
    AppendFile(tmp_path / "log").append(0, b"lost in a crash\n")
    AppendFile(tmp_path / "log").append(0, b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"


def test_a_rotation_that_was_not_committed_is_undone(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "log", max_bytes=10)
    committed = file.append(0, b"123456\n")
    file.append(committed, b"lost in a crash\n")
    assert (tmp_path / "log.0").exists()
    assert file.append(committed, b"78\n") == 10
    assert (tmp_path / "log").read_bytes() == b"123456\n78\n"
    assert not (tmp_path / "log.0").exists()


def test_the_newest_rotated_files_are_kept(tmp_path: Path) -> None:
    file, offset = AppendFile(tmp_path / "log", max_bytes=4, keep=2), 0
    for n in range(6):
        offset = file.append(offset, b"%d\n\n\n" % n)
    assert [path.name for path in file.files(offset)] == ["log.3", "log.4", "log"]
    assert contents(file, offset) == b"3\n\n\n4\n\n\n5\n\n\n"
    assert len([path for path in tmp_path.iterdir() if not path.name.startswith(".")]) == 3


def test_a_new_database_keeps_the_files_of_an_earlier_one(tmp_path: Path) -> None:
    file, offset = AppendFile(tmp_path / "log", max_bytes=4), 0
    for n in range(3):
        offset = file.append(offset, b"%d\n\n\n" % n)
    offset = file.append(0, b"new\n")
    assert contents(file, offset) == b"0\n\n\n1\n\n\n2\n\n\nnew\n"


def test_lines_are_lost_with_a_file_that_somebody_removed_and_no_others(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "log")
    offset = file.append(0, b"one\n")
    offset = file.append(offset, b"two\n")
    (tmp_path / "log").unlink()
    offset = file.append(offset, b"three\n")
    offset = file.append(offset, b"four\n")
    assert (tmp_path / "log").read_bytes() == b"three\nfour\n"


def test_a_path_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("link", "fifo", "folder"):
        with pytest.raises(NotPossible, match="not a regular file"):
            AppendFile(tmp_path / name, unique=True).append(0, b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_where_there_is_no_room_nothing_counts(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "log")
    offset = file.append(0, b"one\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, limits[1]))
    try:
        with pytest.raises(StoreFull, match="no room"):
            file.append(offset, b"two and more\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "log").read_bytes() == b"one\ntw"
    file.append(offset, b"2\n")
    assert (tmp_path / "log").read_bytes() == b"one\n2\n"


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.booleans()), max_size=20),
    st.integers(0, 20),
)
def test_any_sequence_of_commits_and_crashes_leaves_what_was_committed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bytes, bool]], size: int
) -> None:
    path = tmp_path_factory.mktemp("append") / "log"
    offset, expected = 0, b""
    for data, commits in steps:
        after = AppendFile(path, max_bytes=size, keep=100).append(offset, data)
        if commits:
            offset, expected = after, expected + data
    if offset:
        final = AppendFile(path, max_bytes=size, keep=100)
        assert contents(final, final.append(offset, b".")) == expected + b"."
