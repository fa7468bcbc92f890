"""Who the events are about, once for all tables: a dense number for each person, and when they are under observation.

Tables made: ``who`` (idx, person_id; known: has a row in person; gender and year_of_birth; start and stop: the first
period of observation; periods: how many; first and last: the period of who has but one) and ``more`` (person_id, first,
last, weight), the disjoint stretches of those with several periods, each with how many of them run at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.engine import Engine

Ints = npt.NDArray[np.int64]
UNKNOWN = np.int64(-(2**62))  # a year of birth that isn't given

_WHO = """
CREATE OR REPLACE TEMP TABLE who AS
SELECT row_number() OVER (ORDER BY person_id) - 1 AS idx, person_id, p.person_id IS NOT NULL AS known,
    p.gender_concept_id AS gender, p.year_of_birth, o.start, o.stop, coalesce(o.periods, 0) AS periods,
    CASE WHEN o.periods = 1 THEN o.start END AS first, CASE WHEN o.periods = 1 THEN o.stop END AS last
FROM (
    SELECT person_id, min(gender_concept_id) AS gender_concept_id, min(year_of_birth) AS year_of_birth
    FROM person WHERE person_id IS NOT NULL GROUP BY person_id
) AS p
FULL JOIN (
    SELECT person_id, count(*) AS periods, min(observation_period_start_date) AS start,
        arg_min(observation_period_end_date, observation_period_start_date) AS stop
    FROM observation_period WHERE person_id IS NOT NULL GROUP BY person_id
) AS o USING (person_id)
"""

# A sweep over the days on which a period begins or has just ended: between two of them a fixed number of periods run.
_MORE = """
CREATE OR REPLACE TEMP TABLE more AS
WITH several AS (
    SELECT person_id, observation_period_start_date AS first, observation_period_end_date AS last
    FROM observation_period
    WHERE person_id IN (SELECT person_id FROM who WHERE periods > 1)
        AND observation_period_start_date <= observation_period_end_date
), edges AS (
    SELECT person_id, first AS day, 1 AS step FROM several
    UNION ALL SELECT person_id, last + 1, -1 FROM several
), days AS (SELECT person_id, day, sum(step) AS step FROM edges GROUP BY person_id, day), stretches AS (
    SELECT person_id, day AS first, lead(day) OVER (PARTITION BY person_id ORDER BY day) - 1 AS last,
        CAST(sum(step) OVER (PARTITION BY person_id ORDER BY day ROWS UNBOUNDED PRECEDING) AS BIGINT) AS weight
    FROM days
)
SELECT person_id, first, last, weight FROM stretches WHERE weight > 0
"""


@dataclass(frozen=True, slots=True)
class People:
    """The people by ``idx``: whether known, the place of their sex in ``genders``, and their year of birth."""

    known: npt.NDArray[np.bool_]
    gender: Ints
    genders: list[int | None]
    born: Ints
    everybody: bool  # all are known
    dated: bool  # and each with a year of birth
    several: bool  # somebody has more than one period
    overlapping: bool  # somebody's periods run at once: an event then counts once for each
    years: tuple[int, int]  # the first and the last of all periods


def number_people(engine: Engine) -> None:
    """Make ``who`` and ``more`` from person and observation_period."""
    engine.execute(_WHO)
    engine.execute(_MORE)


def add_orphans(engine: Engine, table: str) -> None:
    """Number the people of a table's events who have neither a row in person nor a period."""
    engine.execute(
        f"""
        INSERT INTO who BY NAME SELECT (SELECT count(*) FROM who) + row_number() OVER (ORDER BY person_id) - 1 AS idx,
            person_id, FALSE AS known, 0 AS periods
        FROM (SELECT DISTINCT person_id FROM {table} WHERE person_id IS NOT NULL) AS e
        WHERE person_id NOT IN (SELECT person_id FROM who)"""
    )


def read_people(engine: Engine) -> People:
    """The people as arrays."""
    rows = engine.arrow("SELECT known, gender, year_of_birth FROM who ORDER BY idx")
    genders: list[Any] = sorted(
        rows.column("gender").unique().to_pylist(), key=lambda concept: (concept is None, concept or 0)
    )
    place = {concept: number for number, concept in enumerate(genders)}
    sexes = rows.column("gender").combine_chunks().dictionary_encode()
    codes = sexes.indices.fill_null(len(sexes.dictionary)).to_numpy(zero_copy_only=False)
    table = np.array([place[each] for each in sexes.dictionary.to_pylist()] + [place.get(None, 0)], np.int64)
    several, overlapping = engine.rows("SELECT count(*) > 0, coalesce(max(weight) > 1, FALSE) FROM more")[0]
    years = engine.rows(
        "SELECT coalesce(year(min(observation_period_start_date)), 2000), "
        "coalesce(year(max(observation_period_end_date)), 2000) FROM observation_period "
        "WHERE observation_period_start_date <= observation_period_end_date"
    )[0]
    known = rows.column("known").to_numpy(zero_copy_only=False).astype(bool)
    born = rows.column("year_of_birth").combine_chunks()
    return People(
        known=known,
        gender=table[codes],
        genders=genders,
        born=born.cast("int64").fill_null(int(UNKNOWN)).to_numpy(),
        everybody=bool(known.all()),
        dated=born.null_count == 0,
        several=bool(several),
        overlapping=bool(overlapping),
        years=(int(years[0]), int(years[1])),
    )
