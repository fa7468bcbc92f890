"""A contract drafted from a sample: what the values show, with the choices that only a person can make left open.

No value of the sample is written: types, formats, names of columns, and codes and sentinels known beforehand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from lockgate.capture.tabular.check import CHOOSE
from lockgate.capture.tabular.contract import NAME, plain_name
from lockgate.capture.tabular.load import FILE
from lockgate.capture.tabular.sample import FORMS, Sample, Seen, read_sample
from lockgate.capture.tabular.shapes import PATTERNS, candidates
from lockgate.errors import UsageError
from lockgate.schema import STAGED
from lockgate.site.files import write_atomic

_SEX = '{M: M, F: F, O: O, U: U, male: M, female: F, Male: M, Female: F, "1": M, "2": F, "0": U, "9": U}'
_LOCAL = re.compile(
    r"hospital|local_|mrn|patient_id|hesid|token_person|person_id|patient_n(umber|o)$|study_id"
)
_NAMES = re.compile(r"nhs|name|address|postcode|phone|mobile|e_?mail|birth|dob|gp_|next_of_kin")
_VERSION = re.compile(r"updated|modified|changed|last_|version|submitted|extract|timestamp")


def write_contract(sample: Path, folder: Path, name: str) -> list[Path]:
    """Write ``folder``/contract.yaml and starter SELECTs for a sample file; returns what was written.

    Raises UsageError where the folder holds a contract already, the name is no lower_case word, or the sample can't
    be read.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a contract", remedy="use lower_case words: --name ward_rounds"
        )
    if (folder / FILE).exists():
        raise UsageError(
            "there is a contract here already", where=str(folder), remedy="name another folder: --out"
        )
    seen = read_sample(sample)
    person = [one.name for one in seen.columns if _kind(one)[0] == "nhs_number" or _LOCAL.search(one.name)]
    folder.mkdir(parents=True, exist_ok=True)
    files = {FILE: _yaml(seen, name, sorted(person, key=lambda each: not _LOCAL.search(each)))}
    files |= {f"{table}.sql": select for table, select in _selects(seen, person)}
    for file, text in files.items():
        write_atomic(folder / file, text.encode())
    return [folder / file for file in files]


def _kind(one: Seen) -> tuple[str, dict[str, object], str]:
    """A column's type, what else is said of it, and a word for the person who finishes the contract."""
    if one.filled == 0:
        return "text", {}, "empty in the sample"
    if one.most("nhs") and (one.fit["nhs"] >= 3 or "nhs" in one.name):
        return "nhs_number", {}, "nearly all pass the check digit of NHS numbers"
    if re.search(r"\b(sex|gender)", one.name.replace("_", " ")) and one.all("sex"):
        return "code", {"codes": _SEX}, "check what each code means at the source"
    dated = _date(one)
    if dated:
        return dated
    if one.all("time"):
        return "time", {}, ""
    systems = {system for system in PATTERNS if one.most(system)}
    if systems and not (systems == {"SNOMED"} and one.longest < 8):
        found = candidates(one.name, systems)
        said = found[0] if len(found) == 1 else f"{CHOOSE}: {' or '.join(found)}, or leave this key out"
        return "text", {"code_system": said}, "by the shape of its values"
    if one.all("boolean"):
        return "boolean", {}, ""
    if one.all("number") and not one.fit["leading_zero"] and not _named_like_a_code(one.name):
        return ("integer" if one.all("integer") else "number"), {}, ""
    if one.all("comma") and not one.all("number"):
        return "number", {"decimal": ","}, "written with decimal commas"
    return "text", {}, "free text: people are named in it" if one.fit["prose"] > 0.2 * one.filled else ""


def _named_like_a_code(name: str) -> bool:
    return bool(re.search(r"(^|_)(id|key|code|number|no|ref|token|hesid)(_|$)", name)) or bool(
        _LOCAL.search(name)
    )


