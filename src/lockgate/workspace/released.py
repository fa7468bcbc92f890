"""The release that a scope names, before anything is read of it: as this site built and signed it."""

from __future__ import annotations

import hashlib

from lockgate.curate.release import Release
from lockgate.errors import Refused
from lockgate.schema import VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import sha256_file


def checked_manifest(site: Site, release: Release, needed: set[str], asked: set[str]) -> str:
    """The SHA-256 of the manifest, when this site signed it and every file to be read is the one it lists."""
    body = (release.path / "manifest.json").read_bytes()
    problems = []
    try:
        signature = bytes.fromhex((release.path / "manifest.sig").read_text().strip())
    except (OSError, ValueError):
        signature = b""
    if not site.verify(body, signature):
        problems.append("its manifest is not the one this site signed")
    listed = release.manifest["tables"]
    problems += [f"it has no table {table}" for table in sorted(asked - set(listed) - set(VOCABULARY_TABLES))]
    apart = release.manifest.get("limited", {})
    read = [listed[table] for table in sorted(needed & set(listed))]
    read += [apart[table] for table in sorted((needed | {"people"}) & set(apart))]
    for table in read:
        path = release.path / table["file"]
        if not path.is_file() or sha256_file(path) != table["sha256"]:
            problems.append(f"{table['file']} is not as it was built")
    if problems:
        raise Refused(
            "the release is not what the scope was given for",
            reasons=problems,
            where=release.number,
            remedy=f"lockgate release verify {release.number}",
        )
    return hashlib.sha256(body).hexdigest()
