"""The planted effects are found again in the written files, by someone who knows only effects.json."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import numpy as np
import pyarrow.parquet as pq


def _deciles(town: Any) -> dict[str, int]:
    """NHS number -> decile, by the postcode's small area as any user of the data would."""
    rows = pq.read_table(
        town.out / "truth" / "people.parquet", columns=["patient_id", "imd2025_decile"]
    ).to_pylist()
    return {row["patient_id"]: row["imd2025_decile"] for row in rows}


def _coded(entry: dict[str, Any], system: str = "http://snomed.info/sct") -> set[str]:
    return {coding["code"] for coding in entry["code"]["coding"] if coding["system"] == system}


def test_first_diagnosis_comes_years_earlier_in_deprived_areas(town: Any) -> None:
    effect = town.effects()["effects"]["age_at_diagnosis_by_deprivation"]
    wanted = set(effect["condition_codes"]["SNOMED"])
    born = {entry["id"]: date.fromisoformat(entry["birthDate"]) for entry in town.resources("Patient")}
    first: dict[str, date] = {}
    for entry in town.resources("Condition"):
        if _coded(entry) & wanted:
            owner = entry["subject"]["reference"].split("/")[1]
            onset = date.fromisoformat(entry["onsetDateTime"])
            first[owner] = min(onset, first.get(owner, onset))
    deciles = _deciles(town)
    ages: dict[int, list[float]] = defaultdict(list)
    for owner, onset in first.items():
        ages[deciles[owner]].append((onset - born[owner]).days / 365.25)
    means = [float(np.mean(ages[decile])) for decile in range(1, 11)]
    assert min(len(group) for group in ages.values()) > 50
    low, high = effect["expected_difference_years"]
    slope = float(np.polyfit(range(10), means, 1)[0])
    assert low <= slope * 9 <= high
    assert means[9] - means[0] > 5


def test_incidents_rise_with_understaffing(town: Any) -> None:
    planted = town.effects()["effects"]["incidents_by_understaffing"]["planted"]
    starts = {"early": 7 * 60, "late": 14 * 60 + 30, "night": 21 * 60 + 30}
    shortfall, count = {}, defaultdict(int)
    for row in town.table("staffing"):
        key = (row["ward_code"], row["shift_date"], row["shift"])
        shortfall[key] = max(0.0, 1 - float(row["actual_rn_hours"]) / float(row["planned_rn_hours"]))
    seen = set()
    for row in town.table("incidents"):
        if row["incident_id"] in seen:
            continue
        seen.add(row["incident_id"])
        day, minute = (
            row["occurred_at"][:10],
            int(row["occurred_at"][11:13]) * 60 + int(row["occurred_at"][14:16]),
        )
        if minute < starts["early"]:
            day = str(np.datetime64(day) - 1)
            shift = "night"
        else:
            shift = max((name for name in starts if starts[name] <= minute), key=lambda name: starts[name])
        count[row["ward_code"], day, shift] += 1
    x = np.array([shortfall[key] for key in shortfall])
    y = np.array([count[key] for key in shortfall])
    assert y.sum() == len(seen)
    slope, rate = _poisson(x, y)
    assert abs(slope - planted["slope"]) < 0.6
    assert abs(rate / planted["rate"] - 1) < 0.2


