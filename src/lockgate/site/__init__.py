"""A site: the folder that holds a hospital's data in its zones of trust, its keys, and its audit chain."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from lockgate.errors import UsageError
from lockgate.site.audit import AuditLog, Entry, Problem
from lockgate.site.config import SiteConfig, read_config, render_config
from lockgate.site.files import make_dir, write_atomic
from lockgate.site.keys import Keys

PRIVATE_ZONES = ("keys", "landing", "staged", "releases", "projects", "vocabulary", "audit")
PUBLIC_ZONES = ("register",)


class Site:
    """One site folder. ``Site.open`` checks that it is one; ``Site.init`` makes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def init(
        cls, path: Path | str, *, name: str, ods_code: str = "", demo: bool = False, seed: str | None = None
    ) -> Site:
        """Make a new site: folders with their modes, keys, ``site.toml`` and the first audit entry.

        A ``seed`` makes the keys repeatable and is for tests and demonstrations only.
        Raises UsageError when the folder is not empty.
        """
        path = Path(path).resolve()
        if (path / "site.toml").exists():
            raise UsageError("this folder is a site already", where=str(path), remedy="choose another folder")
        if path.exists() and any(path.iterdir()):
            raise UsageError(
                "the folder is not empty", where=str(path), remedy="choose a new or empty folder"
            )
        make_dir(path, public=True)
        for zone in PRIVATE_ZONES:
            make_dir(path / zone)
        for zone in PUBLIC_ZONES:
            make_dir(path / zone, public=True)
        Keys.create(path / "keys", seed=None if seed is None else seed.encode())
        write_atomic(path / "site.toml", render_config(name, ods_code, demo=demo).encode())
        site = cls.open(path)
        site.audit.append("site.created", actor="lockgate", name=name, key_id=site.public_key_id)
        return site

    @classmethod
    def open(cls, path: Path | str) -> Site:
        """Open a site; UsageError when the folder is none or ``site.toml`` is broken."""
        path = Path(path).resolve()
        if not (path / "site.toml").is_file():
            raise UsageError(
                "this folder is no Lockgate site (it has no site.toml)",
                where=str(path),
                remedy="name one with --site, or make one with `lockgate init DIR`",
            )
        site = cls(path)
        _ = site.config
        return site

    @cached_property
    def config(self) -> SiteConfig:
        """``site.toml``, validated."""
        return read_config(self.path / "site.toml")

    @cached_property
    def _keys(self) -> Keys:
        return Keys(self.path / "keys")

    @cached_property
    def audit(self) -> AuditLog:
        """The site's audit chain."""
        return AuditLog(self.path / "audit", self._keys)

    @property
    def keys(self) -> Path:
        """The folder of keys."""
        return self.path / "keys"

    @property
    def landing(self) -> Path:
        """Raw items as they arrived: identifiable."""
        return self.path / "landing"

    @property
    def staged(self) -> Path:
        """Typed rows: identifiable."""
        return self.path / "staged"

    @property
    def releases(self) -> Path:
        """De-identified, immutable research databases."""
        return self.path / "releases"

    @property
    def projects(self) -> Path:
        """What each approved project sees and made."""
        return self.path / "projects"

    @property
    def register(self) -> Path:
        """What the public reads."""
        return self.path / "register"

    @property
    def vocabulary(self) -> Path:
        """OMOP vocabulary tables the site has loaded."""
        return self.path / "vocabulary"

    @property
    def ledger(self) -> Path:
        """The questions that were asked about people: whom each counts, and what was told."""
        return self.path / "ledger"

    @property
    def environments(self) -> Path:
        """Packages prepared for jobs."""
        return self.path / "environments"

    @property
    def control_db(self) -> Path:
        """The control plane's SQLite database (unless site.toml names another)."""
        return self.path / "control.sqlite3"

    def key(self, purpose: str, length: int = 32, *, generation: int | None = None) -> bytes:
        """The secret for one purpose, derived from the root key (HKDF-SHA256), or from that of a generation."""
        return self._keys.derive(purpose, length, generation=generation)

    def project_key(self, project: str, use: str = "") -> bytes:
        """The secret of a project's ids, or of another ``use`` of the project's."""
        return self._keys.project(project, use)

    @property
    def keyring(self) -> Keys:
        """The keys themselves: their generations, and rotation."""
        return self._keys

    def sign(self, message: bytes) -> bytes:
        """Sign with the site's ed25519 key."""
        return self._keys.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this site signed the message."""
        return self._keys.verify(message, signature)

    @property
    def public_key(self) -> bytes:
        """The raw ed25519 public key."""
        return self._keys.public_bytes

    @property
    def public_key_id(self) -> str:
        """A short name of the site's public key."""
        return self._keys.public_key_id


__all__ = ["PRIVATE_ZONES", "PUBLIC_ZONES", "AuditLog", "Entry", "Keys", "Problem", "Site", "SiteConfig"]
