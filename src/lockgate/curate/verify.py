"""Is a release what it was when it was built? Every file's bytes, the manifest, and its signature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lockgate.curate.manifest import MANIFEST, SIGNATURE, read_manifest
from lockgate.errors import LockgateError
from lockgate.site import Site
from lockgate.site.files import sha256_file

# Files beside the tables, by the part of the manifest that describes them.
BESIDE = ("coverage", "linkage_report", "quality_checks")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: kind (changed, missing, extra, signature, manifest), the file, and in words."""

    kind: str
    file: str
    message: str


def verify_folder(site: Site, folder: Path, *, destroyed: bool = False) -> list[Problem]:
    """Every difference between a release's folder and its signed manifest; an empty list when it is whole.

    Of a release whose data were ``destroyed`` there must be the manifest, and nothing else.
    """
    try:
        manifest = read_manifest(folder)
        body = (folder / MANIFEST).read_bytes()
    except LockgateError as error:
        return [Problem("manifest", MANIFEST, str(error))]
    problems = []
    if not _signed(site, folder, body):
        problems.append(
            Problem("signature", MANIFEST, "the manifest is not the one this site signed: it was changed")
        )
    described = [*manifest["tables"].values(), *manifest.get("limited", {}).values()]
    described += [manifest[part] for part in BESIDE if part in manifest]
    expected = {table["file"]: table["sha256"] for table in described}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    if destroyed:
        expected = {}
    for name in sorted(set(expected) - found):
        problems.append(Problem("missing", name, f"{name} is missing"))
    for name in sorted(found - set(expected) - {MANIFEST, SIGNATURE}):
        problems.append(Problem("extra", name, f"{name} is not of this release"))
    for name in sorted(set(expected) & found):
        if (folder / name).is_symlink() or sha256_file(folder / name) != expected[name]:
            problems.append(Problem("changed", name, f"{name} was changed after the release was built"))
    return problems


def _signed(site: Site, folder: Path, body: bytes) -> bool:
    try:
        signature = bytes.fromhex((folder / SIGNATURE).read_text().strip())
    except (OSError, ValueError):
        return False
    return site.verify(body, signature)
