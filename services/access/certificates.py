"""Certificates for the bus or for the balancer, which nobody else needs to trust: an authority and what it signs.

The authority's key is not stored: a reader of the folder can be the server, but cannot vouch for another one. Only the
programs that make secrets import this: it takes 8 MiB, and a service needs none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as written
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509 import Certificate, CertificateBuilder, GeneralName, Name
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.access.secret_file import FOLDER_MODE, write_secret

BUS, DOOR = "bus", "door"
VALID = timedelta(days=397)
RENEWED_BEFORE = timedelta(days=60)
CLOCKS_APART = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority's certificate, for clients, as NATS_CA; the servers' own certificate and its key."""

    ca: Path
    server: Path
    key: Path


def paths(folder: Path) -> Certificates:
    """Return where they lie in a folder."""
    return Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")


def make_certificates(folder: Path, hosts: Sequence[str], *, of: str = BUS) -> Certificates:
    """Return those of a folder; where one is missing or ends soon, or a host is new, all are made anew.

    ``hosts``: names and addresses by which clients, and servers among themselves, come to the servers.
    ``of``: what they are for, as people read it in them.

    Raises:
        ValueError, OSError: what is there cannot be read, or the folder cannot be written.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    found = paths(folder)
    if not _lasts(found, hosts):
        _make(found, hosts, of)
    return found


def _lasts(found: Certificates, hosts: Sequence[str]) -> bool:
    if not all(path.exists() for path in (found.ca, found.server, found.key)):
        return False
    certificate = x509.load_pem_x509_certificate(found.server.read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    is_named = all(_name(host) in named for host in hosts)
    return is_named and certificate.not_valid_after_utc - datetime.now(UTC) > RENEWED_BEFORE


def _make(found: Certificates, hosts: Sequence[str], of: str) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name, name = _named(f"Tarifa's {of}"), _named(f"{of} of Tarifa")
    ca = _builder(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    # Servers of a cluster are clients of one another.
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    server = (
        _builder(name, ca_name, key)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(both, critical=False)
    )
    _write(found, ca=_signed(ca, ca_key, ca_key), server=_signed(server, key, ca_key), key=key)


def _write(found: Certificates, *, ca: Certificate, server: Certificate, key: EllipticCurvePrivateKey) -> None:
    private = key.private_bytes(written.Encoding.PEM, written.PrivateFormat.PKCS8, written.NoEncryption())
    write_secret(found.key, private.decode())
    write_secret(found.server, server.public_bytes(written.Encoding.PEM).decode())
    write_secret(found.ca, ca.public_bytes(written.Encoding.PEM).decode())


def _builder(subject: Name, issuer: Name, key: EllipticCurvePrivateKey) -> CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + VALID)
    )


def _signed(builder: CertificateBuilder, own: EllipticCurvePrivateKey, by: EllipticCurvePrivateKey) -> Certificate:
    return (
        builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


def _named(name: str) -> Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(host: str) -> GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
