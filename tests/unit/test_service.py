"""``steward service`` below a folder of its own: what it writes, keeps, refuses and says."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest

from node import service
from node.service_hands import Hands, writable_by_others
from steward.cli import main
from steward.key_files import TrustFile, write_trust
from steward.signing import SigningKey, fingerprint
from steward.subjects import NodeName

UNITS = "etc/systemd/system"


class Machine:
    """A root folder, and the command line."""

    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capfd = capfd
        self.said = ""

    def service(self, *words: str, status: int = 0) -> str:
        """What it says; it has to end with that status."""
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["service", *words])
        out, err = self._capfd.readouterr()
        self.said = out + err
        assert end.value.code == status, self.said
        return self.said

    def install(self, *words: str, status: int = 0) -> str:
        return self.service("install", "--root", str(self.root), *words, status=status)

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def trusts(self, key: SigningKey, central: str = "central") -> None:
        write_trust(
            self.root / "var/lib/steward", TrustFile(central=NodeName(central), key=key.public)
        )


@pytest.fixture
def machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Machine:
    return Machine(tmp_path, capfd)


def test_it_writes_units_settings_and_the_word_that_a_runner_is_there(machine: Machine) -> None:
    said = machine.install("--node", "ship2", "--broker-address", "tls://hq:4222")
    assert "wrote /etc/systemd/system/steward.service" in said
    assert "steward keys join FILE --state-dir /var/lib/steward" in said
    settings = tomllib.loads(machine.text("etc/steward/node.toml"))
    assert settings == {
        "node": "ship2", "central": "central", "broker-address": "tls://hq:4222",
    }  # fmt: skip
    assert machine.text("var/lib/steward/runner.at") == "/run/steward/runner.sock\n"
    assert not (machine.root / UNITS / "steward-broker.service").exists()
    assert not (machine.root / "etc/steward/anchor").exists()


def test_again_it_changes_nothing_and_needs_no_name(machine: Machine) -> None:
    machine.install("--node", "ship2")
    before = {p: p.read_bytes() for p in machine.root.rglob("*") if p.is_file()}
    said = machine.install()
    assert "wrote" not in said
    assert "node.toml is kept as it is" in said
    assert before == {p: p.read_bytes() for p in machine.root.rglob("*") if p.is_file()}
    assert "names this node ship2, not ship3" in machine.install("--node", "ship3", status=2)


def test_what_was_asked_for_once_goes_on(machine: Machine) -> None:
    machine.install("--node", "central", "--broker", "--credential", "steward-broker-key:/x/nk")
    assert "steward-broker.service is as it should be" in machine.install()
    unit = (machine.root / UNITS / "steward.service").read_text()
    assert "\nLoadCredential=steward-broker-key:/x/nk\n" in unit


def test_with_trust_the_runner_learns_whose_orders_to_believe(machine: Machine) -> None:
    machine.install("--node", "ship2")
    key = SigningKey.generate()
    machine.trusts(key)
    said = machine.install()
    assert fingerprint(key.public) in said
    assert "nothing is started yet" not in said
    anchor = tomllib.loads(machine.text("etc/steward/anchor"))
    assert (anchor["node"], anchor["central"], anchor["serial"]) == ("ship2", "central", 0)


def test_what_the_daemons_folder_says_later_changes_no_anchor(machine: Machine) -> None:
    machine.install("--node", "ship2")
    good, other = SigningKey.generate(), SigningKey.generate()
    machine.trusts(good)
    machine.install("--fingerprint", fingerprint(good.public))
    before = machine.text("etc/steward/anchor")
    machine.trusts(other)
    assert "anchor is kept" in machine.install()
    assert machine.text("etc/steward/anchor") == before
    machine.install("--fingerprint", fingerprint(good.public), status=7)
    assert machine.text("etc/steward/anchor") == before
    machine.install("--fingerprint", fingerprint(other.public).lower())
    assert machine.text("etc/steward/anchor") != before
    machine.trusts(good, "hq")
    assert "has joined hq" in machine.install(status=2)


def test_what_somebody_has_changed_is_kept_unless_forced(machine: Machine) -> None:
    machine.install("--node", "ship2")
    unit = machine.root / UNITS / "steward.service"
    written = unit.read_text()
    unit.write_text("[Service]\n")
    said = machine.install("--broker", status=2)
    assert "/etc/systemd/system/steward.service was made or changed by somebody else" in said
    assert not (machine.root / UNITS / "steward-broker.service").exists(), "all or nothing"
    machine.install("--force")
    assert unit.read_text() == written
    machine.trusts(SigningKey.generate())
    said = machine.install("--credential", "steward-signing-key:/etc/credstore/k")  # ours
    assert "holds after: systemctl restart steward.service" in said
    assert "LoadCredential=steward-signing-key:/etc/credstore/k" in unit.read_text()


def test_a_dry_run_touches_nothing(machine: Machine) -> None:
    said = machine.install("--node", "ship2", "--dry-run")
    assert "would write /etc/steward/node.toml" in said
    assert list(machine.root.iterdir()) == []


def test_removing_leaves_settings_and_state_and_what_was_changed(machine: Machine) -> None:
    machine.install("--node", "central", "--broker")
    (machine.root / UNITS / "steward-runner.service").write_text("mine\n")
    where = ("--root", str(machine.root))
    assert "would remove" in machine.service("remove", *where, "--dry-run")
    said = machine.service("remove", *where)
    assert "steward-runner.service was changed by somebody else and is kept" in said
    left = {str(p.relative_to(machine.root)) for p in machine.root.rglob("*") if p.is_file()}
    assert left == {
        "etc/steward/.installed", "etc/steward/node.toml", f"{UNITS}/steward-runner.service",
    }  # fmt: skip
    machine.service("remove", *where, "--force")
    assert not list((machine.root / UNITS).iterdir())


def test_show_prints_the_units(machine: Machine) -> None:
    said = machine.service("show", "--user", "edge", "--broker")
    for words in ("User=edge", "# /etc/systemd/system/steward-broker.service", "KillMode=process"):
        assert words in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "no name yet"),
        (("--node", "a.b"), "not a node name"),
        (("--node", "a", "--state-dir", "/var/my lib"), "cannot stand in a unit"),
    ],
)
def test_what_cannot_be_is_refused(machine: Machine, words: tuple[str, ...], why: str) -> None:
    machine.install(*words, status=7 if "not a node" in why else 2)
    assert why in machine.said
    assert list(machine.root.iterdir()) == []


def test_without_root_or_systemd_it_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "_SYSTEMD", tmp_path / "none")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root can install" in machine.service("install", "--node", "a", status=2)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "systemd does not run" in machine.service("remove", status=2)


def test_what_the_service_would_not_see_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "_SYSTEMD", tmp_path)
    monkeypatch.setattr(service, "_HIDDEN", [str(Path(service.__file__).parent)])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said = machine.service("install", "--node", "a", "--state-dir", str(tmp_path), status=2)
    assert "which the service does not see" in said


def test_what_others_can_write_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good").mkdir(mode=0o755)
    bad = tmp_path / "good" / "file"
    bad.touch(mode=0o644)
    facts = os.lstat

    def rooted(path: os.PathLike[str]) -> os.stat_result:
        found = list(facts(path))
        found[4] = 0  # as if root had made all of it
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", rooted)
    assert writable_by_others(tmp_path / "good") is None
    bad.chmod(0o666)
    assert writable_by_others(tmp_path / "good") == bad


def test_all_that_root_would_load_is_looked_at(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyNaCl loads cffi's part in C, which lies beside it."""
    seen: list[Path] = []
    monkeypatch.setattr(service, "writable_by_others", lambda *paths: seen.extend(paths))
    service._check_program(service._places({"state_dir": machine.root, "user": "a"}), insist=False)
    loaded = [sys.modules[name].__file__ for name in ("nacl._sodium", "_cffi_backend")]
    for path in map(Path, filter(None, loaded)):
        assert any(path.is_relative_to(one) for one in seen), path
    assert service.nacl_folder().with_name("cffi") in seen


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    said: list[str] = []
    hands = Hands(said.append, tmp_path)
    hands.write(Path("/etc/x"), "one\n", 0o640)
    assert ((tmp_path / "etc/x").stat().st_mode & 0o777, said) == (0o640, ["wrote /etc/x"])
    (tmp_path / "etc/.x.new").symlink_to(tmp_path / "elsewhere")
    hands.write(Path("/etc/x"), "two\n")
    assert (tmp_path / "etc/x").read_text() == "two\n"
    assert not (tmp_path / "elsewhere").exists()
