"""The keys of a site: one root secret, from which every other secret is derived, and one signing key.

HKDF-SHA256 (RFC 5869) derives a key per purpose, so that a project's key says nothing of another's.
Scopes, manifests and the head of the audit chain are signed with ed25519 (RFC 8032).
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lockgate.errors import LockgateError
from lockgate.site.files import make_dir, write_atomic

ROOT = "root.key"
SIGNING = "signing.key"
PUBLIC = "signing.pub"
_LENGTH = 32


class Keys:
    """The secrets in a site's ``keys/`` folder. Read once, kept in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = self._read(ROOT)
        self._signing = Ed25519PrivateKey.from_private_bytes(self._read(SIGNING))
        self._public = self._signing.public_key()

    @classmethod
    def create(cls, folder: Path, *, seed: bytes | None = None) -> Keys:
        """Make new keys. A seed makes them repeatable: for tests and demonstrations only."""
        make_dir(folder)
        root = secrets.token_bytes(_LENGTH) if seed is None else hashlib.sha256(b"root" + seed).digest()
        sign = secrets.token_bytes(_LENGTH) if seed is None else hashlib.sha256(b"sign" + seed).digest()
        write_atomic(folder / ROOT, root)
        write_atomic(folder / SIGNING, sign)
        public = Ed25519PrivateKey.from_private_bytes(sign).public_key()
        write_atomic(folder / PUBLIC, public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex().encode())
        return cls(folder)

    def _read(self, name: str) -> bytes:
        path = self.folder / name
        try:
            secret = path.read_bytes()
        except OSError as error:
            raise LockgateError(
                f"the key can't be read ({error.strerror})",
                where=str(path),
                remedy="restore keys/ from the backup; without it releases and scopes can't be verified",
            ) from error
        if len(secret) != _LENGTH:
            raise LockgateError(
                f"a key has {len(secret)} bytes where {_LENGTH} are needed",
                where=str(path),
                remedy="restore keys/ from the backup",
            )
        return secret

    def derive(self, purpose: str, length: int = _LENGTH) -> bytes:
        """The key for one purpose, such as ``"project/p0001"``: ``length`` bytes."""
        return HKDF(hashes.SHA256(), length, salt=None, info=b"lockgate/" + purpose.encode()).derive(
            self._root
        )

    def sign(self, message: bytes) -> bytes:
        """The ed25519 signature (64 bytes) of a message."""
        return self._signing.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this site signed the message."""
        return verify_signature(self.public_bytes, message, signature)

    @property
    def public_bytes(self) -> bytes:
        """The raw public key (32 bytes), to hand to whoever must verify what the site signed."""
        return self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_key_id(self) -> str:
        """A short name of the public key: the first 16 hex digits of its SHA-256."""
        return hashlib.sha256(self.public_bytes).hexdigest()[:16]


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of an ed25519 public key (32 raw bytes) signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
