"""Every call that the portal makes to the data plane, in one place (but for those of ``safety/services.py``;
of cohorts, ``cohort_plane.py``; of the airlock, ``airlock/plane.py``).

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


def rules_of(site: Site, scope: dict[str, Any] | None = None) -> Any:
    """The disclosure rules of a project's scope, or of the site."""
    from lockgate.disclosure import Rules

    policy = {"threshold": site.config.disclosure.threshold, "rounding": site.config.disclosure.rounding}
    given = {key: value for key, value in (scope or {}).get("output_rules", {}).items() if value is not None}
    return Rules.parse({**policy, **given})


def people(site: Site, count: int) -> str:
    """A count of people or rows as it may stand on a page beside the counts of Explore: coarsely rounded."""
    from lockgate.disclosure.core import safe_count

    return str(safe_count(count, rules_of(site).coarse))


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
