"""Answers: from a posted form or a file, to checked JSON values. No database here.

``read_post`` turns a form into raw values, ``clean`` checks a raw value of one question, ``validate`` a whole set.
Messages say what to do, in the manner of the NHS service manual.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

from pydantic import ValidationError

from lockgate.cohorts import Cohort
from lockgate.cohorts.defined import Defined
from lockgate.portal.applications.bank import Answers, Bank, Question, Section
from lockgate.portal.applications.catalogue import offered
from lockgate.portal.applications.errors import InvalidAnswerError
from lockgate.portal.applications.partners import clean_partners, partners_from_post
from lockgate.schema import LINKED
from lockgate.workspace.scope.checks import person_column

MAX_DAYS = 731
DATE_PARTS = ("day", "month", "year")


class Posted(Protocol):
    """The part of Django's QueryDict that is used here."""

    def get(self, key: str, default: str, /) -> str:
        """The last value of a field."""

    def getlist(self, key: str, /) -> list[str]:
        """All values of a field."""


def read_post(question: Question, posted: Posted) -> Any:
    """The raw value of a question in a posted form."""
    key = question.key
    if question.widget in {"choices", "linkages"}:
        return posted.getlist(key)
    if question.widget == "date":
        parts = {part: str(posted.get(f"{key}[{part}]", "")).strip() for part in DATE_PARTS}
        return parts if any(parts.values()) else None
    if question.widget == "people":
        names, roles = posted.getlist(f"{key}-username"), posted.getlist(f"{key}-role")
        pairs = zip(names, roles, strict=False)
        return [{"username": name.strip(), "role": role.strip()} for name, role in pairs if name.strip()]
    if question.widget == "columns":
        return _columns_from_post(posted.getlist(key))
    if question.widget == "partners":
        return partners_from_post(posted.getlist(key))
    if question.widget == "cohort":
        if posted.get(f"{key}-who", "") != "definition":
            return None
        return str(posted.get(key, "")).strip()
    return str(posted.get(key, "")).strip()


