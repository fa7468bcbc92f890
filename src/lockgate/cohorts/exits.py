"""When each stay in a cohort ends, and stays that meet made one."""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.cohorts.definition import ExposureExit, OffsetExit
from lockgate.cohorts.events import day
from lockgate.cohorts.plan import FAR, day_number, rows_table
from lockgate.cohorts.scratch import Scratch


def ends(scratch: Scratch) -> None:
    """When each included event's stay in its cohort ends: the earliest of its exits that isn't before it."""
    offsets = [
        (number, d.exit.from_end, d.exit.days)
        for number, d in scratch.plan.definitions
        if isinstance(d.exit, OffsetExit)
    ]
    offset = scratch.register(rows_table(offsets, {"context": "i4", "from_end": "b", "days": "i4"}))
    several = [
        (number,) for number, d in scratch.plan.definitions if d.censoring or isinstance(d.exit, ExposureExit)
    ]
    own = (
        "SELECT i.context, i.person_id, i.event_id, i.first_day, CASE WHEN x.context IS NULL THEN i.period_last ELSE "
        "least(CASE WHEN x.from_end THEN i.last_day ELSE i.first_day END + x.days, i.period_last) END AS last_day "
        f"FROM included_events i LEFT JOIN {offset} x ON x.context = i.context"
    )
    if not several:
        scratch.view(
            "stays",
            f"SELECT context, person_id, first_day, last_day FROM ({own}) WHERE last_day >= first_day",
        )
        return
    others = scratch.register(rows_table(several, {"context": "i4"}))
    ends = [f"{own} SEMI JOIN {others} o ON o.context = i.context"]
    exposures = [
        (
            number,
            scratch.plan.concepts(d.exit.drugs),
            d.exit.gap_days,
            d.exit.offset_days,
            d.exit.days_supply,
        )
        for number, d in scratch.plan.definitions
        if isinstance(d.exit, ExposureExit)
    ]
    if exposures:
        ends.append(_exposures(scratch, exposures))
    censors = [
        (number, scratch.plan.criteria[criterion])
        for number, d in scratch.plan.definitions
        for criterion in d.censoring
    ]
    if censors:
        censor = scratch.register(rows_table(censors, {"context": "i4", "criterion": "i4"}))
        ends.append(
            "SELECT i.context, i.person_id, i.event_id, i.first_day, e.first_day AS last_day FROM included_events i "
            f"JOIN {censor} c ON c.context = i.context JOIN {scratch.events(c for _, c in censors)} e "
            "ON e.criterion = c.criterion AND e.person_id = i.person_id "
            "AND e.first_day BETWEEN i.first_day AND i.period_last"
        )
    earliest = scratch.create(
        "earliest_ends",
        "SELECT context, person_id, first_day, min(last_day) AS last_day "
        f"FROM ({' UNION ALL '.join(ends)}) WHERE last_day >= first_day "
        "GROUP BY context, person_id, event_id, first_day",
    )
    scratch.view(
        "stays",
        f"SELECT context, person_id, first_day, last_day FROM ({own} ANTI JOIN {others} o ON o.context = i.context) "
        f"WHERE last_day >= first_day UNION ALL SELECT context, person_id, first_day, last_day FROM {earliest}",
    )


def _exposures(scratch: Scratch, exposures: Sequence[tuple[int, int, int, int, int | None]]) -> str:
    kinds = {"context": "i4", "code_set": "i4", "gap": "i4", "extra": "i4", "supply": "i4"}
    table = scratch.register(rows_table(exposures, kinds))
    started = day("e.drug_exposure_start_date")
    ended = day("e.drug_exposure_end_date")
    taken = " UNION ALL ".join(
        f"SELECT x.context, e.person_id, x.gap, {started} AS began, x.gap + x.extra + CASE WHEN x.supply "
        f"IS NULL THEN "
        f"coalesce({ended}, {started} + CAST(e.days_supply AS INTEGER), {started} + 1) "
        f"ELSE {started} + x.supply END AS stopped FROM {table} x JOIN codes c ON c.code_set = x.code_set "
        f"JOIN drug_exposure e ON e.{column} = c.concept_id"
        for column in ("drug_concept_id", "drug_source_concept_id")
    )
    eras = _merged(scratch, "exposures", taken, "context, person_id, gap")
    return (
        "SELECT i.context, i.person_id, i.event_id, i.first_day, r.stopped - r.gap AS last_day FROM included_events i "
        f"JOIN {eras} r ON r.context = i.context AND r.person_id = i.person_id "
        "AND i.first_day BETWEEN r.began AND r.stopped - r.gap"
    )


def stays_sql(scratch: Scratch) -> str:
    """The query of the stays: cohort_definition_id, subject_id, cohort_start_date, cohort_end_date; in no order."""
    settings = scratch.register(
        rows_table(
            [
                (
                    number,
                    d.era_gap,
                    -FAR if d.censor_from is None else day_number(d.censor_from),
                    FAR if d.censor_until is None else day_number(d.censor_until),
                )
                for number, d in scratch.plan.definitions
            ],
            {"context": "i4", "gap": "i4", "since": "i4", "until": "i4"},
        )
    )
    padded = (
        "SELECT s.context, s.person_id, s.first_day AS began, s.last_day + d.gap AS stopped "
        f"FROM stays s JOIN {settings} d ON d.context = s.context"
    )
    merged = _merged(scratch, "stays", padded, "context, person_id")
    return (
        "SELECT CAST(context AS BIGINT) AS cohort_definition_id, person_id AS subject_id, "
        "DATE '1970-01-01' + CAST(began AS INTEGER) AS cohort_start_date, "
        "DATE '1970-01-01' + CAST(stopped AS INTEGER) AS cohort_end_date FROM ("
        "SELECT m.context, m.person_id, greatest(m.began, d.since) AS began, "
        "least(m.stopped - d.gap, d.until) AS stopped "
        f"FROM {merged} m JOIN {settings} d ON d.context = m.context) WHERE began <= stopped"
    )


def _merged(scratch: Scratch, name: str, spans: str, columns: str) -> str:
    """Spans (``columns``, began, stopped) of a context and person, those that overlap made one.

    They are sorted once: a span before which all others have stopped opens a run, one after which none begins before
    all have stopped closes it. Nearly all do both.
    """
    person = "PARTITION BY context, person_id"
    ends = scratch.create(
        f"{name}_ends",
        f"SELECT {columns}, began, stopped, opens, closes FROM (SELECT {columns}, began, "
        "greatest(stopped, coalesce(before, stopped)) AS stopped, before IS NULL OR before < began AS opens, "
        "next IS NULL OR next > greatest(stopped, coalesce(before, stopped)) AS closes "
        f"FROM (SELECT {columns}, began, stopped, max(stopped) OVER ({person} ORDER BY began, stopped "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, "
        f"lead(began) OVER ({person} ORDER BY began, stopped) AS next FROM ({spans}))) WHERE opens OR closes",
    )
    return (
        f"(SELECT {columns}, began, stopped FROM {ends} WHERE opens AND closes UNION ALL "
        f"SELECT {columns}, began, stopped FROM (SELECT {columns}, began, opens, "
        f"lead(stopped) OVER ({person} ORDER BY began, CASE WHEN opens THEN 0 ELSE 1 END) AS stopped "
        f"FROM {ends} WHERE opens <> closes) WHERE opens)"
    )
