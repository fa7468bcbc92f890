"""What the airlock asks of the data plane: verdicts on files that would leave or come in, repairs, and publishing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lockgate.portal.plane import RECORD, plain, rules_of
from lockgate.site import Site
from lockgate.site.files import make_dir


def _against(site: Site, project: str, scope: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a candidate is compared with: the project's pseudonyms, what was released from it before, and all that its
    people were shown, by whom it counts."""
    from lockgate.workspace.whom import known_to

    members = {str(one["username"]) for one in scope.get("people", ())} | {str(scope.get("applicant", ""))}
    data, released = site.projects / project / "data", site.projects / project / "released"
    earlier = sorted(path for path in released.iterdir() if path.is_dir()) if released.is_dir() else []
    known = known_to(site, project, members - {""}, folder)
    return {"pseudonyms": data if data.is_dir() else None, "earlier": earlier, "known": known}


def check_outputs(site: Site, project: str, scope: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The verdict on each file of an outputs folder: pass, fail or review, with findings."""
    from lockgate.disclosure import check_outputs as check

    others = sorted(
        path
        for place in site.projects.glob("*/released")
        if place.parent.name != project
        for path in place.iterdir()
        if path.is_dir()
    )
    against = _against(site, project, scope, folder)
    found = [plain(verdict) for verdict in check(folder, rules_of(site, scope), **against, elsewhere=others)]
    return with_evidence(site, project, folder, found)


def with_evidence(
    site: Site, project: str, folder: Path, verdicts: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The verdicts, with what the platform knows of the evidence behind each table.

    A table that contradicts it fails. One that nothing confirms is told to the reviewers, and needs them where the
    site lets others be decided by rule.
    """
    from lockgate.disclosure.findings import Finding
    from lockgate.workspace.evidence import confirmations
    from lockgate.workspace.project import Project

    by_rule = site.config.disclosure.release_by_rule != "never"
    known = {one.file: one for one in confirmations(Project.of(site, project), folder)}
    for verdict in verdicts:
        one = known.get(verdict["file"])
        if one is None or one.status == "confirmed":
            continue
        false = one.status == "contradicted"
        severity: Any = "fail" if false else "review" if by_rule else "note"
        mend = "write it with outputs.counts or outputs.summary"
        verdict["findings"].append(Finding("evidence", one.file, one.why, mend, severity).as_dict())
        if severity != "note" and verdict["decision"] != "fail":
            verdict["decision"] = severity
        verdict["repaired"] = verdict["repaired"] and not false
    return verdicts


def not_to_copy(site: Site, scope: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """What of a job's outputs isn't even copied (links, folders, sockets, far too large), with the verdict on each."""
    from lockgate.disclosure import Verdict
    from lockgate.disclosure.files import listing, printable, read

    found: dict[str, dict[str, Any]] = {}
    rules = rules_of(site, scope)
    for name in listing(folder):
        path = folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > rules.max_file_bytes:
            problems = read(folder, name, rules)[2]
            found[name] = plain(Verdict(printable(name), "unknown", problems))
    return found


def low_risk(site: Site, scope: dict[str, Any], folder: Path, verdicts: list[dict[str, Any]]) -> bool:
    """Whether the site's policy lets rules alone decide on these checked outputs."""
    from lockgate.disclosure.lowrisk import not_low_risk

    if site.config.disclosure.release_by_rule != "low-risk":
        return False
    return not not_low_risk(folder, verdicts, rules_of(site, scope))


def shape(folder: Path) -> dict[str, Any]:
    """What checked outputs are like but for their figures."""
    from lockgate.disclosure.lowrisk import shape as of

    return of(folder)


def unlike(folder: Path, before: dict[str, Any]) -> list[str]:
    """Where checked outputs are not like those approved before."""
    from lockgate.disclosure.lowrisk import shape as of
    from lockgate.disclosure.lowrisk import unlike as compare

    now: dict[str, Any] = json.loads(json.dumps(of(folder)))
    return compare(now, before)


def recall(site: Site, project: str, request_id: str, *, reason: str, at: str) -> None:
    """Take what was published back."""
    from lockgate.workspace.publishing import recall as take_back

    take_back(site, project, request_id, reason=reason, at=at)


MOST_INCOMING = 100_000_000


def check_incoming(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The verdict on each file that asks to come in, and the files with their hashes."""
    from lockgate.disclosure.incoming import check_incoming as check
    from lockgate.site.files import sha256_file

    files = [
        {
            "name": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
    return [plain(verdict) for verdict in check(folder)], files


def unpack_incoming(archive: Path, target: Path) -> None:
    """Put a zip archive's files in its place, under limits."""
    from lockgate.workspace.archive import unpack

    unpack(archive, target, most_bytes=MOST_INCOMING, most_files=500)
    archive.unlink()


def bring_in(site: Site, project: str, reference: str, folder: Path, record: dict[str, Any]) -> Path:
    """Put reviewed files into the project, read-only, hashes compared."""
    from lockgate.workspace.importing import bring_in as put

    return put(site, project, reference, folder, record)


def repair(site: Site, project: str, scope: dict[str, Any], folder: Path, out: Path) -> None:
    """Write a repaired copy of an outputs folder: small cells withheld, counts rounded."""
    from lockgate.disclosure import repair as mend
    from lockgate.workspace.evidence import carry_over
    from lockgate.workspace.project import Project

    mend(folder, out, rules_of(site, scope), **_against(site, project, scope, folder))
    carry_over(Project.of(site, project), folder, out)


def prepare(site: Site, project: str, scope: dict[str, Any], folder: Path, out: Path) -> None:
    """Write what would leave: tables, charts drawn from them, texts and result.json; no evidence.

    What only a person can judge is let through here: nothing leaves before two of them have seen these files.
    """
    from lockgate.disclosure import check_outputs as check
    from lockgate.disclosure import prepare as write

    rules, against = rules_of(site, scope), _against(site, project, scope, folder)
    closely = {verdict.file for verdict in check(folder, rules, **against) if verdict.decision == "review"}
    make_dir(out.parent)
    write(folder, out, rules, **against, accepted=closely)


def output_groups(folder: Path) -> dict[str, str]:
    """The groups that a job put its outputs into, each with its context; none when there is no record."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8")).get("groups", {})
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    return {str(name): str(context) for name, context in found.items()} if isinstance(found, dict) else {}


def leaves_as(entry: dict[str, Any]) -> str:
    """The file under which an output leaves: a chart as its picture."""
    return f"{entry.get('name')}.svg" if entry.get("kind") == "chart" else str(entry.get("file", ""))


def take_back(site: Site, project: str, request_id: str) -> bool:
    """Remove what a cut left in public of a request that was not released; whether there was anything."""
    from lockgate.workspace.publishing import take_back as remove

    return remove(site, project, request_id)


def remember(site: Site, project: str, request_id: str, checked: Path) -> None:
    """Keep whom the tables of a result count, before it leaves: later questions and results are held against them."""
    from lockgate.workspace.whom import remember as keep

    keep(site, project, request_id, checked)


def publish(site: Site, project: str, request_id: str, files: list[Path], record: dict[str, Any]) -> Path:
    """Copy reviewed files out, hashes compared; the folder of the released files."""
    from lockgate.workspace import publish as release

    return release(site, project, request_id, files, record)
