"""The question of other organisations' records: answers, and what they become in the scope. No database here.

An answer is a list of ``{"partner", "methods", "tables": {table: [columns]}, "until"?}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from lockgate.portal import plane
from lockgate.portal.applications.errors import InvalidAnswerError
from lockgate.portal.sites import current_site
from lockgate.schema import PARTNER

METHODS = {
    "nhs_number": "by NHS number, as pseudonyms that only the two organisations can make",
    "encodings": "by names, birth date and postcode, encoded; a third party compares them and can read none",
}


def partners_from_post(values: list[str]) -> list[dict[str, Any]]:
    """The raw answer in a posted form: values are ``PARTNER|table:TABLE`` and ``PARTNER|by:METHOD``."""
    found: dict[str, dict[str, Any]] = {}
    for value in values:
        name, _, what = value.partition("|")
        kind, _, item = what.partition(":")
        one = found.setdefault(name, {"partner": name, "methods": [], "tables": {}})
        if kind == "table":
            one["tables"][item] = "*"
        elif kind == "by":
            one["methods"].append(item)
    return list(found.values())


def clean_partners(raw: Any) -> list[dict[str, Any]] | None:
    """The answer to store, or None. Raises InvalidAnswerError."""
    if not raw:
        return None
    if not isinstance(raw, list):
        raise InvalidAnswerError("Give a list")
    known = {one["name"]: one for one in plane.partners(current_site())}
    cleaned: list[dict[str, Any]] = []
    for item in raw:
        if not isinstance(item, Mapping) or item.get("partner") not in known:
            name = item.get("partner") if isinstance(item, Mapping) else item
            raise InvalidAnswerError(f"There is no partner called {name} here")
        partner = known[str(item["partner"])]
        if partner["name"] in {one["partner"] for one in cleaned}:
            raise InvalidAnswerError(f"{partner['name']} is named twice")
        cleaned.append(_one(item, partner))
    return cleaned


def _one(item: Mapping[str, Any], partner: Mapping[str, Any]) -> dict[str, Any]:
    name, methods, tables = partner["name"], item.get("methods") or [], item.get("tables") or {}
    if not isinstance(methods, list) or not methods or (set(methods) - set(METHODS)):
        raise InvalidAnswerError(f"Choose how records of {name} are linked")
    if not isinstance(tables, Mapping) or not tables:
        raise InvalidAnswerError(f"Choose at least one table of {name}")
    chosen = {}
    for table, names in tables.items():
        if table not in partner["tables"]:
            raise InvalidAnswerError(f"{name} delivers no {table}")
        columns = [
            column for column in PARTNER[table] if names == "*" or column.required or column.name in names
        ]
        unknown = (
            [] if names == "*" else [one for one in names if one not in {c.name for c in PARTNER[table]}]
        )
        if unknown:
            raise InvalidAnswerError(f"{table} has no column {unknown[0]}")
        chosen[str(table)] = [column.name for column in columns]
    cleaned = {"partner": name, "methods": sorted(set(methods)), "tables": chosen}
    if item.get("until"):
        try:
            cleaned["until"] = date.fromisoformat(str(item["until"])).isoformat()
        except ValueError:
            raise InvalidAnswerError("This must be a real date, as YYYY-MM-DD") from None
    return cleaned


def compiled(answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the scope says of partners. One who is not registered any more has no key and no owner: it is refused."""
    known = {one["name"]: one for one in plane.partners(current_site())}
    return [
        {
            "partner": item["partner"],
            "fingerprint": known.get(item["partner"], {}).get("fingerprint", ""),
            "direction": "receive",
            "methods": item["methods"],
            "tables": item["tables"],
            "owner": known.get(item["partner"], {}).get("owner", ""),
            "until": min(item.get("until") or answers["end_date"], answers["end_date"]),
        }
        for item in answers.get("partners") or []
    ]


def in_words(item: Mapping[str, Any]) -> str:
    """One partner's part of an answer, to be read."""
    tables = ", ".join(table.replace("_", " ") for table in item["tables"])
    until = f"; until {item['until']}" if item.get("until") else ""
    return f"{item['partner']}: {tables}; {' or '.join(METHODS[method] for method in item['methods'])}{until}"
