"""The only writer of the register. It writes when something below happens, in that write's transaction."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone

from lockgate.portal.airlock.models import Request
from lockgate.portal.applications.bank import KINDS, load
from lockgate.portal.applications.catalogue import linkage_label
from lockgate.portal.applications.changes import changes
from lockgate.portal.applications.facts import conditions_of
from lockgate.portal.applications.models import Amendment, Application, Case, Condition
from lockgate.portal.applications.scopes import OPT_OUT_STATEMENT
from lockgate.portal.outbox.writing import Record
from lockgate.portal.register.models import Entry, Refusal, Result
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
        search=_search(data),
        data=data,
    )
    record.also("register.entered", entry=entry.reference)
    _write_file(entry)


def change_entry(sender: object, *, project: Project, record: Record, **_: object) -> None:
    """A project that was changed or goes on again, or whose conditions were met: its entry says so."""
    entry = Entry.objects.filter(project=project).first()
    if entry is None:
        return
    state = "active" if project.ended_at is None else project.state
    kept = {
        name: entry.data[name] for name in ("approved_on", "ended_on", "result_links") if name in entry.data
    }
    data = {**entry_data(project), **kept, "state": state}
    if state == "active":
        data.pop("ended_on", None)
    entry.title, entry.state, entry.data, entry.search = data["title"], state, data, _search(data)
    entry.save(update_fields=["title", "state", "data", "search", "updated_at"])
    record.also("register.changed", entry=entry.reference)
    _write_file(entry)


def enter_refusal(
    sender: object, *, application: Application, case: Case, record: Record, **_: object
) -> None:
    """A use that was refused is entered in summary: the reason as the public may read it, no person, no answer."""
    version = case.version
    decision = next((item for item in version.made() if item.decision == "refuse"), None)
    answers = case.answers
    lead = application.applicant.organisation
    row = Refusal.objects.create(
        reference=application.reference,
        application=application,
        what=case.what if isinstance(case, Amendment) else "use",
        title=str(answers.get("title") or application.title),
        kind=application.kind,
        organisation=str(answers.get("lead_organisation") or (lead.name if lead else "")),
        role=decision.role if decision else "",
        reason=decision.public_note if decision else "Its conditions were not met.",
        refused_on=timezone.localdate(),
    )
    record.also("register.refused", entry=row.reference)


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


def _search(data: dict[str, Any]) -> str:
    return " ".join([data["title"], data["lay_summary"], *data["organisations"], *data["datasets"]]).lower()


def recall_result(sender: object, *, request: Request, record: Record, **_: object) -> None:
    """A recalled result stays in the register, which says so; its files are gone."""
    result = Result.objects.select_related("entry").get(request=request)
    entry = result.entry
    recalled = {
        "result": result.slug,
        "on": timezone.localdate().isoformat(),
        "because": request.recall_reason,
    }
    entry.data = {**entry.data, "recalled": [*entry.data.get("recalled", []), recalled]}
    entry.save(update_fields=["data", "updated_at"])
    record.also("register.recalled", entry=entry.reference, result=result.slug)
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
        "fast_path": (scope.get("fast_path") or {}).get("reason", ""),
        "conditions": [_condition(item) for item in conditions_of(application) if item.public],
        "amendments": _amendments(application),
        "result_links": [],
    }


def _condition(item: Condition) -> dict[str, str]:
    return {
        "text": item.text,
        "set_by": item.role,
        "by_day": item.by_day.isoformat() if item.by_day else "",
        "met_on": timezone.localtime(item.met_at).date().isoformat() if item.met_at else "",
    }


def _amendments(application: Application) -> list[dict[str, Any]]:
    """The changes and renewals that were approved, each with what it was about; the newest last."""
    found = []
    approved = [item for item in application.amendments.all() if item.state == "approved"]
    unsettled = {item.pk for item in application.amendments.all() if item.state != "approved"}
    standing = [one for one in application.versions.all() if one.amendment_id not in unsettled]
    for item in approved:
        version = max((one for one in standing if one.amendment_id == item.pk), key=lambda one: one.number)
        earlier = [one for one in standing if one.number < version.number and one.amendment_id != item.pk]
        before = max(earlier, key=lambda one: one.number)
        changed = changes(load(version.bank), application.kind, before.answers, version.answers)
        found.append(
            {
                "what": item.what,
                "on": timezone.localtime(item.decided_at).date().isoformat() if item.decided_at else "",
                "changed": [change.label for change in changed],
                "until": version.answers["end_date"],
            }
        )
    return found


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
