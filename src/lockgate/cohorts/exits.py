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
    ends = [
        "SELECT i.context, i.person_id, i.event_id, i.first_day, CASE WHEN x.context IS NULL THEN "
        "i.period_last ELSE "
        "least(CASE WHEN x.from_end THEN i.last_day ELSE i.first_day END + x.days, i.period_last) END AS "
        "last_day "
        f"FROM included_events i LEFT JOIN {offset} x ON x.context = i.context"
    ]
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
            "SELECT i.context, i.person_id, i.event_id, i.first_day, e.first_day AS last_day FROM "
            "included_events i "
            f"JOIN {censor} c ON c.context = i.context JOIN events e ON e.criterion = c.criterion "
            "AND e.person_id = i.person_id AND e.first_day BETWEEN i.first_day AND i.period_last"
        )
    scratch.create(
        "stays",
        "SELECT context, person_id, event_id, first_day, min(last_day) AS last_day "
        f"FROM ({' UNION ALL '.join(ends)}) WHERE last_day >= first_day "
        "GROUP BY context, person_id, event_id, first_day",
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
    return (
        "SELECT i.context, i.person_id, i.event_id, i.first_day, r.stopped AS last_day FROM "
        "included_events i JOIN ("
        "SELECT context, person_id, min(began) AS began, max(stopped) - min(gap) AS stopped "
        f"FROM ({_islands(taken, 'context, person_id, gap')}) GROUP BY context, person_id, island"
        ") r ON r.context = i.context AND r.person_id = i.person_id "
        "AND i.first_day BETWEEN r.began AND r.stopped"
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
        "SELECT s.context, s.person_id, d.gap, d.since, d.until, s.first_day AS began, s.last_day + d.gap "
        "AS stopped "
        f"FROM stays s JOIN {settings} d ON d.context = s.context"
    )
    return (
        "SELECT CAST(context AS BIGINT) AS cohort_definition_id, person_id AS subject_id, "
        "DATE '1970-01-01' + CAST(began AS INTEGER) AS cohort_start_date, "
        "DATE '1970-01-01' + CAST(stopped AS INTEGER) AS cohort_end_date FROM ("
        "SELECT context, person_id, greatest(min(began), min(since)) AS began, "
        "least(max(stopped) - min(gap), min(until)) AS stopped "
        f"FROM ({_islands(padded, 'context, person_id, gap, since, until')}) GROUP BY context, person_id, "
        f"island"
        ") WHERE began <= stopped"
    )


def _islands(source: str, columns: str) -> str:
    """Spans (began, stopped) of a context and person with the number of the run of overlapping ones they "
    "are in."""
    earlier = (
        "PARTITION BY context, person_id ORDER BY began ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    )
    return (
        f"SELECT {columns}, began, stopped, sum(opens) OVER (PARTITION BY context, person_id ORDER BY "
        f"began, opens DESC "
        "ROWS UNBOUNDED PRECEDING) AS island FROM ("
        f"SELECT {columns}, began, stopped, CASE WHEN max(stopped) OVER ({earlier}) >= began THEN 0 ELSE "
        f"1 END AS opens "
        f"FROM ({source}))"
    )
