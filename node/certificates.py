"""The broker's certificates: a local CA, and what it signs.

``cryptography`` comes with the extra ``broker``: import this module where it is used, for nodes
have no use for it. Importing it raises ConfigError where it is not installed.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from node.broker_config import Tls
from steward.errors import ConfigError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    raise ConfigError(
        "certificates cannot be made here: cryptography is not installed",
        "pip install 'steward[broker]', or bring certificates of your own",
    ) from None

Name = x509.DNSName | x509.IPAddress
PrivateKey = ec.EllipticCurvePrivateKey

CA: Final = "ca.pem"
CA_KEY: Final = "ca.key"
CA_DAYS: Final = 3650
SERVER_DAYS: Final = 825
SOON: Final = timedelta(days=60)
"""Before it ends, a certificate of the local CA is made anew."""
_BEFORE: Final = timedelta(days=1)
"""A node's clock may be behind."""


def make_ca(folder: Path) -> str:
    """The PEM of the local CA in ``folder``, which is made if there is none: ``ca.pem``, and
    ``ca.key`` (0600). It holds for ten years. Raises ConfigError, OSError."""
    if (folder / CA).exists() or (folder / CA_KEY).exists():
        _ca(folder)
        return (folder / CA).read_text(encoding="ascii")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Steward CA of this fleet")])
    made = (
        _begun(name, name, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / CA_KEY, _pem(key), 0o600)
    _write(folder / CA, _pem(made), 0o644)
    return (folder / CA).read_text(encoding="ascii")


def server_certificate(folder: Path, hosts: Sequence[str], files: Tls) -> None:
    """A certificate for the names and IP addresses ``hosts`` by the CA in ``folder``, with its key
    (0600). The one that is there stays if it is for the same hosts, by this CA, and doesn't end
    soon. Raises ConfigError, OSError."""
    if not hosts:
        raise ConfigError("a certificate needs a name", "--host NAME, as in the nodes' addresses")
    ca, ca_key = _ca(folder)
    names = [_name(host) for host in hosts]
    if _is_good(files, names, ca):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Steward broker")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    made = (
        _begun(subject, ca.subject, key, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(files.key, _pem(key), 0o600)
    _write(files.certificate, _pem(made), 0o644)


def names_in(certificate: Path) -> list[str]:
    """The names and addresses that it is for; none if it cannot be read."""
    try:
        return [str(name.value) for name in _names(_read_certificate(certificate))]
    except ConfigError:
        return []


def _begun(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + timedelta(days=days) - _BEFORE)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(host: str) -> Name:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    try:
        return x509.DNSName(host)
    except ValueError:
        problem = f"{host!r} is no host's name"
        raise ConfigError(problem, "letters, digits, dots; or an IP address") from None


def _names(certificate: x509.Certificate) -> list[Name]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name for name in found.value if isinstance(name, x509.DNSName | x509.IPAddress)]


def _is_good(files: Tls, names: list[Name], ca: x509.Certificate) -> bool:
    try:
        certificate, key = _read_certificate(files.certificate), _read_key(files.key)
        certificate.verify_directly_issued_by(ca)
    except Exception:  # damaged, of another CA, not there: it is made anew
        return False
    lasts = certificate.not_valid_after_utc - datetime.now(UTC)
    is_whole = certificate.public_key() == key.public_key()
    return is_whole and lasts > SOON and set(_names(certificate)) == set(names)


def _ca(folder: Path) -> tuple[x509.Certificate, PrivateKey]:
    certificate, key = _read_certificate(folder / CA), _read_key(folder / CA_KEY)
    if not isinstance(key, PrivateKey) or certificate.public_key() != key.public_key():
        problem = f"{folder / CA_KEY} is not the key of {folder / CA}"
        raise ConfigError(problem, "put both back from the same copy")
    _holds_now(certificate, folder / CA)
    return certificate, key


def _holds_now(certificate: x509.Certificate, file: Path) -> None:
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        problem = f"{file} has ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise ConfigError(problem, "renew it")
    if now < certificate.not_valid_before_utc:
        problem = f"{file} holds from {certificate.not_valid_before_utc:%Y-%m-%d} on"
        raise ConfigError(problem, "is this machine's clock wrong?")


def _read_certificate(file: Path) -> x509.Certificate:
    """The first one in the file; a chain follows it."""
    try:
        return x509.load_pem_x509_certificate(_read(file))
    except ValueError:
        raise ConfigError(f"{file} holds no certificate", "a file of PEM certificates") from None


def _read_key(file: Path) -> PrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    data = _read(file)
    with suppress(ValueError, TypeError):
        key = serialization.load_pem_private_key(data, password=None)
        if isinstance(key, PrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            return key
    raise ConfigError(f"{file} holds no key that can be used", "a PEM key without a password")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", "put it back from a backup") from None


def _pem(what: x509.Certificate | PrivateKey) -> bytes:
    pem = serialization.Encoding.PEM
    if isinstance(what, x509.Certificate):
        return what.public_bytes(pem)
    form = serialization.PrivateFormat.PKCS8
    return what.private_bytes(pem, form, serialization.NoEncryption())


def _write(file: Path, data: bytes, mode: int) -> None:
    """Whole or not at all; never readable for longer, or for more, than it may be."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(fd, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
