"""Answers as they are read: each question that was asked, with its answer in words."""

from __future__ import annotations

from typing import Any

from lockgate.portal import cohort_plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.bank import Question, load
from lockgate.portal.applications.catalogue import linkage_label
from lockgate.portal.applications.models import Application
from lockgate.portal.applications.partners import in_words
from lockgate.portal.sites import current_site


def shown_answers(application: Application) -> list[dict[str, Any]]:
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
