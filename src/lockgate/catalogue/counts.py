"""What the catalogue counts in a release: people by age, ethnicity and diagnosis, events, the time they span."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from lockgate.capture import batches
from lockgate.curate import Release
from lockgate.disclosure import Rules, safe_count
from lockgate.disclosure.safe import TOTAL, safe_table, shown
from lockgate.engine import Engine
from lockgate.errors import Refused
from lockgate.identity import covered, index_path, pseudonymise_ints
from lockgate.schema import RELEASE
from lockgate.site import Site
from lockgate.terminology.ethnicity import ETHNICITY

NOT_KNOWN = "Not known"
AGES = ("1-4", *(f"{low}-{low + 4}" for low in range(5, 100, 5)))
VOCABULARIES = {"ICD10": "ICD10", "SNOMED": "SNOMED CT"}
MOST_DISEASES = 50


@dataclass(frozen=True)
class Counted:
    """Counts as they may be published. Labels whose count is withheld are not in the mappings."""

    people: int
    events: int
    age: dict[str, int]
    ethnicity: dict[str, int]
    diseases: list[tuple[str, str, int]]  # code, vocabulary in HDR UK's words, people
    first: date | None
    last: date | None
    age_range: tuple[int, int] | None
    withheld: dict[str, int]  # of age, ethnicity: how many groups are not shown


def find_unwilling(engine: Engine, site: Site, release: Release) -> None:
    """The table ``unwilling(person_id)``: everybody who has opted out by today, of any purpose.

    A catalogue serves no one purpose, so whoever objects to one of them is not counted in it. LockgateError when there
    are objections and no index to match them with.
    """
    if not index_path(site).exists() and not any(batch.table("objection") for batch in batches(site)):
        engine.execute("CREATE TABLE unwilling (person_id BIGINT)")
        return
    at = datetime.now(ZoneInfo(site.config.site.timezone)).date()
    keys = np.array(sorted(covered(engine, site, at=at, former=True)), np.int64)
    ids = pa.array(pseudonymise_ints(keys, release.key(site), "person"), pa.int64())
    engine.register("unwilling", pa.table({"person_id": ids}))


def willing_view(engine: Engine, name: str, path: Path) -> None:
    """A view of a file of the release without the rows of ``unwilling``."""
    engine.view_parquet(f"{name}_all", path)
    personal = "person_id" in engine.columns(f"SELECT * FROM {name}_all")
    without = " AS t ANTI JOIN unwilling AS u ON u.person_id = t.person_id" if personal else ""
    engine.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {name}_all{without}")


def count_release(engine: Engine, release: Release, rules: Rules) -> Counted:
    """Count a release; needs ``find_unwilling``. Refused when it has fewer people than the threshold."""
    for name in ("person", "condition_occurrence", "concept", "observation_period"):
        willing_view(engine, f"c_{name}", release.table_path(name))
    total = int(engine.one("SELECT count(*) FROM c_person"))
    people = safe_count(total, rules)
    if not isinstance(people, int) or people == 0:
        raise Refused(
            "the release has too few people to be described",
            reasons=[f"fewer than {rules.threshold} people"],
            where=f"release {release.number}",
        )
    age, ages_withheld = _groups(
        engine, "age", _AGE.format(day=release.manifest["opt_out_cut_off"]), total, rules
    )
    ethnicity, ethnicities_withheld = _groups(engine, "ethnicity", _ethnicity_sql(), total, rules)
    first, last = _span(engine, rules) or (None, None)
    bounds = [label for label in age if label[0].isdigit()]
    return Counted(
        people=people,
        events=_events(engine, release, rules),
        age=age,
        ethnicity=ethnicity,
        diseases=_diseases(engine, rules),
        first=first,
        last=last,
        age_range=(_low(bounds[0]), _high(bounds[-1])) if bounds else None,
        withheld={"age": ages_withheld, "ethnicity": ethnicities_withheld},
    )


_AGE = """
    SELECT CASE WHEN age < 1 THEN '1-11 months' WHEN age < 5 THEN '1-4 years' WHEN age >= 100 THEN '100+ years'
        ELSE CAST(age // 5 * 5 AS VARCHAR) || '-' || CAST(age // 5 * 5 + 4 AS VARCHAR) || ' years' END AS label,
        count(*) AS people, min(age) AS place
    FROM (SELECT year(DATE '{day}') - year_of_birth AS age FROM c_person) GROUP BY label ORDER BY place"""


def _ethnicity_sql() -> str:
    cases = " ".join(f"WHEN '{code}' THEN '{label}'" for code, label in ETHNICITY.items())
    return (
        f"SELECT CASE race_source_value {cases} ELSE '{NOT_KNOWN}' END AS label, count(*) AS people,"
        " min(race_source_value) AS place FROM c_person GROUP BY label ORDER BY label"
    )


def _groups(engine: Engine, name: str, sql: str, total: int, rules: Rules) -> tuple[dict[str, int], int]:
    cells: dict[tuple[str, ...], int] = {(str(label),): int(people) for label, people, _ in engine.rows(sql)}
    table = safe_table(name, name, [name], {**cells, (TOTAL,): total}, rules, totals={name: TOTAL})
    kept = {key[0]: value for key, value in shown(table).items()}
    return kept, len(cells) - len(kept)


def _diseases(engine: Engine, rules: Rules) -> list[tuple[str, str, int]]:
    """The commonest recorded diagnoses by people; only those of at least the threshold, rounded."""
    rows = engine.rows(
        f"""
        SELECT c.concept_code, c.vocabulary_id, count(DISTINCT o.person_id) AS people
        FROM c_condition_occurrence AS o JOIN c_concept AS c
            ON c.concept_id = CASE WHEN o.condition_source_concept_id <> 0 THEN o.condition_source_concept_id
                ELSE o.condition_concept_id END
        WHERE c.vocabulary_id IN ({", ".join(f"'{v}'" for v in VOCABULARIES)})
        GROUP BY ALL HAVING count(DISTINCT o.person_id) >= {int(rules.threshold)}
        ORDER BY people DESC, 1 LIMIT {MOST_DISEASES}"""
    )
    counted = [(code, VOCABULARIES[v], safe_count(int(n), rules)) for code, v, n in rows]
    return [(str(code), v, n) for code, v, n in counted if isinstance(n, int) and n > 0]


def _span(engine: Engine, rules: Rules) -> tuple[date, date] | None:
    """The months between which the record runs, leaving out what fewer people than the threshold reach."""
    at = int(rules.threshold)
    first = engine.rows(
        "SELECT date_trunc('month', observation_period_start_date) FROM c_observation_period"
        f" ORDER BY observation_period_start_date LIMIT 1 OFFSET {at - 1}"
    )
    last = engine.rows(
        "SELECT last_day(observation_period_end_date) FROM c_observation_period"
        f" ORDER BY observation_period_end_date DESC LIMIT 1 OFFSET {at - 1}"
    )
    if not first or not last:
        return None
    return _day(first[0][0]), _day(last[0][0])


def _day(value: object) -> date:
    return date.fromisoformat(str(value)[:10])


def _events(engine: Engine, release: Release, rules: Rules) -> int:
    """Rows that tell of a person on a day, in all tables, rounded."""
    total = sum(
        rows
        for name, rows in release.tables.items()
        if name in RELEASE
        and any(column.name == "person_id" for column in RELEASE[name])
        and any(column.role == "date" and column.required for column in RELEASE[name])
        and name != "observation_period"
    )
    count = safe_count(total, rules)
    return count if isinstance(count, int) else 0


def _low(label: str) -> int:
    return 0 if "months" in label else int(label.split("-")[0].rstrip("+ years"))


def _high(label: str) -> int:
    return 1 if "months" in label else 115 if "+" in label else int(label.split("-")[1].split()[0])
