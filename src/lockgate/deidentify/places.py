"""Places by policy: what of a postcode or a small area is kept. Pure functions, each with its SQL expression.

A full postcode holds some fifteen households and never leaves the identifiable zone. Its outward code ("BS1") holds
thousands of people; a Lower layer Super Output Area (LSOA) some 1,500; a deprivation decile says no place at all.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from lockgate.errors import UsageError

PostcodePolicy = Literal["none", "outward", "area"]
AreaPolicy = Literal["none", "nation", "decile", "lsoa"]

# Outward code, then the inward code's digit and two letters (never C, I, K, M, O, V), per Royal Mail's PAF guide.
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][ABD-HJLNP-UW-Z]{2})", re.ASCII)
_SQL_POSTCODE = "^([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][ABD-HJLNP-UW-Z]{2})$"

# Codes for no fixed abode, unknown, or overseas in NHS data (ODS pseudo-postcodes begin ZZ99): no place at all.
PSEUDO = "ZZ"

_NATIONS = {"E": "England", "W": "Wales", "S": "Scotland", "9": "Northern Ireland", "N": "Northern Ireland"}


def _check(policy: str, known: tuple[str, ...]) -> None:
    if policy not in known:
        raise UsageError(f"there is no place policy {policy!r}", remedy=f"one of: {', '.join(known)}")


def postcode_key(value: str | None) -> str | None:
    """A postcode as a key for joining: upper case, no spaces; None where it is no postcode."""
    if value is None:
        return None
    joined = re.sub(r"\s", "", value).upper()
    return joined if _POSTCODE.fullmatch(joined) else None


def postcode_key_sql(column: str) -> str:
    """The SQL expression of ``postcode_key``."""
    joined = f"upper(regexp_replace({column}, '[\\s\\x{{00A0}}]', '', 'g'))"
    return f"CASE WHEN regexp_matches({joined}, '{_SQL_POSTCODE}') THEN {joined} END"


def postcode(value: str | None, policy: PostcodePolicy) -> str | None:
    """What a policy keeps of a postcode: nothing, its outward code ("BS1"), or its area ("BS").

    Pseudo-postcodes (ZZ99) and values that are no postcode give None.
    """
    _check(policy, get_args(PostcodePolicy))
    key = postcode_key(value)
    if policy == "none" or key is None or key.startswith(PSEUDO):
        return None
    outward = key[:-3]
    return (
        outward if policy == "outward" else outward.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ").rstrip("0123456789")
    )


def postcode_sql(column: str, policy: PostcodePolicy) -> str:
    """The SQL expression of ``postcode``."""
    _check(policy, get_args(PostcodePolicy))
    if policy == "none":
        return "CAST(NULL AS VARCHAR)"
    key = postcode_key_sql(column)
    group = f"regexp_extract({key}, '{_SQL_POSTCODE}', 1)"
    kept = group if policy == "outward" else f"regexp_extract({key}, '^([A-Z]{{1,2}})', 1)"
    return f"CASE WHEN ({key}) IS NOT NULL AND left({key}, 2) <> '{PSEUDO}' THEN {kept} END"


def nation(area_code: str | None) -> str | None:
    """The nation of an ONS area code (E..., W..., S..., N... or 95... of Northern Ireland), or None."""
    return _NATIONS.get(area_code[:1]) if area_code else None


def area_sql(policy: AreaPolicy, *, lsoa: str, decile: str = "") -> str:
    """What a policy keeps of a small area, as an SQL text expression.

    ``lsoa`` is the SQL expression of the LSOA's code, ``decile`` the one of its deprivation decile (1 most deprived,
    from the reference table of areas).
    """
    _check(policy, get_args(AreaPolicy))
    if policy == "none":
        return "CAST(NULL AS VARCHAR)"
    if policy == "lsoa":
        return lsoa
    if policy == "decile":
        if not decile:
            raise UsageError(
                "the policy 'decile' needs the decile's expression", remedy="join the reference areas"
            )
        return f"CAST({decile} AS VARCHAR)"
    cases = " ".join(f"WHEN '{letter}' THEN '{name}'" for letter, name in _NATIONS.items())
    return f"CASE left({lsoa}, 1) {cases} END"
