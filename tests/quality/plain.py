"""The Dashboard's check types one query at a time, as its SQL templates count them: what the fused ones must equal."""

from __future__ import annotations

from lockgate.quality.model import Check

_MALE, _FEMALE = 8507, 8532


def count(check: Check, today: str) -> tuple[str, str]:
    """SELECTs of (rows that violate, rows looked at), over tables as the specification creates them."""
    t, f, told = check.table.lower(), f'c."{check.field.lower()}"', check.parameters
    every = f"SELECT count(*) FROM {t} c"
    with_concept = f"{every} JOIN concept k ON k.concept_id = {f} WHERE k.concept_id <> 0"
    born = (
        "coalesce(CAST(p.birth_datetime AS DATE), CAST(p.year_of_birth || '-' || coalesce(p.month_of_birth, 1) || '-' "
        "|| coalesce(p.day_of_birth, 1) AS DATE))"
    )
    person = "JOIN person p ON p.person_id = c.person_id"
    death = "JOIN death d ON d.person_id = c.person_id"
    day = f"CAST({f} AS DATE)"
    match check.name:
        case "cdmTable" | "cdmField":
            return "SELECT 0", "SELECT 1"
        case "measurePersonCompleteness":
            return (
                f"SELECT count(*) FROM person p LEFT JOIN {t} c ON c.person_id = p.person_id WHERE c.person_id IS NULL",
                "SELECT count(*) FROM person",
            )
        case "measureConditionEraCompleteness":
            joined = "condition_occurrence o LEFT JOIN condition_era e ON e.person_id = o.person_id"
            mapped = f"FROM {joined} WHERE o.condition_concept_id <> 0"
            return (
                f"SELECT count(DISTINCT o.person_id) {mapped} AND e.person_id IS NULL",
                "SELECT count(DISTINCT person_id) FROM condition_occurrence WHERE condition_concept_id <> 0",
            )
        case "measureObservationPeriodOverlap":
            a, b = "a.observation_period", "b.observation_period"
            return (
                "SELECT count(DISTINCT a.person_id) FROM observation_period a, observation_period b WHERE "
                f"a.person_id = b.person_id AND {a}_id <> {b}_id AND (({a}_start_date <= {b}_end_date AND "
                f"{a}_end_date >= {b}_start_date) "
                f"OR {a}_end_date + 1 = {b}_start_date OR {b}_end_date + 1 = {a}_start_date)",
                "SELECT count(DISTINCT person_id) FROM observation_period",
            )
        case "isRequired" | "measureValueCompleteness":
            return f"{every} WHERE {f} IS NULL", every
        case "cdmDatatype":
            return f"{every} WHERE NOT regexp_full_match(CAST({f} AS VARCHAR), '[-+]?[0-9]+')", every
        case "isPrimaryKey":
            return f"{every} WHERE {f} IN (SELECT {f} FROM {t} c GROUP BY {f} HAVING count(*) > 1)", every
        case "isForeignKey":
            key = f'k."{told["fkFieldName"].lower()}"'
            joined = f"{every} LEFT JOIN {told['fkTableName'].lower()} k ON {key} = {f}"
            return f"{joined} WHERE {key} IS NULL AND {f} IS NOT NULL", every
        case "fkDomain":
            return f"{with_concept} AND k.domain_id NOT IN ('{told['fkDomain']}')", every
        case "fkClass":
            return f"{with_concept} AND k.concept_class_id <> '{told['fkClass']}'", every
        case "isStandardValidConcept":
            wrong = "k.standard_concept IS NULL OR k.standard_concept <> 'S' OR k.invalid_reason IS NOT NULL"
            return f"{with_concept} AND ({wrong})", f"{every} WHERE {f} IS NOT NULL"
        case "standardConceptRecordCompleteness" | "sourceConceptRecordCompleteness":
            return f"{every} WHERE {f} = 0", f"{every} WHERE {f} IS NOT NULL"
        case "sourceValueCompleteness":
            concept = f'c."{told["standardConceptFieldName"].lower()}"'
            return (
                f"SELECT count(*) FROM (SELECT DISTINCT {f} FROM {t} c WHERE {concept} = 0)",
                f"SELECT count(DISTINCT {f}) + count(DISTINCT CASE WHEN {f} IS NULL THEN 1 END) FROM {t} c",
            )
        case "plausibleValueLow" | "plausibleValueHigh":
            sign = "<" if check.name.endswith("Low") else ">"
            bound = told[check.name].replace("DATEADD(dd,1,GETDATE())", f"DATE '{today}' + 1")
            bound = bound.replace("YEAR(GETDATE())", f"year(DATE '{today}')")
            if told["cdmDatatype"] in ("date", "datetime"):
                bound = f"CAST(strptime({bound}, '%Y%m%d') AS DATE)" if bound.startswith("'") else bound
                return f"{every} WHERE {day} {sign} {bound}", f"{every} WHERE {f} IS NOT NULL"
            return f"{every} WHERE {f} {sign} {bound}", f"{every} WHERE {f} IS NOT NULL"
        case "plausibleTemporalAfter":
            name = told["plausibleTemporalAfterFieldName"].lower()
            if told["plausibleTemporalAfterTableName"] == "PERSON":
                june = f"coalesce(CAST(p.{name} AS DATE), CAST(p.year_of_birth || '-06-01' AS DATE))"
                return f"{every} {person} WHERE {june} > {day}", every
            return f"{every} WHERE CAST(c.{name} AS DATE) > {day}", every
        case "plausibleDuringLife":
            return (
                f"{every} {death} WHERE {day} > d.death_date + 60",
                f"{every} WHERE person_id IN (SELECT person_id FROM death)",
            )
        case "withinVisitDates":
            visit = f"{every} JOIN visit_occurrence v ON v.visit_occurrence_id = c.visit_occurrence_id"
            return f"{visit} WHERE {f} < v.visit_start_date - 7 OR {f} > v.visit_end_date + 7", visit
        case "plausibleAfterBirth":
            return f"{every} {person} WHERE {day} < {born}", f"{every} WHERE {f} IS NOT NULL"
        case "plausibleBeforeDeath":
            return (
                f"{every} {death} WHERE {day} > d.death_date + 60",
                f"{every} {death} WHERE {f} IS NOT NULL",
            )
        case "plausibleStartBeforeEnd":
            end = f'c."{told["plausibleStartBeforeEndFieldName"].lower()}"'
            return (
                f"{every} WHERE {day} > CAST({end} AS DATE)",
                f"{every} WHERE {f} IS NOT NULL AND {end} IS NOT NULL",
            )
        case "plausibleGender":
            wrong = _MALE if told["plausibleGender"] == "Male" else _FEMALE
            chosen = f"WHERE {f} = {check.concept_id}"
            return f"{every} {person} {chosen} AND p.gender_concept_id <> {wrong}", f"{every} {chosen}"
        case "plausibleGenderUseDescendants":
            wrong = _MALE if told[check.name] == "Male" else _FEMALE
            below = "JOIN concept_ancestor a ON a.descendant_concept_id = " + f
            chosen = f"WHERE a.ancestor_concept_id IN ({check.concept_id})"
            return (
                f"{every} {person} {below} {chosen} AND p.gender_concept_id <> {wrong}",
                f"{every} {below} {chosen}",
            )
        case "plausibleUnitConceptIds":
            chosen = f"WHERE {f} = {check.concept_id} AND"
            return (
                f"{every} {chosen} c.unit_concept_id NOT IN ({told['plausibleUnitConceptIds']}, 0)",
                f"{every} {chosen} (c.unit_concept_id <> 0 OR c.unit_concept_id IS NULL)",
            )
    raise AssertionError(check.name)
