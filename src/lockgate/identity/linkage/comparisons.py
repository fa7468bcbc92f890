"""The comparisons of the model: for each kind of field, its levels from equal to unlike, as conditions in SQL.

Fellegi and Sunter's model in Splink's form; the levels follow what its comparison library offers for names, dates and
postcodes, with more room for spellings (prefixes, initials, familiar forms, sounds, swapped names, partial dates).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockgate.identity.linkage.records import Usable

Level = tuple[str, str]  # condition on x_l and x_r, label


def _comparison(
    name: str, null: str, levels: Sequence[Level], exact: dict[str, str] | None = None
) -> dict[str, Any]:
    """``exact`` maps labels to the column whose term frequency adjusts that level."""
    made: list[dict[str, Any]] = [{"sql_condition": null, "label_for_charts": "null", "is_null_level": True}]
    for condition, label in levels:
        level: dict[str, Any] = {"sql_condition": condition, "label_for_charts": label}
        if exact and label in exact:
            level["tf_adjustment_column"] = exact[label]
            level["tf_adjustment_weight"] = 1.0
        made.append(level)
    made.append({"sql_condition": "ELSE", "label_for_charts": "unlike"})
    return {"output_column_name": name, "comparison_levels": made}


def _null(*columns: str) -> str:
    return " AND ".join(f"({c}_l IS NULL OR {c}_r IS NULL)" for c in columns)


def _jw(column: str, at: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {at}"


def _given(columns: set[str]) -> dict[str, Any]:
    levels = [
        ("given_l = given_r", "equal"),
        (f"given_root_l = given_root_r OR {_jw('given', 0.93)}", "familiar form or nearly equal"),
    ]
    if "family" in columns:
        levels.insert(1, ("given_l = family_r AND family_l = given_r", "swapped"))
    levels.append(("starts_with(given_l, given_r) OR starts_with(given_r, given_l)", "initial"))
    if "middle" in columns:
        levels.append((
            "coalesce(list_contains(string_split(middle_l, ' '), given_r), false) OR "
            "coalesce(list_contains(string_split(middle_r, ' '), given_l), false)", "the other's middle name",
        ))  # fmt: skip
    levels.append((f"{_jw('given', 0.84)} OR given_sound_l = given_sound_r", "alike"))
    return _comparison("given", _null("given"), levels, {"equal": "given"})


def _family(columns: set[str]) -> dict[str, Any]:
    # a cheap test stands before a dear one, here and below: most pairs are unlike in most fields
    levels = [
        ("family_l = family_r", "equal"),
        (_jw("family", 0.93), "nearly equal"),
        (
            "(contains(family_l, ' ') OR contains(family_r, ' ')) AND "
            "list_has_any(string_split(family_l, ' '), string_split(family_r, ' '))",
            "a part equal",
        ),
        *(
            [
                (
                    "coalesce(list_contains(string_split(middle_l, ' '), family_r), false) OR "
                    "coalesce(list_contains(string_split(middle_r, ' '), family_l), false)",
                    "among the other's names",
                )
            ]
            if "middle" in columns
            else []
        ),
        (f"{_jw('family', 0.86)} OR family_sound_l = family_sound_r", "alike"),
        (_jw("family", 0.76), "somewhat alike"),
    ]
    if "given" in columns:
        levels.insert(1, ("given_l = family_r AND family_l = given_r", "swapped"))
    return _comparison("family", _null("family"), levels, {"equal": "family"})


def _birth() -> dict[str, Any]:
    whole = "birth_l IS NOT NULL AND birth_r IS NOT NULL"
    two_parts = (
        "((birth_y_l = birth_y_r AND (birth_m_l = birth_m_r OR birth_d_l = birth_d_r)) OR "
        "(birth_m_l = birth_m_r AND birth_d_l = birth_d_r))"
    )
    return _comparison("birth", _null("birth_y"), [
        ("birth_l = birth_r", "equal"),
        (f"{whole} AND (({two_parts} AND damerau_levenshtein(birth_l, birth_r) <= 1) OR "
         "(birth_y_l = birth_y_r AND birth_m_l = birth_d_r AND birth_d_l = birth_m_r))", "one slip"),
        ("birth_y_l = birth_y_r AND NOT (birth_l IS NOT NULL AND birth_r IS NOT NULL) AND "
         "coalesce(birth_m_l = birth_m_r, true)", "equal as far as known"),
        (f"{whole} AND {two_parts}", "two parts of three"),
        ("birth_y_l = birth_y_r", "year"),
        ("abs(birth_y_l - birth_y_r) <= 1", "a year apart"),
        ("abs(birth_y_l - birth_y_r) <= 3", "three years apart"),
        ("abs(birth_y_l - birth_y_r) <= 10", "ten years apart"),
    ])  # fmt: skip


def _place(columns: set[str]) -> dict[str, Any]:
    if "postcode" not in columns:
        return _text("city", 0.9)
    levels = [
        ("postcode_l = postcode_r", "postcode equal"),
        (f"{_half('postcode', 3)} AND damerau_levenshtein(postcode_l, postcode_r) <= 1", "postcode one slip"),
        ("outward_l = outward_r", "outward code equal"),
    ]
    exact, null = {"postcode equal": "postcode"}, _null("postcode")
    if "city" in columns:
        levels += [("city_l = city_r", "city equal"), (_jw("city", 0.9), "city nearly equal")]
        exact["city equal"] = "city"
        null = _null("postcode", "city")
    levels.append(("link_area(postcode_l) = link_area(postcode_r)", "area equal"))
    return _comparison("place", null, levels, exact)


def _text(column: str, *at: float) -> dict[str, Any]:
    levels = [(f"{column}_l = {column}_r", "equal"), *((_jw(column, one), f"alike {one}") for one in at)]
    return _comparison(column, _null(column), levels, {"equal": column})


def _kin(column: str) -> dict[str, Any]:
    """The name of a relative: written in full, as a first name, in Latin or short."""
    return _comparison(column, _null(column), [
        (f"{column}_l = {column}_r", "equal"),
        (f"root_{column}_l = root_{column}_r OR {_jw(column, 0.9)}", "familiar form or nearly equal"),
        (f"starts_with({column}_l, {column}_r) OR starts_with({column}_r, {column}_l)", "initial"),
    ], {"equal": column})  # fmt: skip


def _half(column: str, size: int) -> str:
    """The start or the end equal, as one slip leaves the one or the other."""
    return (
        f"(left({column}_l, {size}) = left({column}_r, {size}) OR "
        f"right({column}_l, {size}) = right({column}_r, {size}))"
    )


def _edits(column: str, *at: int, half: int = 0) -> dict[str, Any]:
    guard = f"{_half(column, half)} AND " if half else ""
    slips = [(f"{guard}damerau_levenshtein({column}_l, {column}_r) <= {one}", f"slips {one}") for one in at]
    return _comparison(
        column, _null(column), [(f"{column}_l = {column}_r", "equal"), *slips], {"equal": column}
    )


def _email(column: str) -> dict[str, Any]:
    local = f"split_part({column}_l, '@', 1) = split_part({column}_r, '@', 1)"
    levels = [
        (f"{column}_l = {column}_r", "equal"),
        (local, "name equal"),
        (_jw(column, 0.92), "nearly equal"),
    ]
    return _comparison(column, _null(column), levels, {"equal": column})


def comparisons(fields: list[Usable], columns: set[str]) -> list[dict[str, Any]]:
    """The comparisons of the fields that can be used."""
    made: dict[str, dict[str, Any]] = {}
    for one in fields:
        column = one.field.column
        match one.field.kind:
            case "given":
                made["given"] = _given(columns)
            case "family":
                made["family"] = _family(columns)
            case "full_name":
                made["given"], made["family"] = _given(columns), _family(columns)
            case "middle":
                made["middle"] = _comparison("middle", _null("middle"), [
                    ("middle_l = middle_r", "equal"),
                    ("list_has_any(string_split(middle_l, ' '), string_split(middle_r, ' '))", "a name in common"),
                    ("starts_with(middle_l, left(middle_r, 1))", "initial"),
                ], {"equal": "middle"})  # fmt: skip
            case "birth":
                made["birth"] = _birth()
            case "sex":
                made["sex"] = _comparison("sex", _null("sex"), [("sex_l = sex_r", "equal")])
            case "postcode" | "city":
                made["place"] = _place(columns)
            case "nhs":
                made["nhs"] = _edits("nhs", 1, 2, half=5)
            case "number":
                made[column] = _edits(column, 1, 2)
            case "phone":
                made[column] = _edits(column, 1)
            case "email":
                made[column] = _email(column)
            case "kin":
                made[column] = _kin(column)
            case "address":
                made[column] = _text(column, 0.92, 0.82)
            case _:
                made[column] = _text(column, 0.9) if one.distinct > 20 else _text(column)
    return list(made.values())
