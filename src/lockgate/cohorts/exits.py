"""When each stay in a cohort ends, and stays that meet made one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.cohorts.definition import ExposureExit, OffsetExit
from lockgate.cohorts.events import day
from lockgate.cohorts.periods import PERIODS
from lockgate.cohorts.plan import FAR, Plan, day_number, rows_table
from lockgate.cohorts.scratch import Scratch
from lockgate.cohorts.stays import Spans, fits, merged

EXITS = {"grouping": "i4", "from_end": "b", "days": "i4", "exposure": "i4"}
_Exposure = tuple[int, int, int, int | None]  # code set, gap, offset, days of supply


def exits(plan: Plan) -> tuple[dict[int, tuple[Any, ...]], dict[_Exposure, int]]:
    """By definition how its stays end, as ``EXITS`` (grouping: its rank by number); and the runs of exposure in it."""
    told: dict[int, tuple[Any, ...]] = {}
    exposures: dict[_Exposure, int] = {}
    for rank, (number, d) in enumerate(sorted(plan.definitions, key=lambda pair: pair[0])):
        offset = (d.exit.from_end, d.exit.days) if isinstance(d.exit, OffsetExit) else (None, None)
        taken = None
        if isinstance(d.exit, ExposureExit):
            supplied = (plan.concepts(d.exit.drugs), d.exit.gap_days, d.exit.offset_days, d.exit.days_supply)
            taken = exposures.setdefault(supplied, len(exposures))
        told[number] = (rank, *offset, taken)
    return told, exposures


def ends(scratch: Scratch, *, asked: Collection[int]) -> None:
    """When each included event's stay in its cohort ends: the earliest of its exits that isn't before it.

    ``asked``: the definitions of whose entry events something is asked. The view ``stays`` has those too that would end
    before they begin, and are none.
    """
    told, exposures = exits(scratch.plan)
    runs = _exposures(scratch, exposures) if exposures else ""
    span = ", ".join(
        ["context, person_id, first_day, last_day", *(["grouping, place"] if scratch.arrays else [])]
    )
    parts = [
        f"SELECT {_own(scratch, 'i', exposed=exposed)} FROM {source} i{runs.format(x='i') if exposed else ''}"
        for source, exposed in scratch.plain
    ]
    censors = [
        (number, scratch.plan.criteria[criterion])
        for number, d in scratch.plan.definitions
        for criterion in d.censoring
    ]
    if asked:
        table = scratch.register(
            rows_table([(n, *row) for n, row in told.items()], {"context": "i4", **EXITS})
        )
        exit = f"JOIN {table} x ON x.context = i.context"
        exposed = any(told[number][-1] is not None for number in asked)
        own = _own(scratch, "x", exposed=exposed)
        included = f"FROM included_events i {exit}{runs.format(x='x') if exposed else ''}"
        if censors:
            censor = scratch.register(rows_table(censors, {"context": "i4", "criterion": "i4"}))
            parts.append(f"SELECT {own} {included} ANTI JOIN {censor} o ON o.context = i.context")
            whole = f"SELECT {own}, i.period_last {included} SEMI JOIN {censor} o ON o.context = i.context"
            parts.append(f"SELECT {span} FROM {_censored(scratch, whole, censor, censors, span)}")
        else:
            parts.append(f"SELECT {own} {included}")
    scratch.view("stays", " UNION ALL ".join(f"SELECT {span} FROM ({part})" for part in parts))


def _own(scratch: Scratch, x: str, *, exposed: bool) -> str:
    """The columns of a stay that ends by its definition's exit (told in ``x``), where nothing censors it."""
    end = f"coalesce(CASE WHEN {x}.from_end THEN i.last_day ELSE i.first_day END + {x}.days, i.period_last), "
    if exposed:
        end += f"coalesce(r.stopped{'' if scratch.arrays else ' - r.gap'}, i.period_last), "
    placed = f"{x}.grouping, i.place, " if scratch.arrays else ""
    return f"i.context, i.person_id, i.event_id, i.first_day, {placed}least({end}i.period_last) AS last_day"


def _censored(
    scratch: Scratch, stays: str, censor: str, censors: Sequence[tuple[int, int]], span: str
) -> str:
    """A table of the stays of definitions that have censoring events: they end by the first of these at the latest."""
    events = scratch.events(criterion for _, criterion in censors)
    keys = ", ".join(f"i.{name}" for name in ("event_id", *span.split(", ")) if name != "last_day")
    # an end before the start is none
    own = "min(CASE WHEN i.last_day >= i.first_day THEN i.last_day END)"
    return scratch.create(
        "earliest_ends",
        f"SELECT * FROM (SELECT {keys}, least({own}, min(c.first_day)) AS last_day FROM ({stays}) i LEFT JOIN "
        f"(SELECT o.context, e.person_id, e.first_day FROM {censor} o JOIN {events} e ON e.criterion = o.criterion) c "
        "ON c.context = i.context AND c.person_id = i.person_id AND c.first_day BETWEEN i.first_day AND i.period_last "
        f"GROUP BY {keys}) WHERE last_day IS NOT NULL",
    )


