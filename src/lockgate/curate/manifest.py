"""The manifest of a release: what it holds, where that came from, and that it adds up. Signed by the site."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate import __version__
from lockgate.errors import LockgateError
from lockgate.site import Site
from lockgate.site.files import write_atomic

SCHEMA = "lockgate.release/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"


def write_manifest(site: Site, folder: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Write and sign the manifest; returns it as written."""
    manifest = {
        "schema": SCHEMA,
        **content,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code_version": __version__,
        "site": {"name": site.config.site.name, "ods_code": site.config.site.ods_code},
        "key_id": site.public_key_id,
    }
    body = (json.dumps(manifest, indent=1, ensure_ascii=False, default=str) + "\n").encode()
    write_atomic(folder / MANIFEST, body)
    write_atomic(folder / SIGNATURE, (site.sign(body).hex() + "\n").encode())
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a manifest; LockgateError when it is missing or no JSON object."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        if not isinstance(manifest, dict) or "tables" not in manifest:
            raise ValueError
    except (OSError, ValueError) as error:
        raise LockgateError(
            "the release's manifest can't be read",
            where=str(path),
            remedy="restore the release from the backup, or build a new one",
        ) from error
    return manifest
