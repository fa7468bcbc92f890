"""Answers as they are read: each question that was asked, with its answer in words."""

from __future__ import annotations

from typing import Any

from lockgate.portal import cohort_plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.bank import Question, load
from lockgate.portal.applications.catalogue import linkage_label
from lockgate.portal.applications.models import Case
from lockgate.portal.applications.partners import in_words
from lockgate.portal.sites import current_site
from lockgate.schema import MEANINGS


def shown_answers(application: Case) -> list[dict[str, Any]]:
    """Sections with their questions; each answer as ``{"kind": text|list|table|date|json, "value"}``."""
    version = application.version
    answers, bank = version.answers, load(version.bank)
    sections = []
    for section in bank.sections:
        rows = [
            {"question": question, "answer": _shown(question, answers.get(question.key), application.kind)}
            for question in section.questions
            if question.asked(application.kind, answers)
        ]
        if rows:
            sections.append({"section": section, "rows": rows})
    return sections


# What a member of the public panel reads first, in this order; the rest stands below it.
PLAIN = ("lay_summary", "public_benefit", "involvement", "lead_organisation", "funding", "sponsor", "commercial",
         "commercial_detail", "publication")  # fmt: skip


def panel_view(application: Case) -> list[dict[str, Any]]:
    """What is asked for in plain words: the question and an answer as in ``shown_answers``, and in place of tables and
    columns what is in them."""
    version = application.version
    answers, bank = version.answers, load(version.bank)
    rows = [
        {"label": question.label, "answer": _shown(question, answers.get(key), application.kind)}
        for key in PLAIN
        if (question := bank.question(key)).asked(application.kind, answers) and answers.get(key)
    ]
    columns = answers.get("columns") or {}
    about = [
        MEANINGS.get(table, linkage_label(table)) + (f" {_things(len(names))} of each.")
        for table, names in columns.items()
    ]
    linked = [linkage_label(name) for name in answers.get("linkages") or []]
    partners = [in_words(item) for item in answers.get("partners") or []]
    people = len(answers.get("people") or []) + 1
    told = {
        "Whose records": "Those of people who meet a definition, told below"
        if answers.get("cohort")
        else "Those of everybody with records in the period",
        "Notes that staff wrote": "Yes, with what identifies people taken out"
        if "note_text" in (columns.get("note") or ())
        else "No",
        "How many people would see the data": str(people),
    }
    rows.append({"label": "What would be seen", "answer": {"kind": "list", "value": about}})
    if linked or partners:
        rows.append({"label": "Joined with", "answer": {"kind": "list", "value": linked + partners}})
    rows += [{"label": label, "answer": {"kind": "text", "value": value}} for label, value in told.items()]
    rows += [
        {"label": label, "answer": {"kind": "date", "value": answers[key]}}
        for label, key in (("Access from", "start_date"), ("Access until", "end_date"))
        if answers.get(key)
    ]
    return rows


def _things(count: int) -> str:
    return f"{count} kind{'' if count == 1 else 's'} of detail"


def _shown(question: Question, value: Any, kind: str) -> dict[str, Any]:
    if question.widget == "cohort":
        if value is None:
            return {"kind": "text", "value": "Everybody with records in the period"}
        if "circe" in value:
            return {"kind": "cohort", "value": cohort_plane.defined_cohort(current_site(), value)}
        return {"kind": "json", "value": value}
    if value in (None, "", [], {}):
        return {"kind": "none", "value": ""}
    labels = {option.value: option.label for option in question.choices(kind)}
    if question.widget == "choice":
        return {"kind": "text", "value": labels.get(value, value)}
    if question.widget == "choices":
        return {"kind": "list", "value": [labels.get(item, item) for item in value]}
    if question.widget == "linkages":
        return {"kind": "list", "value": [linkage_label(item) for item in value]}
    if question.widget == "partners":
        return {"kind": "list", "value": [in_words(item) for item in value]}
    if question.widget == "people":
        return {"kind": "list", "value": _people(value)}
    if question.widget == "columns":
        return {"kind": "columns", "value": value}
    return {"kind": "date" if question.widget == "date" else "text", "value": value}


def _people(value: list[dict[str, str]]) -> list[str]:
    known = {
        user.username: user
        for user in User.objects.select_related("organisation").filter(
            username__in=[item["username"] for item in value]
        )
    }
    lines = []
    for item in value:
        user = known.get(item["username"])
        name = f"{user.name}, {user.organisation or 'no organisation'}" if user else item["username"]
        lines.append(f"{name} ({item['role']})" if item.get("role") else name)
    return lines
