"""Keys on disk while they are changed: wherever it is cut short, one whole pair is in use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steward import key_change
from steward.errors import NotPossible
from steward.key_change import forget_old, make_next, next_keys, old_broker_seed, promote
from steward.key_files import CREDENTIALS, SIGNING, keys_folder, load_or_make


def test_next_keys_wait_until_they_are_put_in_the_place_of_the_old(tmp_path: Path) -> None:
    old = load_or_make(tmp_path)
    assert next_keys(tmp_path) is None
    new = make_next(tmp_path)
    assert new.signing.public != old.signing.public
    again, waiting = make_next(tmp_path), next_keys(tmp_path)
    assert waiting is not None
    assert again.broker == waiting.broker == new.broker
    assert load_or_make(tmp_path).broker == old.broker
    promote(tmp_path)
    now = load_or_make(tmp_path)
    assert (now.signing.public, now.broker) == (new.signing.public, new.broker)
    assert next_keys(tmp_path) is None
    assert old_broker_seed(tmp_path) == old.broker_seed
    forget_old(tmp_path)
    forget_old(tmp_path)
    assert old_broker_seed(tmp_path) == b""
    for file in keys_folder(tmp_path).iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_a_change_that_was_cut_short_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = load_or_make(tmp_path)
    new = make_next(tmp_path)

    def cut(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(key_change, "_replace_broker", cut)
        with pytest.raises(KeyboardInterrupt):
            promote(tmp_path)
    assert load_or_make(tmp_path).broker == old.broker
    assert next_keys(tmp_path) is None
    now = load_or_make(tmp_path)
    assert (now.signing.public, now.broker) == (new.signing.public, new.broker)
    assert old_broker_seed(tmp_path) == old.broker_seed


def test_keys_whose_making_was_cut_short_are_completed(tmp_path: Path) -> None:
    load_or_make(tmp_path)
    made = make_next(tmp_path)
    os.unlink(keys_folder(tmp_path) / "broker.nk.next")
    waiting = next_keys(tmp_path)
    assert waiting is not None
    assert waiting.signing.public == made.signing.public
    assert waiting.broker != made.broker


def test_keys_that_systemd_hands_in_are_not_changed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_or_make(tmp_path)
    given = tmp_path / "credentials"
    given.mkdir()
    (given / CREDENTIALS[SIGNING]).touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    with pytest.raises(NotPossible, match="systemd"):
        make_next(tmp_path)