def _poisson(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and base rate of a log-linear Poisson regression, by Newton's method."""
    design = np.stack([np.ones(len(x)), x], axis=1)
    beta = np.array([np.log(y.mean()), 0.0])
    for _ in range(30):
        mean = np.exp(design @ beta)
        beta = beta + np.linalg.solve(design.T @ (design * mean[:, None]), design.T @ (y - mean))
    return float(beta[1]), float(np.exp(beta[0]))


def test_the_outbreak_stands_out_on_its_ward(town: Any) -> None:
    effect = town.effects()["effects"]["ward_outbreak"]
    stays: dict[str, list[tuple[str, str, str]]] = {}
    for entry in town.resources("Encounter"):
        stays[entry["id"]] = [
            (s["location"]["reference"].split("/")[1], s["period"]["start"], s["period"]["end"])
            for s in entry["location"]
        ]
    cases: dict[str, set[str]] = defaultdict(set)
    for entry in town.holding("Observation", effect["organism"]["SNOMED"]):
        value = entry.get("valueCodeableConcept", {}).get("coding", [{}])[0].get("code")
        if value != effect["organism"]["SNOMED"]:
            continue
        resistant = any(
            _coded(part, "http://loinc.org") == {effect["resistant_to"]["LOINC"]}
            and part["interpretation"][0]["coding"][0]["code"] == "R"
            for part in entry["component"]
        )
        if not resistant:
            continue
        when = entry["effectiveDateTime"]
        ward = next(
            ward
            for ward, start, end in stays[entry["encounter"]["reference"].split("/")[1]]
            if start <= when < end
        )
        inside = effect["from"] <= when[:10] <= effect["until"]
        cases[ward if inside else "elsewhen"].add(entry["subject"]["reference"].split("/")[1])
    assert cases[effect["ward_code"]] >= set(effect["patient_ids"])
    assert len(effect["patient_ids"]) == effect["cases"] >= 9
    assert sum(len(people) for ward, people in cases.items() if ward != effect["ward_code"]) <= 3


def test_the_trial_shuts_out_people_with_severe_mental_illness(town: Any) -> None:
    effect = town.effects()["effects"]["trial_exclusion"]
    criteria = {criterion["id"]: criterion for criterion in effect["criteria"]}
    people = pq.read_table(town.out / "truth" / "people.parquet").to_pylist()
    number_of = {row["patient_id"]: row["nhs_number"] for row in people}
    born = {row["nhs_number"]: row["birth_date"] for row in people}
    dead = {row["nhs_number"] for row in people if row["death_date"] and row["death_date"] <= effect["at"]}
    known: dict[str, set[str]] = defaultdict(set)
    latest: dict[str, tuple[str, float]] = {}
    owners = pq.read_table(town.out / "truth" / "records.parquet").to_pylist()
    owner = {
        row["record_id"]: number_of[row["patient_id"]] for row in owners if row["source"] == "primary_care"
    }
    for row in town.table("primary_care"):
        who = owner[row["event_id"]]
        if row["event_date"] > effect["at"]:
            continue
        known[who].add(row["code"])
        if row["code"] == criteria["HbA1c"]["code"]["LOINC"]:
            latest[who] = max(latest.get(who, ("", 0.0)), (row["event_date"], float(row["value"])))
    fits = set()
    for who, (_, value) in latest.items():
        age = (np.datetime64(effect["at"]) - np.datetime64(born[who])).astype(int) // 365.25
        if (
            who not in dead
            and criteria["age"]["at_least"] <= age <= criteria["age"]["at_most"]
            and value >= criteria["HbA1c"]["at_least"]
            and known[who] & set(criteria["type 2 diabetes"]["include"]["SNOMED"])
        ):
            fits.add(who)
    severe = {who for who in fits if known[who] & set(effect["severe_mental_illness"]["SNOMED"])}
    left = {
        who for who in fits if not known[who] & set(criteria["no psychiatric history"]["exclude"]["SNOMED"])
    }
    assert {"all": len(fits), "severe_mental_illness": len(severe)} == effect[
        "eligible_without_the_last_criterion"
    ]
    assert {"all": len(left), "severe_mental_illness": len(left & severe)} == effect["eligible"]
    assert len(severe) >= 5 and not left & severe and len(left) > 20


def test_the_ai_reader_is_weaker_in_women_and_people_are_not(town: Any) -> None:
    effect = town.effects()["effects"]["reader_weaker_in_one_group"]
    sex = {entry["id"]: entry["gender"] for entry in town.resources("Patient")}
    owner = {
        entry["identifier"][0]["value"]: entry["subject"]["reference"].split("/")[1]
        for entry in town.resources("ImagingStudy")
    }
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in town.table("ai_reads"):
        if row["reference"] == "true":
            found[row["reader_kind"], sex[owner[row["accession"]]]].append(row["call"] == "true")
    sensitivity = {key: float(np.mean(calls)) for key, calls in found.items()}
    assert min(len(calls) for calls in found.values()) > 60
    assert sensitivity["ai", "male"] - sensitivity["ai", "female"] > 0.1
    assert abs(sensitivity["human", "male"] - sensitivity["human", "female"]) < 0.12
    assert abs(sensitivity["ai", "female"] - effect["planted"]["sensitivity"]["F"]) < 0.12


def test_about_three_in_a_hundred_opted_out(town: Any) -> None:
    rows = town.table("opt_outs")
    assert 0.015 * 2000 < len(rows) < 0.05 * 2000
    assert {row["kind"] for row in rows} >= {"national_data_opt_out", "local_objection"}
    known = {row["nhs_number"] for row in pq.read_table(town.out / "truth" / "people.parquet").to_pylist()}
    assert {row["nhs_number"] for row in rows} <= known
