"""MLLP over TLS, on the loopback, with certificates made here."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lockgate.capture import status
from lockgate.capture.hl7v2.listener import Listener
from lockgate.capture.hl7v2.mllp import START, Tls, transmit
from lockgate.errors import LockgateError, UsageError
from lockgate.site import Site

MESSAGE = (
    b"MSH|^~\\&|PAS|RXX|LG|LG|20240301090000||ADT^A01|C1|P|2.4\rEVN|A01|20240301090000\r"
    b"PID|1||1^^^RXX^MR||DOE^JO\rPV1|1|I|W7||||||||||||||||V1\r"
)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return cert_path, key_path


async def _heard(site: Site, tls: Tls, *senders: Tls | None) -> list[dict[str, int] | str]:
    """What each sender was told by a listener with these files."""
    listener, started = Listener(site, "pas", "test", every=3600, batch=1000, tls=tls), asyncio.Event()
    serving = asyncio.create_task(listener.run("127.0.0.1", 0, started))
    await started.wait()
    told: list[dict[str, int] | str] = []
    for sender in senders:
        try:
            where = f"127.0.0.1:{listener.port}"
            told.append(await asyncio.to_thread(transmit, iter([MESSAGE]), where, timeout=10, tls=sender))
        except LockgateError as error:
            told.append(type(error).__name__)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as plain:
        await asyncio.to_thread(plain.sendall, START + MESSAGE)
    listener._stop.set()
    await serving
    return told


def test_only_who_is_let_in_is_heard(site: Site, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "listener")
    engine, engine_key = certificate(tmp_path, "engine")
    other, other_key = certificate(tmp_path, "other")
    trusted = Tls(engine, engine_key, cert)
    told = asyncio.run(
        _heard(
            site,
            Tls(cert, key, engine),
            trusted,
            Tls(ca=cert),  # shows no certificate
            Tls(other, other_key, cert),  # shows another's
            Tls(engine, engine_key, other),  # does not trust the listener
        )
    )
    assert told == [{"sent": 1, "AA": 1, "AE": 0, "AR": 0}, *["LockgateError"] * 3]
    counts = status(site)
    assert (counts["received"], counts["staged"]) == (1, 1)


def test_without_an_authority_any_sender_is_heard_encrypted(site: Site, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "listener")
    assert asyncio.run(_heard(site, Tls(cert, key), Tls(ca=cert)))[0] == {
        "sent": 1,
        "AA": 1,
        "AE": 0,
        "AR": 0,
    }


def test_files_that_do_not_serve_are_told(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "one")
    _, wrong = certificate(tmp_path, "two")
    assert Tls().context(server=True) is None
    for tls in (Tls(cert), Tls(ca=cert), Tls(cert, wrong), Tls(cert, tmp_path / "none"), Tls(key, key)):
        with pytest.raises(UsageError):
            tls.context(server=True)
