"""Units made comparable: which unit each measurement is carried in, and how others become it. Data: ``units.yaml``."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import pyarrow as pa
import yaml

from lockgate.errors import UsageError
from lockgate.site import Site

SITE_FILE = "units.yaml"


def unit_rules(site: Site | None = None) -> pa.Table:
    """Rows of (code, from_unit, to_unit, factor, shift): a LOINC code's value in ``from_unit`` * factor + shift.

    Each code also has the row of its own unit (factor 1). A site's ``units.yaml`` goes before what ships. Raises
    UsageError naming the place in it that can't be understood.
    """
    by_code: dict[str, list[dict[str, Any]]] = {}
    for content, where in reversed(_files(site)):
        ours: dict[str, list[dict[str, Any]]] = {}
        for place, rule in enumerate(content.get("measurements", []), start=1):
            for row in _rule(rule, f"{where}, measurement {place}"):
                ours.setdefault(row["code"], []).append(row)
        by_code |= ours
    return pa.Table.from_pylist([row for rows in by_code.values() for row in rows], schema=_RULES)


def written_units(site: Site | None = None) -> pa.Table:
    """Rows of (written, ucum): how sources write a unit, and the UCUM code of it."""
    pairs: dict[str, str] = {}
    for content, where in reversed(_files(site)):
        for written, ucum in content.get("written", {}).items():
            if not isinstance(ucum, str):
                raise UsageError(f"unit {written!r} has no UCUM code", where=where, remedy="write it as text")
            pairs[str(written)] = ucum
    return pa.Table.from_pylist(
        [{"written": written, "ucum": ucum} for written, ucum in sorted(pairs.items())],
        schema=pa.schema([("written", pa.string()), ("ucum", pa.string())]),
    )


_RULES = pa.schema(
    [
        ("code", pa.string()),
        ("from_unit", pa.string()),
        ("to_unit", pa.string()),
        ("factor", pa.float64()),
        ("shift", pa.float64()),
    ]
)


def _files(site: Site | None) -> list[tuple[dict[str, Any], str]]:
    """The files, the most important first."""
    found = []
    own = site.path / SITE_FILE if site else None
    if own and own.exists():
        found.append((_read(own.read_text(encoding="utf-8"), str(own)), str(own)))
    ours = resources.files(__package__).joinpath(SITE_FILE).read_text(encoding="utf-8")
    return [*found, (_read(ours, SITE_FILE), SITE_FILE)]


@cache
def _read(text: str, where: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UsageError(
            "isn't YAML", where=where, remedy="mend it, or remove it to use what ships"
        ) from error
    unknown = set(content) - {"measurements", "written"} if isinstance(content, dict) else {"no mapping"}
    if unknown:
        raise UsageError(
            f"has what isn't understood: {', '.join(sorted(map(str, unknown)))}",
            where=where,
            remedy="a units file has the keys measurements and written",
        )
    return dict(content)


def _rule(rule: Any, where: str) -> list[dict[str, Any]]:
    remedy = "write {unit: UCUM, loinc: [CODE, ...], from: {UCUM: FACTOR}}"
    if not isinstance(rule, dict) or set(rule) != {"unit", "loinc", "from"}:
        raise UsageError("isn't a rule", where=where, remedy=remedy)
    factors: dict[str, tuple[float, float]] = {rule["unit"]: (1.0, 0.0)}
    for unit, given in rule["from"].items():
        pair = given if isinstance(given, list) else [given, 0]
        if len(pair) != 2 or not all(isinstance(n, int | float) for n in pair) or pair[0] == 0:
            raise UsageError(f"the factor from {unit} is no number", where=where, remedy=remedy)
        factors[unit] = (float(pair[0]), float(pair[1]))
    return [
        {"code": str(code), "from_unit": unit, "to_unit": rule["unit"], "factor": factor, "shift": shift}
        for code in rule["loinc"]
        for unit, (factor, shift) in factors.items()
    ]
