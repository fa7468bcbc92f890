"""Who said no, and to what: opt-outs, objections and consents, matched to people on a day and for a purpose.

The rules follow the national data opt-out policy (NHS England): it covers research and planning, not the care team's
own clinical audit. A local objection is obeyed for every purpose, a withdrawn research consent for research, a
withdrawn consent to tissue or genomic research for what came of the samples. A row may name its purposes itself.

An objection is matched widely: every person any of whose records carries its NHS number, whatever its check digit, or
its hospital number, as any of the numbers the record has or had (``identifiers``), or that a consent of its own source
names, and every record that a source has merged with such a one, also since the index was built; deleted records count,
as they were last, and so do the keys that a record had before it was merged or parted.
Where matching could err, the person is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa

from lockgate.capture import latest_view, staged_view
from lockgate.capture.views import newest_first
from lockgate.engine import Engine, literal
from lockgate.errors import UsageError
from lockgate.identity.index import index_path, index_view
from lockgate.identity.merges import read_holding
from lockgate.schema import Column
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.site import Site

# What a project may be for: the kinds of scope. "planning" is none of them, but a word for the last two.
PURPOSES = ("research", "service_evaluation", "clinical_analytics", "audit")
WORDS: dict[str, frozenset[str]] = {
    **{purpose: frozenset({purpose}) for purpose in PURPOSES},
    "planning": frozenset({"service_evaluation", "clinical_analytics"}),
    "all": frozenset(PURPOSES),
}

Part = Literal["everything", "tissue", "genomic"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objection: the purposes it covers unless its row names them, and what of a person it holds back."""

    purposes: frozenset[str]
    part: Part = "everything"


_RESEARCH, _ALL = frozenset({"research"}), frozenset(PURPOSES)
NATIONAL = "national_data_opt_out"
GIVEN = "research_consent_given"
KINDS: dict[str, Kind] = {
    NATIONAL: Kind(_ALL - {"audit"}),
    "local_objection": Kind(_ALL),
    "research_consent_withdrawn": Kind(_RESEARCH),
    "tissue_consent_withdrawn": Kind(_RESEARCH, "tissue"),
    "genomic_consent_withdrawn": Kind(_RESEARCH, "genomic"),
    # What consents say besides: nobody is left out for it.
    GIVEN: Kind(frozenset()),
    "tissue_consent_given": Kind(frozenset()),
    "genomic_consent_given": Kind(frozenset()),
    "consent_not_for_research": Kind(frozenset()),
}
# A kind that is not known is obeyed for every purpose, and so is a row whose purposes can't be read.
UNKNOWN = Kind(_ALL)
_FORMER = (Column("source", "VARCHAR"), Column("record_id", "VARCHAR"), Column("person_key", "BIGINT"))


def purposes_of(kind: str | None, stated: str | None) -> frozenset[str]:
    """The purposes that one objection covers; ``stated`` is its own list, words with commas or spaces between."""
    known = KINDS.get(kind or "", UNKNOWN)
    if kind in KINDS and not known.purposes:
        return known.purposes
    words = (stated or "").replace(",", " ").replace(";", " ").lower().split()
    if not words:
        return known.purposes
    if any(word not in WORDS for word in words):
        return _ALL
    return frozenset().union(*(WORDS[word] for word in words))


def covered(
    engine: Engine, site: Site, *, at: date, part: Part = "everything", former: bool = False
) -> dict[int, frozenset[str]]:
    """The purposes for which each person is left out on a day: person key -> purposes, for those with any.

    An objection holds from ``from_date`` (or ever, where none is given) until the day before ``until_date``. With
    ``former`` also under the keys that their records had in earlier indexes, for reading releases built on those.
    Needs the index: raises UsageError when there is none.
    """
    found: dict[int, frozenset[str]] = defaultdict(frozenset)
    matched = _matched(engine, site, at, former=former)
    for key, kind, stated in engine.rows(
        f"SELECT DISTINCT person_key, kind, purposes FROM {matched} WHERE person_key IS NOT NULL"
    ):
        if KINDS.get(kind or "", UNKNOWN).part == part and (purposes := purposes_of(kind, stated)):
            found[int(key)] |= purposes
    return dict(found)


def opted_out(
    engine: Engine, site: Site, *, at: date, purpose: str = "research", former: bool = False
) -> set[int]:
    """The person keys that must be left out of data for ``purpose`` on the day ``at``; see ``covered``.

    Raises UsageError when the purpose is unknown: nobody's data may then be used.
    """
    if purpose not in PURPOSES:
        raise UsageError(f"there is no purpose {purpose!r}", remedy=f"one of: {', '.join(PURPOSES)}")
    found = covered(engine, site, at=at, former=former)
    return {key for key, purposes in found.items() if purpose in purposes}


def consented(engine: Engine, site: Site, *, at: date) -> set[int]:
    """The person keys with a consent to research in force on a day: for projects that rest on consent."""
    matched = _matched(engine, site, at)
    rows = engine.rows(
        f"SELECT DISTINCT person_key FROM {matched} WHERE kind = '{GIVEN}' AND person_key IS NOT NULL"
    )
    return {int(key) for (key,) in rows}


