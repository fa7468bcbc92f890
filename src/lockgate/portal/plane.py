"""Every call that the portal makes to the data plane, in one place (but for those of ``safety/services.py``
and, of cohorts, ``cohort_plane.py``).

The data plane obeys signed scopes; the portal asks it and shows what it answers. Values come back as plain data so
that they can be stored and shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from lockgate.identity.partner import registry
from lockgate.site import Site
from lockgate.site.files import make_dir

RECORD = "outputs.json"
OUTPUT_KINDS = frozenset({"table", "chart", "text", "regression"})


def plain(value: Any) -> Any:
    """A result of the data plane as JSON values."""
    if hasattr(value, "as_dict"):
        return plain(value.as_dict())
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


# Releases and scopes


def partners(site: Site) -> list[dict[str, Any]]:
    """The organisations that this site knows as partners, with what each may deliver."""
    return [one.as_dict() for one in registry.partners(site)]


def partner_owners(site: Site) -> dict[str, str]:
    """Partner -> the account that decides on its data."""
    return {one.name: one.owner for one in registry.partners(site)}


def latest_release(site: Site, *, synthetic: bool = False) -> str | None:
    """The number of the newest release that is complete, or None; of those of invented people, or of all others."""
    from lockgate.workspace.scope import is_synthetic

    numbers = [path.parent.name for path in site.releases.glob("*/manifest.json")]
    numbers = [number for number in numbers if is_synthetic(site, number) is synthetic]
    return max(numbers, key=_number) if numbers else None


def release_stands(site: Site, release: str) -> bool:
    """Whether a release is there and not retired, so that a scope of it can be signed anew."""
    from lockgate.curate import retirement

    return (site.releases / release / "manifest.json").is_file() and retirement(site, release) is None


def _number(release: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in release.split("."))


def release_tables(site: Site, release: str) -> frozenset[str]:
    """The tables that a release holds; none when its manifest can't be read."""
    try:
        manifest = json.loads((site.releases / release / "manifest.json").read_bytes())
        return frozenset(manifest["tables"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def issue_scope(site: Site, scope: dict[str, Any], *, actor: str) -> Path:
    """Sign a scope; Refused when it is not approved as it must be."""
    from lockgate.workspace.scope import Scope, issue

    return issue(site, Scope.model_validate(scope), actor)


def revoke_scope(site: Site, scope_id: str, *, by: str, reason: str) -> None:
    """Revoke a scope: every entrance refuses it from now on."""
    from lockgate.workspace.scope import revoke

    revoke(site, scope_id, by, reason)


# Workspaces and jobs


def provision(site: Site, project: str, *, actor: str) -> dict[str, Any]:
    """Prepare a project's data; what was made, from its workspace.json."""
    from lockgate.workspace import provision as prepare

    prepare(site, project, actor)
    file = site.projects / project / "workspace.json"
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def is_being_provisioned(site: Site, project: str) -> bool:
    """Whether a process prepares a project's data now."""
    from lockgate.workspace.project import Project

    return Project.of(site, project).is_changing()


def run_job(
    site: Site,
    project: str,
    *,
    code: Path | None,
    author: str,
    source: dict[str, str] | None = None,
    environment: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run code, a file or a commit (``source``), in the sandbox: status, job_id, exit_code, seconds, log, what it used,
    its steps, and the outputs' names."""
    from lockgate.workspace import run_job as run

    git = (source["git"], source["commit"]) if source else None
    result = plain(
        run(site, project, code=code, author=author, git=git, environment=environment, cancelled=cancelled)
    )
    folder = site.projects / project / "jobs" / result["job_id"] / "outputs"
    result["outputs"] = described_outputs(folder, folder.parent / "code")
    result["problem"] = result.get("reason", "")
    details = result.get("details", {})
    for name in ("cpu_seconds", "memory_gb_hours", "code_sha256"):
        result[name] = details.get(name)
    kept = ("name", "state", "seconds", "reused_from")  # names of actions stand in the code
    result["steps"] = [{name: step[name] for name in kept} for step in details.get("steps") or []]
    return dict(result)


def usage(site: Site, project: str) -> dict[str, Any]:
    """What a project has used, and what that costs."""
    from lockgate.workspace.usage import usage as used

    return dict(plain(used(site, project)))


def environments(site: Site) -> list[dict[str, Any]]:
    """The newest build of each environment that jobs can name."""
    from lockgate.workspace.environments import environments as known

    return list({one.name: plain(one) for one in known(site)}.values())


def check_source(site: Site, git: str, commit: str, environment: str) -> None:
    """Refused, or UsageError, for a repository, commit or environment that no job could use."""
    from lockgate.workspace.environments import find
    from lockgate.workspace.git import check_source as check

    if git or commit:
        check(site, git, commit)
    if environment:
        find(site, environment)


def described_outputs(folder: Path, code: Path) -> list[dict[str, Any]]:
    """The outputs of a job by name and kind: what its record describes, and files that it doesn't.

    Titles are left out: the code wrote them, and nothing that it wrote is read before it is checked. For the same
    reason only names are repeated that the code (a file or folder) spells out; all others stand as one.
    """
    from lockgate.workspace.report import MADE_UP, MOST_NAMES, known_names

    if not folder.is_dir():
        return []
    known = {}
    for entry in outputs_record(folder):
        kind = entry.get("kind")
        known[str(entry.get("file") or entry.get("name", ""))] = kind if kind in OUTPUT_KINDS else "other"
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != RECORD:
            known.setdefault(path.name, "not described")
    spelt = known_names(code)
    named = [{"name": name, "kind": kind} for name, kind in known.items() if spelt(name)]
    made_up = any(not spelt(name) for name in known)
    return named[:MOST_NAMES] + ([{"name": MADE_UP, "kind": "other"}] if made_up else [])


def outputs_record(folder: Path) -> list[dict[str, Any]]:
    """The entries of outputs.json; none when there is no record or it can't be read."""
    try:
        entries = json.loads((folder / RECORD).read_text(encoding="utf-8"))["outputs"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


# The airlock


def rules_of(site: Site, scope: dict[str, Any] | None = None) -> Any:
    """The disclosure rules of a project's scope, or of the site."""
    from lockgate.disclosure import Rules

    policy = {"threshold": site.config.disclosure.threshold, "rounding": site.config.disclosure.rounding}
    given = {key: value for key, value in (scope or {}).get("output_rules", {}).items() if value is not None}
    return Rules.parse({**policy, **given})


def _against(site: Site, project: str) -> dict[str, Any]:
    """What a candidate is compared with: the project's pseudonyms, and what was released from it before."""
    data, released = site.projects / project / "data", site.projects / project / "released"
    earlier = sorted(path for path in released.iterdir() if path.is_dir()) if released.is_dir() else []
    return {"pseudonyms": data if data.is_dir() else None, "earlier": earlier}


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
    against = _against(site, project)
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

    mend(folder, out, rules_of(site, scope), **_against(site, project))
    carry_over(Project.of(site, project), folder, out)


def prepare(site: Site, project: str, scope: dict[str, Any], folder: Path, out: Path) -> None:
    """Write what would leave: tables, charts drawn from them, texts and result.json; no evidence.

    What only a person can judge is let through here: nothing leaves before two of them have seen these files.
    """
    from lockgate.disclosure import check_outputs as check
    from lockgate.disclosure import prepare as write

    rules, against = rules_of(site, scope), _against(site, project)
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


def publish(site: Site, project: str, request_id: str, files: list[Path], record: dict[str, Any]) -> Path:
    """Copy reviewed files out, hashes compared; the folder of the released files."""
    from lockgate.workspace import publish as release

    return release(site, project, request_id, files, record)


# Who is who


def review_pairs(site: Site, *, decided: bool = False) -> list[dict[str, Any]]:
    """The pairs of records that wait for somebody; no value of a record."""
    from lockgate.identity import review

    return review.listed(site, decided=decided)


def review_pair(site: Site, pair: str) -> dict[str, Any]:
    """Both records of a pair (identifiable), and why they matched; UsageError when there is no such pair."""
    from lockgate.identity import review

    return review.show(site, pair)


def review_chart(site: Site, pair: str) -> str:
    """The waterfall of a pair as SVG; empty when no model has scored it."""
    from lockgate.disclosure.waterfall import render_waterfall
    from lockgate.identity import review

    steps = review.steps_of(site, pair)
    return render_waterfall(steps) if steps else ""


def decide_pair(site: Site, pair: str, verdict: str, *, reason: str, by: str) -> int:
    """Keep a decision on a pair; its number. Refused when it contradicts what holds."""
    from lockgate.identity import review

    return review.judge(site, pair, verdict, reason=reason, by=by).number


# Counts


def people(site: Site, count: int) -> str:
    """A count of people as it may stand on a page."""
    from lockgate.disclosure.core import safe_count

    return str(safe_count(count, rules_of(site)))


def workspace_now(site: Site, project: str, stored: dict[str, Any]) -> dict[str, Any]:
    """What a project's workspace holds now, from its own record; what the portal noted when there is none.

    The record changes with every opt-out, the note does not: a page that showed it would count who has left.
    """
    try:
        found: dict[str, Any] = json.loads((site.projects / project / "workspace.json").read_bytes())
    except (OSError, ValueError):
        return stored
    return found


def apply_opt_outs(site: Site) -> None:
    """Make every workspace fit who has opted out by now."""
    from lockgate.workspace.optouts import apply

    apply(site, "lockgate")


def workspace_tables(site: Site, workspace: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables of a prepared workspace: name, columns, and rows as a count that may be shown."""
    tables = workspace.get("tables", {})
    items = tables.items() if isinstance(tables, dict) else [(item.get("name"), item) for item in tables]
    shown = []
    for name, content in items:
        rows = content.get("rows") if isinstance(content, dict) else content
        columns = content.get("columns", []) if isinstance(content, dict) else []
        shown.append(
            {
                "name": name,
                "rows": people(site, int(rows)) if isinstance(rows, int) else "",
                "columns": len(columns),
            }
        )
    return shown


# Notebooks


def notebooks_unavailable(site: Site) -> str:
    """Why no notebook can be opened at this site; empty when one can."""
    from lockgate.workspace.notebooks import available

    return available.unavailable(site)


def require_notebooks(site: Site) -> None:
    """Refused, saying why, when no notebook can be opened at this site."""
    from lockgate.workspace.notebooks import available

    available.require(site)