def _exposures(scratch: Scratch, exposures: Mapping[_Exposure, int]) -> str:
    """The join of included events to the run of exposure that they are in (``{x}`` tells of which); one at most, for
    runs don't overlap."""
    kinds = {"grouping": "i4", "code_set": "i4", "gap": "i4", "extra": "i4", "supply": "i4"}
    table = scratch.register(rows_table([(number, *asked) for asked, number in exposures.items()], kinds))
    started = day("e.drug_exposure_start_date")
    ended = day("e.drug_exposure_end_date")
    whose, of = "e.person_id", ""
    if scratch.arrays:
        people = f"(SELECT DISTINCT person_id, place FROM {PERIODS})" if scratch.several else PERIODS
        whose, of = "w.place", f" JOIN {people} w ON w.person_id = e.person_id"
    # an exposure that has one concept twice is one
    named = {
        "drug_concept_id": "",
        "drug_source_concept_id": " AND e.drug_source_concept_id IS DISTINCT FROM e.drug_concept_id",
    }
    taken = " UNION ALL ".join(
        f"SELECT x.grouping, {whose}, x.gap, {started} AS began, x.extra + CASE WHEN x.supply "
        f"IS NULL THEN coalesce({ended}, {started} + CAST(e.days_supply AS INTEGER), {started} + 1) "
        f"ELSE {started} + x.supply END AS stopped FROM {table} x JOIN codes c ON c.code_set = x.code_set "
        f"JOIN drug_exposure e ON e.{column} = c.concept_id{of} WHERE e.drug_exposure_start_date IS NOT NULL{once}"
        for column, once in named.items()
    )
    if scratch.arrays:
        runs, key, stopped = _runs(scratch, taken, [asked[1] for asked in exposures]), "place", "r.stopped"
    else:
        padded = f"SELECT grouping, person_id, gap, began, stopped + gap AS stopped FROM ({taken})"
        runs = scratch.create(
            "exposures", f"SELECT * FROM {_merged(scratch, 'exposures', padded, 'grouping', 'gap')}"
        )
        key, stopped = "person_id", "r.stopped - r.gap"
    return (
        f" LEFT JOIN {runs} r ON r.grouping = {{x}}.exposure AND r.{key} = i.{key} "
        f"AND i.first_day BETWEEN r.began AND {stopped}"
    )


def _runs(scratch: Scratch, taken: str, gaps: Sequence[int]) -> str:
    """A table of the runs of exposures, merged in arrays."""
    spans = scratch.create(
        "exposures_taken", f"SELECT grouping, place, began, stopped FROM ({taken})", first=True
    )
    bounds = scratch.rows(
        f"SELECT min(began), max(began), min(stopped - began), max(stopped - began) FROM {spans}"
    )[0]
    told = Spans(f"SELECT * FROM {spans}", gaps, scratch.people.size, *(bound or 0 for bound in bounds))
    found = list(merged(scratch.arrow, told))
    columns = [
        np.concatenate([np.zeros(0, dtype=np.int64), *(getattr(runs, name) for runs in found)])
        for name in ("group", "place", "began", "stopped")
    ]
    rows = pa.Table.from_arrays(
        [_array(pa.int32(), column.astype(np.int32)) for column in columns],
        names=["grouping", "place", "began", "stopped"],
    )
    return scratch.create("exposures", f"SELECT * FROM {scratch.register(rows)}")


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


def merged_stays(scratch: Scratch) -> pa.Table:
    """Stays, those that meet made one: cohort_definition_id, subject_id, cohort_start_date, cohort_end_date; sorted by
    all of them."""
    told = np.array(sorted(_settings(scratch)), dtype=np.int64).reshape(-1, 4)
    number, gap, since, until = told.T
    first, last = scratch.days
    spans = Spans(
        # what is none is left out in arrays, where that costs less than a filter over joins
        "SELECT grouping, place, first_day AS began, greatest(last_day, first_day - 1) AS stopped FROM stays",
        gap.tolist(), scratch.people.size, first, last, -1, last - first, 0,
    )  # fmt: skip
    if not fits(spans):
        return scratch.arrow(f"{stays_sql(scratch)} ORDER BY 1, 2, 3, 4")
    tables = [_NOBODY]
    for group, place, began, stopped in merged(scratch.arrow, spans):
        starts, stops = np.maximum(began, since[group]), np.minimum(stopped, until[group])
        kept = starts <= stops
        columns = (number[group][kept], scratch.people[place][kept], starts[kept], stops[kept])
        arrays = [
            _array(kind, values.astype(np.int32 if kind == pa.date32() else np.int64))
            for kind, values in zip(_NOBODY.schema.types, columns, strict=True)
        ]
        tables.append(pa.Table.from_arrays(arrays, schema=_NOBODY.schema))
    return pa.concat_tables(tables)


_NOBODY = pa.schema(
    [
        ("cohort_definition_id", pa.int64()),
        ("subject_id", pa.int64()),
        ("cohort_start_date", pa.date32()),
        ("cohort_end_date", pa.date32()),
    ]
).empty_table()


def _array(kind: pa.DataType, values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(np.ascontiguousarray(values))])


def stays_sql(scratch: Scratch) -> str:
    """The query of what ``merged_stays`` gives, in no order: for who has only SQL."""
    settings = scratch.register(rows_table(_settings(scratch), _SETTINGS))
    padded = (
        "SELECT s.context, s.person_id, s.first_day AS began, s.last_day + d.gap AS stopped "
        f"FROM stays s JOIN {settings} d ON d.context = s.context WHERE s.last_day >= s.first_day"
    )
    return (
        "SELECT CAST(context AS BIGINT) AS cohort_definition_id, person_id AS subject_id, "
        "DATE '1970-01-01' + CAST(began AS INTEGER) AS cohort_start_date, "
        "DATE '1970-01-01' + CAST(stopped AS INTEGER) AS cohort_end_date FROM ("
        "SELECT m.context, m.person_id, greatest(m.began, d.since) AS began, "
        "least(m.stopped - d.gap, d.until) AS stopped "
        f"FROM {_merged(scratch, 'stays', padded, 'context')} m JOIN {settings} d ON d.context = m.context"
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
