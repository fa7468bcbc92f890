"""Who said no: opt-outs and objections, matched to people on a day and for a purpose.

The rules follow the national data opt-out policy (NHS England): it covers research and planning, not the care team's
own clinical audit. A local objection is obeyed for every purpose, a withdrawn research consent for research. An
objection is matched widely: every person any of whose records carries its NHS number, whatever its check digit, or
its hospital number, or that a consent of its own source names. Where matching could err, the person is left out
rather than in.
"""

from __future__ import annotations

from datetime import date

from lockgate.capture import latest_view
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity.index import index_path, index_view
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.site import Site

NATIONAL = "national_data_opt_out"
LOCAL = "local_objection"
WITHDRAWN = "research_consent_withdrawn"
# What consents say besides: nobody is left out for it.
GIVEN = "research_consent_given"
OTHER = "consent_not_for_research"
KINDS = (NATIONAL, LOCAL, WITHDRAWN, GIVEN, OTHER)

# Which kinds of objection a purpose must obey. A kind that is not in KINDS is obeyed for every purpose.
OBEYED: dict[str, frozenset[str]] = {
    "research": frozenset({NATIONAL, LOCAL, WITHDRAWN}),
    "service_evaluation": frozenset({NATIONAL, LOCAL}),
    "clinical_analytics": frozenset({NATIONAL, LOCAL}),
    "audit": frozenset({LOCAL}),
}


def opted_out(engine: Engine, site: Site, *, at: date, purpose: str = "research") -> set[int]:
    """The person keys that must be left out of data for ``purpose`` on the day ``at``.

    An objection holds from ``from_date`` (or ever, where none is given) until the day before ``until_date``. Needs the
    index: raises UsageError when there is none, or when the purpose is unknown.
    """
    if purpose not in OBEYED:
        raise UsageError(f"there is no purpose {purpose!r}", remedy=f"one of: {', '.join(OBEYED)}")
    matched = _matched(engine, site, at, purpose)
    found = engine.rows(f"SELECT DISTINCT person_key FROM {matched} WHERE person_key IS NOT NULL")
    return {int(key) for (key,) in found}


def unmatched_objections(engine: Engine, site: Site, *, at: date, purpose: str = "research") -> int:
    """How many objections in force name nobody in the index (a wrong number, or someone who never came)."""
    matched = _matched(engine, site, at, purpose)
    return int(engine.one(f"SELECT count(*) FROM {matched} WHERE person_key IS NULL"))


def _matched(engine: Engine, site: Site, at: date, purpose: str) -> str:
    """Make the table of objections in force with the person each one matches, or NULL; returns its name."""
    if not index_path(site).exists():
        raise UsageError(
            "this site has no patient index yet",
            where=str(site.path),
            remedy="run `lockgate index build` first",
        )
    for macro in SQL_MACROS:
        engine.execute(macro)
    objection, patient = latest_view(engine, site, "objection"), latest_view(engine, site, "patient")
    index = index_view(engine, site)
    ignored = ", ".join(f"'{kind}'" for kind in KINDS if kind not in OBEYED[purpose]) or "''"
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE identity_objection AS
        WITH in_force AS (
            SELECT source, record_id, patient_ref, nhs_number_clean(nhs_number) AS nhs,
                   nullif(upper(regexp_replace(local_number, '[\\s-]', '', 'g')), '') AS local
            FROM {objection}
            WHERE coalesce(kind, '') NOT IN ({ignored})
              AND (from_date IS NULL OR from_date <= CAST(? AS DATE))
              AND (until_date IS NULL OR until_date > CAST(? AS DATE))),
        person AS (
            SELECT i.person_key, nhs_number_clean(p.nhs_number) AS nhs,
                   nullif(upper(regexp_replace(p.local_number, '[\\s-]', '', 'g')), '') AS local
            FROM {patient} p JOIN {index} i USING (source, record_id)),
        hit AS (
            SELECT o.source, o.record_id, p.person_key FROM in_force o JOIN person p ON o.nhs = p.nhs
            UNION
            SELECT o.source, o.record_id, p.person_key FROM in_force o JOIN person p ON o.local = p.local
            UNION
            SELECT o.source, o.record_id, i.person_key
            FROM in_force o JOIN {index} i ON i.source = o.source AND i.record_id = o.patient_ref)
        SELECT o.source, o.record_id, h.person_key
        FROM in_force o LEFT JOIN hit h USING (source, record_id)""",
        [at, at],
    )
    return "identity_objection"