def _columns_from_post(values: list[str]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for table, columns in offered().items():
        if f"{table}.*" in values:
            chosen[table] = [column.name for column in columns]
        elif picked := [column.name for column in columns if f"{table}.{column.name}" in values]:
            chosen[table] = picked
    return chosen


def clean(question: Question, raw: Any, kind: str) -> Any:
    """The value to store for a raw answer, or None for no answer. Raises InvalidAnswerError."""
    checker = {
        "date": _date,
        "people": _people,
        "columns": _columns,
        "linkages": _linkages,
        "partners": clean_partners,
        "cohort": _cohort,
    }.get(question.widget)
    if checker:
        return checker(raw)
    if question.widget == "choice":
        return _choice(question, raw, kind)
    if question.widget == "choices":
        return [_choice(question, item, kind) for item in _list(raw)] or None
    return _text(question, raw)


def _text(question: Question, raw: Any) -> str | None:
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        raise InvalidAnswerError("Write text")
    text = raw.replace("\r\n", "\n").strip()
    count = len(text.split())
    if question.max_words and count > question.max_words:
        raise InvalidAnswerError(f"Use {question.max_words} words or fewer; there are {count}")
    return text or None


def _choice(question: Question, raw: Any, kind: str) -> str | None:
    if raw in (None, ""):
        return None
    if raw not in {option.value for option in question.choices(kind)}:
        raise InvalidAnswerError("Choose one of the answers")
    return str(raw)


def _list(raw: Any) -> list[Any]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise InvalidAnswerError("Give a list")
    return raw


def _date(raw: Any) -> str | None:
    if raw in (None, ""):
        return None
    if isinstance(raw, Mapping):
        if missing := [part for part in DATE_PARTS if not raw.get(part)]:
            raise InvalidAnswerError(f"The date must include a {' and a '.join(missing)}")
        try:
            return date(int(raw["year"]), int(raw["month"]), int(raw["day"])).isoformat()
        except ValueError:
            raise InvalidAnswerError("This must be a real date") from None
    try:
        return date.fromisoformat(raw).isoformat()
    except (ValueError, TypeError):
        raise InvalidAnswerError("This must be a real date, as YYYY-MM-DD") from None


def _people(raw: Any) -> list[dict[str, str]] | None:
    people: list[dict[str, str]] = []
    for item in _list(raw):
        if not isinstance(item, Mapping) or not str(item.get("username", "")).strip():
            raise InvalidAnswerError("Give each person's username")
        person = {"username": str(item["username"]).strip(), "role": str(item.get("role", "")).strip()}
        if person["username"] in {known["username"] for known in people}:
            raise InvalidAnswerError(f"{person['username']} is named twice")
        people.append(person)
    return people or None


def _columns(raw: Any) -> dict[str, list[str]] | None:
    if not raw:
        return None
    if not isinstance(raw, Mapping):
        raise InvalidAnswerError("Give the columns of each table")
    chosen = {}
    for table, names in raw.items():
        if table not in offered():
            raise InvalidAnswerError(f"There is no table {table} to ask for")
        allowed = [column.name for column in offered()[table]]
        wanted = allowed if names == "*" else _list(names)
        if unknown := [name for name in wanted if name not in allowed]:
            raise InvalidAnswerError(f"{table} has no column {unknown[0]} to ask for")
        if wanted:
            whose = person_column(table)  # always with it: results are counted in people
            chosen[table] = [name for name in allowed if name in wanted or name == whose]
    return chosen or None


def _linkages(raw: Any) -> list[str] | None:
    chosen = _list(raw)
    if unknown := [name for name in chosen if name not in LINKED]:
        raise InvalidAnswerError(f"There are no linked records called {unknown[0]}")
    return [name for name in LINKED if name in chosen] or None


def _cohort(raw: Any) -> dict[str, Any] | None:
    if raw is None:
        return None
    if isinstance(raw, str):
        if not raw:
            raise InvalidAnswerError("Paste the cohort's definition, or choose everybody")
        try:
            raw = json.loads(raw)
        except ValueError as error:
            raise InvalidAnswerError(f"The definition is not JSON: {error}") from None
    if not isinstance(raw, dict) or not raw:
        raise InvalidAnswerError("The definition must be one JSON object")
    if "PrimaryCriteria" in raw or "expression" in raw:  # as ATLAS exports it
        raw = {"name": str(raw.get("name") or "As pasted"), "version": 1, "circe": raw.get("expression", raw)}
    try:
        if "circe" in raw:
            return Defined.model_validate(raw).model_dump(mode="json", exclude_none=True)
        return Cohort.model_validate(raw).model_dump(mode="json", by_alias=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidAnswerError(
            f"The definition can't be read at {place or 'its start'}: {first['msg']}"
        ) from None


def validate(
    bank: Bank, kind: str, answers: Answers, section: Section | None = None, since: date | None = None
) -> dict[str, str]:
    """What is wrong or missing, by question key; empty when everything that is asked is answered.

    ``since``: the day from which access is counted where it has begun already (an amendment, a renewal).
    """
    problems: dict[str, str] = {}
    for question in bank.asked(kind, answers):
        if section is not None and question not in section.questions:
            continue
        try:
            value = clean(question, answers.get(question.key), kind)
        except InvalidAnswerError as error:
            problems[question.key] = str(error)
            continue
        if value is None and question.required:
            problems[question.key] = _missing(question)
    for key, message in _across(answers, since).items():
        if section is None or any(question.key == key for question in section.questions):
            problems.setdefault(key, message)
    return problems


def _missing(question: Question) -> str:
    if question.widget in {"choice", "choices"}:
        return f"Choose an answer: {question.label}"
    if question.widget == "date":
        return f"Enter a date: {question.label}"
    if question.widget == "columns":
        return "Choose at least one column of one table"
    return f"Answer the question: {question.label}"


def _across(answers: Answers, since: date | None) -> dict[str, str]:
    """Rules that hold between answers."""
    problems = {}
    for first, last in (("start_date", "end_date"), ("period_from", "period_until")):
        span = _span(answers.get(first), answers.get(last))
        if span is not None and span <= 0:
            problems[last] = "This date must be after the one before it"
        elif span is not None and last == "end_date":
            lasts = span if since is None else _span(since.isoformat(), answers.get(last))
            if lasts is not None and lasts > MAX_DAYS:
                problems[last] = "Access can last two years at most; a longer project is renewed"
    columns = answers.get("columns")
    if isinstance(columns, Mapping):
        asked = set(answers.get("linkages") or ())
        if lacking := [table for table in columns if table in LINKED and table not in asked]:
            names = ", ".join(lacking)
            problems["linkages"] = (
                f"You ask for columns of {names}: choose that linkage too, or leave them out"
            )
    return problems


def _span(first: Any, last: Any) -> int | None:
    try:
        return (date.fromisoformat(last) - date.fromisoformat(first)).days
    except (TypeError, ValueError):
        return None
