"""The keys of a site: a root secret, from which every other secret is derived, and one signing key.

A root key can be rotated: the one before stays as ``root.1.key``, ``root.2.key`` and so on, to read what was made under
it. A project's key can be rotated alone: ``projects.json`` says how often it was.

HKDF-SHA256 (RFC 5869) derives a key per purpose, so that a project's key says nothing of another's.
Scopes, manifests and the head of the audit chain are signed with ed25519 (RFC 8032).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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
PROJECTS = "projects.json"
_RETIRED = re.compile(r"root\.([1-9][0-9]*)\.key")
_LENGTH = 32


class Keys:
    """The secrets in a site's ``keys/`` folder. Kept in memory, and read again when the root key has been rotated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read_roots()
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

    def given(self, name: str, variable: str) -> str:
        """A secret that another system gave the site: of the environment, or ``NAME.secret``; empty where none is."""
        if value := os.environ.get(variable):
            return value
        path = self.folder / f"{name}.secret"
        try:
            return path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise LockgateError(
                f"the secret can't be read ({type(error).__name__})",
                where=str(path),
                remedy="give the file to the user that serves the portal, mode 0600, as UTF-8 text",
            ) from error

    def _read_roots(self) -> None:
        self._mark = self._seen()
        self._root = self._read(ROOT)
        self._retired = self._read_retired()

    def _seen(self) -> tuple[int, int]:
        try:
            stat = (self.folder / ROOT).stat()
        except OSError:
            return (0, 0)
        return stat.st_ino, stat.st_mtime_ns

    def _refresh(self) -> None:
        """A process that runs for long (a server, a worker) must not go on under a key that was rotated meanwhile."""
        if self._seen() != self._mark:
            self._read_roots()

    def _read_retired(self) -> dict[int, bytes]:
        found = {
            int(match[1]): self._read(path.name)
            for path in self.folder.iterdir()
            if (match := _RETIRED.fullmatch(path.name))
        }
        # a crash in `rotate_root` may have left the root's copy without its successor
        return {number: secret for number, secret in found.items() if secret != self._root}

    @property
    def generation(self) -> int:
        """How manieth the root key is: 1, and one more for each rotation."""
        self._refresh()
        return max(self._retired, default=0) + 1

    def derive(self, purpose: str, length: int = _LENGTH, *, generation: int | None = None) -> bytes:
        """The key for one purpose, such as ``"project/p0001"``: ``length`` bytes.

        ``generation`` asks for one of an earlier root key; LockgateError when it is not kept any more.
        """
        root = (
            self._root if generation in (None, self.generation) else self._retired.get(int(generation or 0))
        )
        if root is None:
            raise LockgateError(
                f"the root key of generation {generation} is not here",
                where=str(self.folder),
                remedy=f"restore root.{generation}.key from the backup: what was made under it can't be read without",
            )
        return HKDF(hashes.SHA256(), length, salt=None, info=b"lockgate/" + purpose.encode()).derive(root)

    def rotate_root(self) -> int:
        """Put a new root key in the place of the one in use, which is kept for reading; the new generation."""
        write_atomic(self.folder / f"root.{self.generation}.key", self._root)
        write_atomic(self.folder / ROOT, secrets.token_bytes(_LENGTH))
        return self.generation

    def epoch(self, project: str) -> int:
        """How manieth a project's key is: 1, and one more for each rotation of it alone."""
        path = self.folder / PROJECTS
        if not path.exists():
            return 1
        try:
            return int(json.loads(path.read_bytes()).get(project, 1))
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise LockgateError(
                "the list of rotated project keys can't be read",
                where=str(path),
                remedy="restore it from the backup",
            ) from error

    def rotate_project(self, project: str) -> int:
        """Give a project another key from now on; the new epoch."""
        epoch = self.epoch(project) + 1
        path = self.folder / PROJECTS
        known = json.loads(path.read_bytes()) if path.exists() else {}
        write_atomic(path, (json.dumps(known | {project: epoch}, indent=1, sort_keys=True) + "\n").encode())
        return epoch

    def project(
        self, project: str, use: str = "", *, generation: int | None = None, epoch: int | None = None
    ) -> bytes:
        """A project's key: for its ids, or for another ``use`` of the project's, such as "dates".

        The one in use, or that of an earlier root key or epoch.
        """
        epoch = epoch or self.epoch(project)
        purpose = f"project/{project}" + (f"#{epoch}" if epoch > 1 else "") + (f"/{use}" if use else "")
        return self.derive(purpose, generation=generation)

    def check_of(self, key: bytes) -> str:
        """A short name of a derived key, which says nothing of it."""
        return hashlib.sha256(b"lockgate/check" + key).hexdigest()[:16]

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
