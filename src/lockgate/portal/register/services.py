"""The only writer of the register. It writes when something below happens, in that write's transaction."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone

from lockgate.portal.airlock.models import Request
from lockgate.portal.applications.bank import KINDS
from lockgate.portal.applications.catalogue import linkage_label
from lockgate.portal.applications.scopes import OPT_OUT_STATEMENT
from lockgate.portal.outbox.writing import Record
from lockgate.portal.register.models import Entry, Result
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project
from lockgate.site.files import make_dir, write_atomic


def publish_entry(sender: object, *, project: Project, record: Record, **_: object) -> None:
    """A new project is entered into the register with its approval."""
    data = entry_data(project)
    entry = Entry.objects.create(
        reference=data["reference"],
        slug=project.slug,
        project=project,
        title=project.title,
        kind=data["kind"],
        search=" ".join(
            [data["title"], data["lay_summary"], *data["organisations"], *data["datasets"]]
        ).lower(),
        data=data,
    )
    record.also("register.entered", entry=entry.reference)
    _write_file(entry)


def end_entry(sender: object, *, project: Project, record: Record, **_: object) -> None:
    """A project that ended stays in the register and says so."""
    entry = Entry.objects.filter(project=project).first()
    if entry is None:
        return
    entry.state = project.state
    entry.data = {**entry.data, "state": project.state, "ended_on": timezone.localdate().isoformat()}
    entry.save(update_fields=["state", "data", "updated_at"])
    record.also("register.ended", entry=entry.reference, state=entry.state)
    _write_file(entry)


def add_result(sender: object, *, request: Request, record: Record, **_: object) -> None:
    """A released result appears under its project."""
    entry = Entry.objects.get(project=request.job.project)
    result = Result.objects.create(
        entry=entry,
        request=request,
        slug=request.reference,
        title=request.title,
        summary=request.purpose,
        files=request.candidate.files,
    )
    links = [*entry.data.get("result_links", []), f"/register/{entry.slug}/results/{result.slug}/"]
    entry.data = {**entry.data, "result_links": links}
    entry.save(update_fields=["data", "updated_at"])
    record.also("register.result", entry=entry.reference, result=result.slug)
    _write_file(entry)


def entry_data(project: Project) -> dict[str, Any]:
    """What the public reads of a project. People appear as their organisations, deciders as their roles."""
    application, scope = project.application, project.scope
    answers = application.answers
    lead = application.applicant.organisation
    linked = scope["linkages"]
    clinical = [name for name in scope["tables"] if name not in linked]
    return {
        "reference": application.reference,
        "project": project.slug,
        "state": "active",
        "title": scope["title"],
        "kind": scope["kind"],
        "kind_label": KINDS[scope["kind"]],
        "lay_summary": answers.get("lay_summary", ""),
        "public_benefit": answers.get("public_benefit", ""),
        "lead_organisation": answers.get("lead_organisation") or (lead.name if lead else ""),
        "organisation_id": lead.ods_code if lead else "",
        "organisation_sector": lead.get_sector_display() if lead else "",
        "organisations": sorted({item["organisation"] for item in scope["people"] if item["organisation"]}),
        "people": len(scope["people"]),
        "funders": [answers[key] for key in ("funding", "sponsor") if answers.get(key)],
        "commercial": answers.get("commercial_detail") if answers.get("commercial") == "yes" else "",
        "ethics_reference": answers.get("ethics_reference", ""),
        "valid_from": scope["valid_from"],
        "valid_until": scope["valid_until"],
        "approved_on": timezone.localdate().isoformat(),
        "release": scope["release"],
        "datasets": [f"{scope['site']}: patient record", *(linkage_label(name) for name in linked)],
        "tables": {name: len(columns) for name, columns in scope["tables"].items()},
        "period": scope["period"],
        "cohort": "People who meet a stated definition"
        if scope["cohort"]
        else "Everybody with events in the period",
        "data_statement": (
            f"{_several(len(clinical), 'table')} of the de-identified patient record"
            + (f" and {_several(len(linked), 'linked table')}" if linked else "")
            + f", {scope['period']['from']} to {scope['period']['until']}"
        ),
        "linkage_statement": _linkage(bool(linked), scope.get("partners") or []),
        "legal_basis": scope["legal_basis"],
        "opt_out_statement": OPT_OUT_STATEMENT,
        "decisions": [
            {"role": item["role"], "decision": item["decision"], "on": item["at"][:10]}
            for item in scope["decisions"]
        ],
        "result_links": [],
    }


def _linkage(inside: bool, partners: list[dict[str, Any]]) -> str:
    said = ["Inside the environment, by keyed pseudonyms"] if inside else []
    for item in partners:
        tables = ", ".join(linkage_label(table).lower() for table in item["tables"])
        said.append(f"With {item['partner']} ({tables}), under a key made for this project")
    return ". ".join(said)


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _write_file(entry: Entry) -> None:
    """The entry as a public file, for whoever serves the register folder alone."""
    folder = make_dir(current_site().register / "entries", public=True)
    content = json.dumps(entry.data, indent=2, ensure_ascii=False) + "\n"
    write_atomic(folder / f"{entry.slug}.json", content.encode(), public=True)