def _date(one: Seen) -> tuple[str, dict[str, object], str] | None:
    kind = "datetime" if one.fit["clock"] else "date"
    if one.all("iso"):
        return kind, {}, ""
    whole = [form for form in FORMS if one.all(form)]
    if "dmy" in whole and "mdy" in whole:
        if not one.both:
            return kind, {"date_formats": ["dmy"]}, "day and month are equal in every value: check it"
        words = "dmy or mdy: every value of the sample reads as both; ask the source"
        return kind, {"date_formats": [f"{CHOOSE}: {words}"]}, ""
    if whole and not (
        whole[0].startswith("%")
        and one.all("number")
        and not _NAMES.search(one.name)
        and "date" not in one.name
    ):
        return kind, {"date_formats": [whole[0]]}, ""
    if one.fit["dmy"] + one.fit["mdy"] > one.filled and not one.all("number"):
        words = "quarantine or flag: the column mixes day/month and month/day"
        return (
            kind,
            {"date_formats": ["dmy", "mdy"], "ambiguous": f"{CHOOSE}: {words}"},
            "name a format for each source if you can",
        )
    return None


def _identifies(one: Seen, kind: str, word: str) -> bool:
    return (
        kind == "nhs_number"
        or bool(_LOCAL.search(one.name) or _NAMES.search(one.name))
        or word.startswith("free text")
    )


def _yaml(sample: Sample, name: str, person: list[str]) -> str:
    version = next(
        (
            one.name
            for one in sample.columns
            if _VERSION.search(one.name) and _kind(one)[0] in ("date", "datetime")
        ),
        "",
    )
    quoted = json.dumps
    lines = [
        f"# Drafted by `lockgate contract new` from {sample.rows:,} rows. Finish what says {CHOOSE}, then run",
        "# `lockgate contract check`. docs/reference/contract-language.md says what else may be here.",
        *(
            [
                f"# Rows that could not be read: {sample.faulty:,}. Check the header, the delimiter and the quotes."
            ]
            if sample.faulty
            else []
        ),
        "contract: lockgate.contract/1",
        f"name: {name}",
        f'title: "{name.replace("_", " ").capitalize()}"',
        'about: ""  # what a row is, and what the source does that one must know',
        f'owner: "{CHOOSE}: who answers for the data at the source"',
        f'legal_basis: "{CHOOSE}: why we may hold it, such as UK GDPR Article 6(1)(e) and 9(2)(h)"',
        "# time_zone: Europe/London  # of times without an offset; else the site's",
    ]
    lines += [f"delimiter: {quoted(sample.delimiter)}"] if sample.delimiter != "," else []
    lines += [f"encoding: {sample.encoding}"] if sample.encoding != "utf-8" else []
    told = (
        f"sentinels: {quoted(sample.sentinels)}  # in the sample, and meaning nothing elsewhere; check each"
    )
    lines += (
        [told]
        if sample.sentinels
        else ['# sentinels: ["-", "1800-01-01"]  # values that mean nothing; none known was seen']
    )
    why = (
        "tells every row of the sample apart"
        if sample.key
        else "no column or two tell every row apart; name more if you can"
    )
    lines += [
        f"key: [{', '.join(sample.key)}]  # {why}",
        f"version: {version}  # says which of two rows of a key is newer"
        if version
        else "# version: the column that says which row of a key is newer",
    ]
    lines += [f"person: [{', '.join(person)}]  # the first filled one names the person"] if person else []
    lines += ["# deletes: {column: record_action, values: [D]}", "columns:"]
    lines += [_column(one, sample) for one in sample.columns]
    return "\n".join(lines) + "\n"


