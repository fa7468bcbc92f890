"""Scopes on disk: issued (signed), loaded (verified), revoked.

``projects/<project>/scopes/v<version>.json`` holds ``{"scope": .., "signature": ..}``, the signature over the scope's
canonical JSON. ``projects/revoked.json`` is signed too. A newer version revokes the ones before it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from lockgate.errors import Refused, UsageError
from lockgate.schema import RELEASE, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.audit import refuse_identifying
from lockgate.site.files import make_dir, write_atomic
from lockgate.workspace.routes import in_use, outside, routes_of, use_of_scope
from lockgate.workspace.scope.checks import content_problems, date_problems
from lockgate.workspace.scope.model import SCHEMA, Scope, canonical, now

_FILE = re.compile(r"v([1-9][0-9]*)\.json")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_REMEDY = "`lockgate scope verify` shows every reason; an amendment or a renewal makes a new scope"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A scope that no longer holds."""

    scope_id: str
    by: str
    at: str
    reason: str


def project_folder(site: Site, project: str) -> Path:
    """The folder of a project; UsageError when that is no project's name."""
    if not _SLUG.fullmatch(project):
        raise UsageError(
            "that is no project's name",
            remedy="small letters, digits and hyphens, as in the address of its page",
        )
    return site.projects / project


def today(site: Site) -> date:
    """The day at the site."""
    return datetime.now(ZoneInfo(site.config.site.timezone)).date()


def issue(site: Site, scope: Scope, actor: str) -> Path:
    """Sign a scope and put it in force; the file's path.

    Refused, with every reason, unless both deciding roles approved it, by two people with no part in the project, and
    it asks for nothing that can't be given. The same scope is issued once; a higher version ends the ones before it.
    Issued again while it holds, as after a crash before the caller took note of it, it stays as it is: the decisions
    may then have other times, and nothing else.
    """
    scope = scope.model_copy(update={"issued_at": now()})
    folder = make_dir(make_dir(project_folder(site, scope.project)) / "scopes")
    standing = _standing(site, folder / f"v{scope.version}.json", scope)
    if standing is not None:
        _enter(site, standing, actor)
        return folder / f"v{scope.version}.json"
    problems = content_problems(scope, site.config)
    if scope.valid_until < today(site):
        problems += date_problems(scope, today(site))
    problems += _release_problems(site, scope) + _fast_path_problems(site, scope)
    earlier = _versions(folder)
    if earlier and scope.version <= max(earlier):
        problems.append(f"version {max(earlier)} was issued already; an amendment has a higher one")
    if any(scope.scope_id == other for other in _ids(site)):
        problems.append("a scope of this id was issued already")
    if problems:
        raise Refused("the scope may not be issued", reasons=problems, where=scope.scope_id)
    path = folder / f"v{scope.version}.json"
    write_atomic(path, _sealed(site, scope.as_json(), "scope"))
    _enter(site, scope, actor)
    for version in earlier:
        with contextlib.suppress(Refused):
            before = str(_unsealed(site, folder / f"v{version}.json", "scope").get("scope_id"))
            revoke(site, before, actor, f"superseded by version {scope.version}")
    return path


def _standing(site: Site, path: Path, scope: Scope) -> Scope | None:
    """The scope in a file, when it holds and is this one in all but times."""
    if not path.exists():
        return None
    try:
        found = _load_file(site, path, scope.project, today(site))
    except Refused:
        return None
    return found if _timeless(found) == _timeless(scope) else None


def _timeless(scope: Scope) -> dict[str, Any]:
    value = scope.as_json() | {"issued_at": None}
    return value | {"decisions": [item | {"at": None} for item in value["decisions"]]}


def _enter(site: Site, scope: Scope, actor: str) -> None:
    """The audit entry of a scope, once."""
    if any(entry.detail["sha256"] == scope.sha256 for entry in site.audit.entries("scope.issued")):
        return
    site.audit.append(
        "scope.issued",
        actor=actor,
        scope_id=scope.scope_id,
        project=scope.project,
        version=scope.version,
        sha256=scope.sha256,
        release=scope.release,
        valid_until=scope.valid_until.isoformat(),
    )


