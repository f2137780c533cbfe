"""Join tokens: what one holds, and what is said of one that cannot be used."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.errors import TrustError
from steward.subjects import NodeName
from steward.token import CREDENTIAL, Token, credential, parse

JOINER = "SU" + "A" * 56


def token(**more: object) -> Token:
    made = Token(
        central=NodeName("central"),
        key=bytes(range(32)),
        brokers=("tls://central.example:4222",),
        ca="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        joiner=JOINER,
        expires=1000.0,
    )
    return msgspec.structs.replace(made, **more)


def written(content: object) -> str:
    """A token that is whole, whatever it holds."""
    packed = base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")
    return f"steward-join-1.{packed}.{hashlib.sha256(packed.encode()).hexdigest()[:8]}"


def test_a_token_says_again_what_was_put_in() -> None:
    made = token(serial=3)
    text = made.text()
    assert text.startswith("steward-join-1.")
    assert len(text.split()) == 1
    assert parse(text, 999.0) == made


def test_a_token_may_be_broken_over_lines() -> None:
    text = token().text()
    folded = "\r\n".join(text[at : at + 60] for at in range(0, len(text), 60))
    assert parse(f"  {folded}\n\n", 0.0) == token()


@given(st.data())
def test_a_cut_or_mistyped_token_is_never_taken(data: st.DataObject) -> None:
    text = token().text()
    at = data.draw(st.integers(len("steward-join-1."), len(text) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_."))
    for wrong in (text[:at], text[:at] + letter + text[at + 1 :], text[:at] + text[at + 1 :]):
        if wrong != text:
            with pytest.raises(TrustError):
                parse(wrong, 0.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("hello", "does not begin with steward-join-"),
        ("steward-join-7.AAAA.00000000", "version '7'"),
        (token().text()[:-3], "cut or mistyped"),
        (token().text()[:40], "cut or mistyped"),
        (written({"central": "central"}), "cannot be read"),
        (written([1]), "cannot be read"),
        (written(msgspec.to_builtins(token(central=NodeName("a.b")))), "not a node name"),
        (written(msgspec.to_builtins(token(key=b"short"))), "cannot be read"),
        (written(msgspec.to_builtins(token(brokers=("http://x",)))), "cannot be read"),
        (written(msgspec.to_builtins(token(brokers=()))), "cannot be read"),
        (written(msgspec.to_builtins(token(joiner="SUx"))), "cannot be read"),
    ],
)
def test_a_token_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(TrustError) as caught:
        parse(text, 0.0)
    assert said in str(caught.value)
    assert caught.value.hint


def test_an_expired_token_says_so_and_that_the_clock_may_be_wrong() -> None:
    with pytest.raises(TrustError, match=r"expired 1\.0 hours ago") as caught:
        parse(token().text(), 1000.0 + 3600.0)
    assert "clock" in str(caught.value)


def test_systemd_can_hand_over_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert credential() == ""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credential() == ""
    (tmp_path / CREDENTIAL).write_text(token().text())
    assert parse(credential(), 0.0) == token()
    (tmp_path / CREDENTIAL).write_bytes(b"\xff\xfe")
    with pytest.raises(TrustError, match="cannot be read"):
        credential()