def objecting_numbers(engine: Engine, site: Site, *, at: date, purpose: str) -> str:
    """Make a table of the NHS numbers of all who are left out of a purpose on a day; returns its name (column ``nhs``).

    Every number of each person matched, and those of objections that match nobody here: they may be in somebody else's
    file. For what leaves by NHS number, not by the index.
    """
    keys = opted_out(engine, site, at=at, purpose=purpose)
    listed = engine.rows("SELECT DISTINCT kind, purposes FROM identity_objection WHERE person_key IS NULL")
    obeyed = [
        f"(o.kind IS NOT DISTINCT FROM {_text(kind)} AND o.purposes IS NOT DISTINCT FROM {_text(stated)})"
        for kind, stated in listed
        if purpose in purposes_of(kind, stated) and KINDS.get(kind or "", UNKNOWN).part == "everything"
    ]
    engine.register("identity_gone", pa.table({"person_key": pa.array(sorted(keys), pa.int64())}))
    objection, patient = latest_view(engine, site, "objection"), latest_view(engine, site, "patient")
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_objecting_number AS
        SELECT nhs_number_clean(p.nhs_number) AS nhs FROM {patient} p
        JOIN {index_view(engine, site)} i USING (source, record_id) SEMI JOIN identity_gone g USING (person_key)
        WHERE p.nhs_number IS NOT NULL
        UNION
        SELECT nhs_number_clean(x.nhs_number) FROM {objection} x JOIN identity_objection o USING (source, record_id)
        WHERE x.nhs_number IS NOT NULL AND o.person_key IS NULL AND ({" OR ".join(obeyed) or "false"})""")
    return "identity_objecting_number"


def _text(value: str | None) -> str:
    return "NULL" if value is None else literal(value)


def unmatched_objections(engine: Engine, site: Site, *, at: date, purpose: str = "research") -> int:
    """How many objections in force name nobody in the index (a wrong number, or someone who never came)."""
    rows = engine.rows(
        f"SELECT kind, purposes, count(*) FROM {_matched(engine, site, at)} WHERE person_key IS NULL GROUP BY ALL"
    )
    return sum(n for kind, stated, n in rows if purpose in purposes_of(kind, stated))


def objections_in_force(engine: Engine, site: Site, *, at: date) -> list[Mapping[str, object]]:
    """Counts of what is in force on a day, by kind and purposes: objections, people matched, objections unmatched."""
    rows = engine.rows(
        "SELECT kind, purposes, count(DISTINCT (source, record_id)), count(DISTINCT person_key),"
        " count(*) FILTER (WHERE person_key IS NULL)"
        f" FROM {_matched(engine, site, at)} GROUP BY kind, purposes ORDER BY kind, purposes"
    )
    return [
        {
            "kind": kind,
            "part": KINDS.get(kind or "", UNKNOWN).part,
            "purposes": [each for each in PURPOSES if each in purposes_of(kind, stated)],
            "in_force": n,
            "people": people,
            "unmatched": lost,
        }
        for kind, stated, n, people, lost in rows
    ]


def _matched(engine: Engine, site: Site, at: date, *, former: bool = False) -> str:
    """Make the table of objections in force with the person each one matches, or NULL; returns its name."""
    if not index_path(site).exists():
        raise UsageError(
            "this site has no patient index yet",
            where=str(site.path),
            remedy="run `lockgate index build` first",
        )
    for macro in SQL_MACROS:
        engine.execute(macro)
    objection, patient = latest_view(engine, site, "objection"), staged_view(engine, site, "patient")
    index = f"SELECT source, record_id, person_key FROM {index_view(engine, site)}"
    before = index_path(site).parent / "former_keys.parquet"
    if former and before.exists():
        engine.view_parquet("identity_before", before, _FORMER)
        index += " UNION SELECT source, record_id, person_key FROM identity_before"
    read_holding(engine, latest_view(engine, site, "patient_merge"))
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE identity_objection AS
        WITH RECURSIVE in_force AS (
            SELECT source, record_id, patient_ref, kind, purposes, nhs_number_clean(nhs_number) AS nhs,
                   nullif(upper(regexp_replace(local_number, '[\\s-]', '', 'g')), '') AS local
            FROM {objection}
            WHERE (from_date IS NULL OR from_date <= {literal(at.isoformat())}::DATE)
              AND (until_date IS NULL OR until_date > {literal(at.isoformat())}::DATE)),
        last AS (
            SELECT source, record_id, nhs_number, local_number, identifiers FROM {patient} WHERE NOT deleted
            QUALIFY row_number() OVER (PARTITION BY source, record_id ORDER BY {newest_first("patient")}) = 1),
        person AS (
            SELECT DISTINCT source, record_id, nhs_number_clean(said) AS nhs,
                   nullif(upper(regexp_replace(said, '[\\s-]', '', 'g')), '') AS local
            FROM (SELECT source, record_id, unnest(list_concat([nhs_number, local_number],
                      list_transform(coalesce(identifiers, []), lambda n: split_part(n, '|', -1)))) AS said
                  FROM last)
            WHERE said <> ''),
        tie AS (
            SELECT source, low AS record_id, high AS other FROM identity_merge WHERE kind <> 'unmerge'
            UNION
            SELECT source, high, low FROM identity_merge WHERE kind <> 'unmerge'),
        hit AS (
            SELECT o.source, o.record_id, p.source AS at_source, p.record_id AS at_record
            FROM in_force o JOIN person p ON o.nhs = p.nhs
            UNION
            SELECT o.source, o.record_id, p.source, p.record_id FROM in_force o JOIN person p ON o.local = p.local
            UNION
            SELECT source, record_id, source, patient_ref FROM in_force WHERE patient_ref IS NOT NULL
            UNION  -- and on, to every record that its source has merged with one of these
            SELECT h.source, h.record_id, h.at_source, t.other
            FROM hit h JOIN tie t ON t.source = h.at_source AND t.record_id = h.at_record),
        found AS (
            SELECT DISTINCT h.source, h.record_id, i.person_key
            FROM hit h JOIN ({index}) i ON i.source = h.at_source AND i.record_id = h.at_record)
        SELECT o.source, o.record_id, o.kind, o.purposes, f.person_key
        FROM in_force o LEFT JOIN found f USING (source, record_id)"""
    )
    return "identity_objection"