def _column(one: Seen, sample: Sample) -> str:
    kind, more, word = _kind(one)
    parts = [f"type: {kind}"] if kind != "text" else []
    if one.name in sample.key:
        parts.append("required: true")
    if plain_name(one.header) != one.name:
        parts.append(f"as: [{json.dumps(one.header)}]")
    for key, value in more.items():
        parts.append(f"{key}: {value if key == 'codes' else json.dumps(value)}")
    if _identifies(one, kind, word):
        parts.append("identifies: true")
    note = ", ".join(
        filter(
            None, [word, f"{one.rows - one.filled:,} of {one.rows:,} empty" if one.filled < one.rows else ""]
        )
    )
    return f"  {one.name}: {{{', '.join(parts)}}}" + (f"  # {note}" if note else "")


def _first(sample: Sample, system: str) -> Seen | None:
    return next(
        (one for one in sample.columns if str(_kind(one)[1].get("code_system", "")).startswith(system)), None
    )


def _selects(sample: Sample, person: list[str]) -> Iterator[tuple[str, str]]:
    """Starter SELECTs: one for each kind of code that was found, and the person; they compile as they are."""
    known = {one.name: _kind(one)[0] for one in sample.columns}
    when = next(
        (name for name, kind in known.items() if kind in ("date", "datetime") and not _NAMES.search(name)),
        None,
    )
    stamp = f"CAST({when} AS TIMESTAMP)" if when else None
    reference = "person_ref AS patient_ref, " if person else ""
    found = False
    for table, systems, time in (
        ("condition", ("ICD10", "SNOMED"), "start_at"),
        ("procedure", ("OPCS4",), "start_at"),
        ("medication", ("dm+d",), "start_at"),
        ("result", ("LOINC",), "effective_at"),
    ):
        for system in systems:
            code = _first(sample, system)
            if code is not None:
                found = True
                extra = ["'prescribed' AS kind"] if table == "medication" else []
                extra += [f"{stamp} AS {time}"] if stamp else []
                coded = f"{reference}'{system}' AS code_system, {code.name} AS code"
                yield table, _select(table, coded, extra, f"WHERE {code.name} IS NOT NULL\n")
                break
    if person:
        nhs = next((name for name in person if known[name] == "nhs_number"), None)
        local = next((name for name in person if known[name] != "nhs_number"), None)
        born = next((n for n, kind in known.items() if kind == "date" and re.search(r"birth|dob", n)), None)
        sex = next((n for n, kind in known.items() if kind == "code"), None)
        pairs = ((nhs, "nhs_number"), (local, "local_number"), (born, "birth_date"), (sex, "sex"))
        told = ", ".join(
            f"{name} AS {staged}" if name != staged else staged for name, staged in pairs if name
        )
        yield (
            "patient",
            (
                "-- The person a row names: one row for each person of this part of the file, from its newest record.\n"
                "SELECT source, person_ref AS record_id, version_at, false AS deleted, item_hash, batch_id,\n"
                f"    {told}\nFROM item\nWHERE person_ref IS NOT NULL\n"
                "QUALIFY row_number() OVER (PARTITION BY person_ref ORDER BY version_at DESC, item_hash DESC) = 1\n"
            ),
        )
    if not found:
        if person:
            stay = [f"{stamp} AS start_at"] if stamp else []
            yield (
                "encounter",
                _select("encounter", "person_ref AS patient_ref, 'other' AS encounter_class", stay),
            )
        else:
            text = next((one.name for one in sample.columns if one.fit["prose"]), None)
            day = [f"CAST({when} AS DATE) AS received_on"] if when else []
            yield "feedback", _select("feedback", f"{text or 'CAST(NULL AS VARCHAR)'} AS comment", day)


def _select(table: str, first: str, more: list[str], where: str = "") -> str:
    columns = ", ".join(column.name for column in STAGED[table])
    parts = ",\n    ".join([first, *more])
    return (
        f"-- Columns of {table} that may be filled: {columns}.\n"
        "SELECT source, record_id, version_at, deleted, item_hash, batch_id,\n"
        f"    {parts}\nFROM item\n{where}"
    )
