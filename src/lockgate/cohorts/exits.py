"""When each stay in a cohort ends, and stays that meet made one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.cohorts.definition import ExposureExit, OffsetExit
from lockgate.cohorts.events import day
from lockgate.cohorts.plan import FAR, day_number, rows_table
from lockgate.cohorts.scratch import Scratch


def ends(scratch: Scratch) -> None:
    """When each included event's stay in its cohort ends: the earliest of its exits that isn't before it."""
    told: list[tuple[Any, ...]] = []
    exposures: dict[tuple[int, int, int, int | None], int] = {}
    for number, d in scratch.plan.definitions:
        offset = (d.exit.from_end, d.exit.days) if isinstance(d.exit, OffsetExit) else (None, None)
        taken = None
        if isinstance(d.exit, ExposureExit):
            drugs = scratch.plan.concepts(d.exit.drugs)
            asked = (drugs, d.exit.gap_days, d.exit.offset_days, d.exit.days_supply)
            taken = exposures.setdefault(asked, len(exposures))
        told.append((number, *offset, taken))
    exits = scratch.register(
        rows_table(told, {"context": "i4", "from_end": "b", "days": "i4", "exposure": "i4"})
    )
    last = (
        "least(coalesce(CASE WHEN x.from_end THEN i.last_day ELSE i.first_day END + x.days, i.period_last), "
    )
    source = f"FROM included_events i JOIN {exits} x ON x.context = i.context"
    if exposures:
        # runs of exposure don't overlap: an event is in one at most
        last += "coalesce(r.stopped - r.gap, i.period_last), "
        source += (
            f" LEFT JOIN {_exposures(scratch, exposures)} r ON r.exposure = x.exposure "
            "AND r.person_id = i.person_id AND i.first_day BETWEEN r.began AND r.stopped - r.gap"
        )
    own = f"SELECT i.context, i.person_id, i.event_id, i.first_day, {last}i.period_last) AS last_day {source}"
    stays = "SELECT context, person_id, first_day, last_day"
    censors = [
        (number, scratch.plan.criteria[criterion])
        for number, d in scratch.plan.definitions
        for criterion in d.censoring
    ]
    if not censors:
        scratch.view("stays", f"{stays} FROM ({own}) WHERE last_day >= first_day")
        return
    censor = scratch.register(rows_table(censors, {"context": "i4", "criterion": "i4"}))
    events = scratch.events(criterion for _, criterion in censors)
    earliest = scratch.create(
        "earliest_ends",
        f"SELECT context, person_id, first_day, min(last_day) AS last_day FROM ({own} "
        f"SEMI JOIN {censor} o ON o.context = i.context UNION ALL "
        "SELECT i.context, i.person_id, i.event_id, i.first_day, e.first_day AS last_day FROM included_events i "
        f"JOIN {censor} c ON c.context = i.context JOIN {events} e ON e.criterion = c.criterion "
        "AND e.person_id = i.person_id AND e.first_day BETWEEN i.first_day AND i.period_last) "
        "WHERE last_day >= first_day GROUP BY context, person_id, event_id, first_day",
    )
    scratch.view(
        "stays",
        f"{stays} FROM ({own} ANTI JOIN {censor} o ON o.context = i.context) WHERE last_day >= first_day "
        f"UNION ALL {stays} FROM {earliest}",
    )


def _exposures(scratch: Scratch, exposures: Mapping[tuple[int, int, int, int | None], int]) -> str:
    kinds = {"exposure": "i4", "code_set": "i4", "gap": "i4", "extra": "i4", "supply": "i4"}
    table = scratch.register(rows_table([(number, *asked) for asked, number in exposures.items()], kinds))
    started = day("e.drug_exposure_start_date")
    ended = day("e.drug_exposure_end_date")
    taken = " UNION ALL ".join(
        f"SELECT x.exposure, e.person_id, x.gap, {started} AS began, x.gap + x.extra + CASE WHEN x.supply "
        f"IS NULL THEN coalesce({ended}, {started} + CAST(e.days_supply AS INTEGER), {started} + 1) "
        f"ELSE {started} + x.supply END AS stopped FROM {table} x JOIN codes c ON c.code_set = x.code_set "
        f"JOIN drug_exposure e ON e.{column} = c.concept_id"
        for column in ("drug_concept_id", "drug_source_concept_id")
    )
    return scratch.create(
        "exposures", f"SELECT * FROM {_merged(scratch, 'exposures', taken, 'exposure', 'gap')}"
    )


# a definition's settings of its stays: the gap over which they are one, and the first and last day that count
_SETTINGS = {"context": "i4", "gap": "i4", "since": "i4", "until": "i4"}


def _settings(scratch: Scratch) -> list[tuple[int, int, int, int]]:
    return [
        (
            number,
            d.era_gap,
            -FAR if d.censor_from is None else day_number(d.censor_from),
            FAR if d.censor_until is None else day_number(d.censor_until),
        )
        for number, d in scratch.plan.definitions
    ]


def _padded(settings: str) -> str:
    return (
        "SELECT s.context, s.person_id, s.first_day AS began, s.last_day + d.gap AS stopped "
        f"FROM stays s JOIN {settings} d ON d.context = s.context"
    )


def merged_stays(scratch: Scratch) -> pa.Table:
    """Stays, those that meet made one: cohort_definition_id, subject_id, cohort_start_date, cohort_end_date; sorted by
    all of them."""
    told = sorted(_settings(scratch))
    settings = scratch.register(rows_table(told, _SETTINGS))
    spans = scratch.engine.arrow(f"SELECT * FROM ({_padded(settings)}) ORDER BY context, person_id, began")
    context, person, began, stopped = (spans.column(name).to_numpy() for name in _SPAN)
    fresh = np.ones(context.size, dtype=bool)  # where a person's stays in a cohort begin
    fresh[1:] = (context[1:] != context[:-1]) | (person[1:] != person[:-1])
    apart = np.cumsum(fresh, dtype=np.int64) << 33  # so that nobody's days reach those of the next
    reached = np.maximum.accumulate(apart + stopped)
    opens = fresh.copy()
    opens[1:] |= reached[:-1] < (apart + began)[1:]
    first = np.flatnonzero(opens)
    last = np.append(first[1:], context.size)[: first.size] - 1
    _, gap, since, until = np.array(told, dtype=np.int64).reshape(-1, 4).T
    place = np.searchsorted(np.array([row[0] for row in told]), context[first])
    starts = np.maximum(began[first], since[place])
    stops = np.minimum(reached[last] - apart[last] - gap[place], until[place])
    kept = starts <= stops
    columns = {
        "cohort_definition_id": (pa.int64(), context[first][kept].astype(np.int64)),
        "subject_id": (pa.int64(), person[first][kept].astype(np.int64)),
        "cohort_start_date": (pa.date32(), starts[kept].astype(np.int32)),
        "cohort_end_date": (pa.date32(), stops[kept].astype(np.int32)),
    }
    arrays = [
        pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(np.ascontiguousarray(values))])
        for kind, values in columns.values()
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


_SPAN = ("context", "person_id", "began", "stopped")


def stays_sql(scratch: Scratch) -> str:
    """The query of what ``merged_stays`` gives, in no order: for who has only SQL."""
    settings = scratch.register(rows_table(_settings(scratch), _SETTINGS))
    return (
        "SELECT CAST(context AS BIGINT) AS cohort_definition_id, person_id AS subject_id, "
        "DATE '1970-01-01' + CAST(began AS INTEGER) AS cohort_start_date, "
        "DATE '1970-01-01' + CAST(stopped AS INTEGER) AS cohort_end_date FROM ("
        "SELECT m.context, m.person_id, greatest(m.began, d.since) AS began, "
        "least(m.stopped - d.gap, d.until) AS stopped "
        f"FROM {_merged(scratch, 'stays', _padded(settings), 'context')} m JOIN {settings} d ON d.context = m.context"
        ") WHERE began <= stopped"
    )


def _merged(scratch: Scratch, name: str, spans: str, of: str, *more: str) -> str:
    """Spans (``of``, person_id, ``more``, began, stopped), those of one ``of`` and person that overlap made one.

    They are sorted once: a span before which all others have stopped opens a run, one after which none begins before
    all have stopped closes it. Nearly all do both.
    """
    columns, person = ", ".join([of, "person_id", *more]), f"PARTITION BY {of}, person_id"
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