def _fast_path_problems(site: Site, scope: Scope) -> list[str]:
    """Where a scope that was approved by rule goes beyond the rule, as the site's routes have it now."""
    if scope.fast_path is None:
        return []
    rule = {path.name: path for path in in_use(site, routes_of(site))}.get(scope.fast_path.rule)
    if rule is None:
        return [f"this site has agreed to no fast path {scope.fast_path.rule!r}"]
    use = use_of_scope(scope, synthetic=is_synthetic(site, scope.release))
    return [f"it goes beyond the fast path {rule.name}: {problem}" for problem in outside(rule.within, use)]


def is_synthetic(site: Site, release: str) -> bool:
    """Whether a release says in its manifest that every person in it is invented (``"synthetic": true``)."""
    try:
        manifest = json.loads((site.releases / release / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("synthetic") is True


def _release_problems(site: Site, scope: Scope) -> list[str]:
    try:
        listed = json.loads((site.releases / scope.release / "manifest.json").read_bytes())["tables"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"there is no release {scope.release}"]
    absent = [table for table in scope.tables if table in RELEASE and table not in listed]
    return [
        f"release {scope.release} has no table {table}" for table in absent if table not in VOCABULARY_TABLES
    ]


def load(site: Site, project: str, at: date | None = None) -> Scope:
    """The scope in force for a project on a day (default: today); Refused with every reason when there is none.

    Checks the file byte by byte against its signature, then all that ``issue`` checked, then dates and revocation.
    """
    folder = project_folder(site, project) / "scopes"
    versions = _versions(folder)
    if not versions:
        raise Refused(
            "the project has no scope, so it may see nothing",
            reasons=["no scope was issued"],
            where=project,
            remedy="the application must be approved first",
        )
    return _load_file(site, folder / f"v{max(versions)}.json", project, at or today(site))


def verify_file(site: Site, path: Path, at: date | None = None) -> Scope:
    """The scope in a file, wherever it lies, if it holds; Refused with every reason when it does not."""
    return _load_file(site, path, None, at or today(site))


def _load_file(site: Site, path: Path, project: str | None, at: date) -> Scope:
    scope = _opened(site, path)
    problems = content_problems(scope, site.config) + date_problems(scope, at)
    if project is not None and scope.project != project:
        problems.append(f"it was issued for another project ({scope.project})")
    if project is not None and path.name != f"v{scope.version}.json":
        problems.append(f"it is version {scope.version} under the name of another")
    for revoked in revocations(site):
        if revoked.scope_id == scope.scope_id:
            problems.append(f"it was revoked on {revoked.at[:10]}: {revoked.reason}")
    problems = problems or _set_back(site, scope)
    if problems:
        raise Refused("the scope does not hold", reasons=problems, where=str(path), remedy=_REMEDY)
    return scope


def _set_back(site: Site, scope: Scope) -> list[str]:
    """What the audit chain knows of the scope that the folder doesn't: somebody put older files back."""
    remedy = "the folder projects/ holds older files than the audit chain: an old backup, or somebody's hand"
    newer = [
        int(entry.detail["version"])
        for entry in site.audit.entries("scope.issued")
        if entry.detail["project"] == scope.project and int(entry.detail["version"]) > scope.version
    ]
    if newer:
        return [f"version {max(newer)} was issued after it ({remedy})"]
    for entry in site.audit.entries("scope.revoked"):
        if entry.detail["scope_id"] == scope.scope_id:
            return [
                f"it was revoked on {entry.at[:10]}, and the list of revocations does not say so ({remedy})"
            ]
    return []


def _opened(site: Site, path: Path) -> Scope:
    """The scope in a file whose signature is this site's."""
    value = _unsealed(site, path, "scope")
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        found = value.get("schema") if isinstance(value, dict) else None
        raise _refusal(path, f"its schema is {found!r}, not {SCHEMA!r}")
    try:
        return Scope.model_validate(value)
    except ValidationError as error:
        reasons = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise Refused("the scope can't be understood", reasons=reasons, where=str(path)) from error


def until_over(site: Site, scope: Scope, every: float = 5.0) -> Callable[[], bool]:
    """A function that says whether a scope has ended meanwhile: revoked, suspended, replaced, expired or altered.

    For whatever goes on after it was let in (a job, a notebook): ask it in a loop, and stop when it says so. It looks
    at most every ``every`` seconds, and once it has said so it goes on saying it.
    """
    looked, over = monotonic(), False

    def ended() -> bool:
        nonlocal looked, over
        if not over and monotonic() - looked >= every:
            looked = monotonic()
            try:
                over = load(site, scope.project).sha256 != scope.sha256
            except (Refused, UsageError):
                over = True
        return over

    return ended


def revoke(site: Site, scope_id: str, by: str, reason: str) -> None:
    """End a scope now. UsageError when no such scope was issued; revoking twice changes nothing."""
    if scope_id not in set(_ids(site)):
        raise UsageError(f"there is no scope {scope_id!r} here", remedy="`lockgate scope list` names them")
    if not reason.strip():
        raise UsageError("say why the scope is revoked")
    refuse_identifying("scope.revoked", by, {"reason": reason})
    known = revocations(site)
    if not any(item.scope_id == scope_id for item in known):
        added = {"scope_id": scope_id, "by": by, "at": now().isoformat(), "reason": reason.strip()}
        listed = [{name: getattr(item, name) for name in Revocation.__slots__} for item in known]
        write_atomic(site.projects / "revoked.json", _sealed(site, [*listed, added], "revoked"))
    if any(entry.detail["scope_id"] == scope_id for entry in site.audit.entries("scope.revoked")):
        return  # a crash may have come between the list and its entry
    site.audit.append("scope.revoked", actor=by, scope_id=scope_id, reason=reason.strip())


def revocations(site: Site) -> list[Revocation]:
    """Every revocation; Refused when the list is not as this site signed it."""
    path = site.projects / "revoked.json"
    if not path.exists():
        return []
    value = _unsealed(site, path, "revoked")
    try:
        return [Revocation(**item) for item in value]
    except TypeError as error:
        raise _refusal(path, "the list of revocations can't be understood") from error


def scope_files(site: Site) -> list[Path]:
    """Every scope file of the site, by project and version."""
    return [
        folder / f"v{version}.json"
        for folder in sorted(site.projects.glob("*/scopes"))
        for version in _versions(folder)
    ]


def issued_scopes(site: Site) -> dict[str, list[Scope]]:
    """Every scope that this site signed, by project, whether it holds today or not; altered ones left out."""
    found: dict[str, list[Scope]] = {}
    for path in scope_files(site):
        with contextlib.suppress(Refused):
            scope = _opened(site, path)
            found.setdefault(path.parent.parent.name, []).append(scope)
    return found


def projects_of(site: Site, release: str) -> list[str]:
    """The projects whose scope in force is of a release."""
    found = []
    for folder in sorted(site.projects.glob("*/scopes")):
        with contextlib.suppress(Refused):
            scope = load(site, folder.parent.name)
            if scope.release == release:
                found.append(scope.project)
    return found


def _ids(site: Site) -> Iterable[str]:
    """The id of every scope whose file still holds; an altered one counts for nothing anywhere."""
    for path in scope_files(site):
        with contextlib.suppress(Refused):
            yield str(_unsealed(site, path, "scope").get("scope_id"))


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    names = (_FILE.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match.group(1)) for match in names if match)


def _sealed(site: Site, value: Any, name: str) -> bytes:
    signature = {
        "key_id": site.public_key_id,
        "algorithm": "ed25519",
        "value": base64.b64encode(site.sign(_message(name, value))).decode(),
    }
    return _rendered({name: value, "signature": signature})


def _message(name: str, value: Any) -> bytes:
    return canonical(value) if name == "scope" else name.encode() + b"\n" + canonical(value)


def _rendered(envelope: Any) -> bytes:
    return (json.dumps(envelope, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _unsealed(site: Site, path: Path, name: str) -> Any:
    """The signed value in a file; Refused when one byte of it is not as this site wrote it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(path, f"it can't be read ({error.strerror})") from error
    try:
        envelope = json.loads(content)
        signature = envelope["signature"]
        key_id, algorithm = signature["key_id"], signature["algorithm"]
        signed = base64.b64decode(signature["value"], validate=True)
        value = envelope[name]
        message = _message(name, value)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise _refusal(path, "it was altered: it is no signed document any more") from error
    if algorithm != "ed25519":
        raise _refusal(path, f"it is signed with {algorithm!r}, not with ed25519")
    if key_id != site.public_key_id:
        raise _refusal(path, "it was signed with another key than this site's")
    if not site.verify(message, signed) or _rendered(envelope) != content:
        raise _refusal(path, "it was altered after it was signed")
    return value


def _refusal(path: Path, reason: str) -> Refused:
    return Refused("the document does not hold", reasons=[reason], where=str(path), remedy=_REMEDY)
