"""Keys: their names, what a settings file may map, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.keys import _character_to_key

from steward.errors import ConfigError, UsageError
from tui import actions, keymap, pings, settings
from tui.keymap import Keymap
from tui.registry import ACTIONS, BY_ID, Action


def said(tmp_path: Path, text: str) -> settings.Settings:
    file = tmp_path / "steward.toml"
    file.write_text(text)
    return settings.load(file)[0]


@pytest.mark.parametrize("character", "aZ9?/:.-_+%~!*'=#$\\@[]{}<>|^`\"&;(é")
def test_a_character_is_named_as_textual_names_it(character: str) -> None:
    assert keymap.key_name(character) == _character_to_key(character)
    assert keymap.written(keymap.key_name(character)) == character


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_the_registrys_keys_are_keys(action: Action) -> None:
    for key in Keymap().of(action):
        assert keymap.key_name(key) == key
        assert keymap.caution(key) == ""
        assert keymap.unfit(action, key) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ctrl+enter", "never arrives"),
        ("alt+enter", "never arrives"),
        ("alt+x", "never arrives"),
        ("ctrl+shift+k", "never arrives"),
        ("ctrl+1", "never arrives"),
        ("ctrl+i", "arrives as tab"),
        ("ctrl+m", "arrives as enter"),
        ("ctrl+c", "interrupts"),
        ("enterr", "is no key"),
        ("f13", "is no key"),
        ("", "is no key"),
        ("\x1b", "is no key"),
    ],
)
def test_a_key_that_never_arrives_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as told:
        keymap.key_name(text)
    assert told.value.hint


def test_the_settings_are_read(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        'node = "central"\n[console]\ntheme = "light"\nread-only = true\n'
        '[console.keys]\n"message.cancel" = "ctrl+k"\nhelp = ["?", "f3"]\nnode.hold = "esc"\n'
        'back = "f9"\n',
    )
    assert (found.theme, found.read_only, found.cautions) == ("light", True, ())
    assert found.keymap.shown("message.cancel") == "ctrl+k"
    assert found.keymap.shown("help") == "? f3"
    assert found.keymap.shown("node.hold") == "esc"
    assert found.keymap.textual()["help"] == "question_mark,f3"


def test_no_settings_are_none(tmp_path: Path) -> None:
    assert said(tmp_path, "") == settings.Settings()


def test_read_only_may_be_written_both_ways(tmp_path: Path) -> None:
    assert said(tmp_path, "[console]\nread_only = true").read_only


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[console]\ntheem = 'x'", "'theem'", "theme"),
        ("[console]\ntheme = 'drak'", "console.theme", "dark"),
        ("[console]\nread-only = 'yes'", "read-only", ""),
        ("console = 1", "console", "KEY = VALUE"),
        ('[console.keys]\n"message.cancl" = "x"', "message.cancl", "message.cancel"),
        ('[console.keys]\n"node.hold" = "ctrl+enter"', "node.hold", "ctrl"),
        ('[console.keys]\n"node.hold" = "X"', "node.clear", "another key"),
        ('[console.keys]\nhelp = "j"', "move.down", "another key"),
        ('[console.keys]\n"draft.send" = "s"', "draft.send", "F-key"),
        ('[console.keys]\n"draft.send" = "ctrl+k"', "draft.send", "F-key"),
        ('[console.keys]\nquit = ""', "quit", "ctrl+k"),
        ("[console.keys]\nquit = 3", "quit", "ctrl+k"),
        ("[console.keys]\nquit = []", "quit", "ctrl+k"),
    ],
)
def test_a_wrong_setting_names_file_key_and_remedy(
    tmp_path: Path, text: str, key: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as told:
        said(tmp_path, text)
    assert str(tmp_path / "steward.toml") in told.value.text
    assert key in told.value.text
    assert hint in told.value.hint
    assert told.value.exit_status == 2


@pytest.mark.parametrize("key", ["ctrl+s", "ctrl+a", "ctrl+b", "ctrl+o"])
def test_keys_of_multiplexers_are_warned_of(tmp_path: Path, key: str) -> None:
    (caution,) = said(tmp_path, f'[console.keys]\n"node.hold" = "{key}"').cautions
    assert key in caution
    assert "node.hold" in caution


def test_keys_can_change_places(tmp_path: Path) -> None:
    found = said(tmp_path, '[console.keys]\n"node.hold" = "X"\n"node.clear" = "h"')
    assert keymap.clash(found.keymap) is None


def test_help_footer_and_tabs_show_the_keys_that_were_mapped() -> None:
    mapped = Keymap({"message.cancel": ("ctrl+k",), "help": ("f3",)})
    named = dict(actions.footer("messages", mapped, read_only=False))
    assert named["ctrl+k"] == "cancel"
    assert ("f3", "help") in actions.footer_always("messages", mapped)
    shown = {a.id: keys for _, one in actions.help_groups("messages", mapped, read_only=False)
             for keys, a in one}  # fmt: skip
    assert shown["message.cancel"] == "ctrl+k"


def test_sentences_name_the_keys_that_were_mapped() -> None:
    assert "h releases, p asks then" in pings.held(["n"])
    mapped = Keymap({"node.hold": ("ctrl+k",), "node.ping": ()})
    assert "ctrl+k releases, node.ping asks then" in pings.held(["n"], mapped.named)


def test_where_letters_are_typed_help_names_no_key_that_types() -> None:
    for _, found in actions.help_groups("compose", Keymap(), read_only=False):
        for keys, action in found:
            assert keys
            for key in keys.split():
                assert len(key) > 1 or key in "↑↓←→", (key, action.id)


def test_every_action_has_a_key_or_takes_something() -> None:
    for action in BY_ID.values():
        assert action.keys or action.lacks, action.id
