"""The laboratories' own extracts: pathology results, and microbiology with the susceptibility of every isolate.

The same samples as in the hospital's FHIR export: what both tell alike is carried once by a release.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import stream
from lockgate.synthetic.microbiology import INTERMEDIATE, SENSITIVE, issued
from lockgate.synthetic.reference import data, label
from lockgate.synthetic.sources.extract import Extract, either, mistype_nhs, same
from lockgate.synthetic.sources.known import Habits, Known, as_known
from lockgate.synthetic.strings import decimals, numbered, pick, picked, times
from lockgate.synthetic.tables.csvfile import Columns, take
from lockgate.synthetic.world import World

MISTYPED = 0.0002  # of rows: an NHS number with a wrong last digit
PRELIMINARY = 0.01  # of results were sent before as preliminary, with another value
NO_NUMBER = 0.1  # of people whose samples name them by the NHS number alone: sent in by their practice


def _person(
    world: World, source: str, who: np.ndarray
) -> tuple[Columns, pa.Array, list[tuple[int, str]], Known]:
    """Who a sample is of, as the laboratory has it: hospital number, or for some only the NHS number."""
    known = as_known(world, source, Habits(no_nhs=0.06))
    rng = stream(world.seed, f"{source} forms")
    numbers, planted = mistype_nhs(rng, known.take("nhs_number", who), MISTYPED)
    outside = (rng.random(len(world.people)) < NO_NUMBER)[who] & pc.is_valid(numbers).to_numpy(
        zero_copy_only=False
    )
    local = either(outside, None, picked(world.people.hospital_number, who))
    columns = {
        "nhs_number": numbers,
        "hospital_number": local,
        "birth_date": known.take("birth_date", who),
        "sex": known.take("sex", who),
    }
    return columns, pc.coalesce(local, numbers), planted, known


def pathology(world: World) -> Extract:
    """One row a result; local codes with LOINC beside them; some results were preliminary before."""
    labs = world.labs
    rng = stream(world.seed, "pathology")
    tests = data("measures")["labs"]
    who = world.encounters.patient[labs.encounter]
    rows = len(labs)
    person, named, planted, known = _person(world, "pathology", who)
    codes = [entry["code"] for entry in tests.values()]
    decimal = np.array([entry["decimals"] for entry in tests.values()])[labs.test]
    low, high = (
        np.array([float(entry["range"][end]) for entry in tests.values()])[labs.test] for end in (0, 1)
    )
    reported = labs.time + 5400
    columns: Columns = {
        "result_id": numbered(np.arange(1, rows + 1), 9, "PR"),
        **person,
        "sample_id": numbered(labs.batch + 1, 8, "L"),
        "specimen_type": same("blood", rows),
        "specimen_snomed": same("119297000", rows),
        "collected_at": times(labs.time, zone=False),
        "received_at": times(labs.time + 2400, zone=False),
        "reported_at": times(reported, zone=False),
        "panel_code": same("BLOODS", rows),
        "test_code": pick([name.upper()[:6] for name in tests], labs.test),
        "test_code_system": same("WinPath", rows),
        "test_name": pick([label("LOINC", code) for code in codes], labs.test),
        "mapped_code": pick(codes, labs.test),
        "mapped_code_system": same("LOINC", rows),
        "value": decimals(labs.value),
        "unit": pick([entry["unit"] for entry in tests.values()], labs.test),
        "range_low": decimals(low),
        "range_high": decimals(high),
        "abnormal": pick(["N", "L", "H"], np.where(labs.value < low, 1, np.where(labs.value > high, 2, 0))),
        "status": same("F", rows),
        "updated_at": times(reported, zone=False),
    }
    first = np.flatnonzero(rng.random(rows) < PRELIMINARY)
    before = take(columns, first)
    before["status"] = same("P", len(first))
    shifted = np.round(labs.value[first] * rng.uniform(0.8, 1.2, len(first)) + 0.1, 1)
    before["value"] = decimals(np.where(decimal[first] == 0, np.round(shifted), shifted))
    before["updated_at"] = before["reported_at"] = times(reported[first] - 1800, zone=False)
    columns = {name: pa.concat_arrays([column, before[name]]) for name, column in columns.items()}
    wrong = {row for row, _ in planted}
    planted += [
        (rows + place, reason)
        for place, row in enumerate(first.tolist())
        if row in wrong
        for reason in ["bad-nhs-number"]
    ]
    return Extract(
        columns,
        "pathology",
        np.concatenate([who, who[first]]),
        pa.concat_arrays([named, picked(named, first)]),
        known,
        planted,
    )


def _mic(interpretation: np.ndarray) -> pa.Array:
    return pick([None, "<=0.25", "4", ">32"], interpretation)


def microbiology(world: World) -> Extract:
    """One row for each antibiotic tried on an isolate (category, MIC or zone), or for a culture without growth."""
    cultures = world.cultures
    rng = stream(world.seed, "microbiology extract")
    table = data("measures")
    organisms, antibiotics = table["organisms"], table["antibiotics"]
    nothing = list(organisms).index("no_growth")
    culture, antibiotic = np.nonzero(cultures.results)
    bare = np.setdiff1d(np.arange(len(cultures)), culture)
    at = np.concatenate([culture, bare])
    tried = np.concatenate([antibiotic, np.full(len(bare), -1)])
    order = np.lexsort((tried, at))
    at, tried = at[order], tried[order]
    rows = len(at)
    found = np.where(tried >= 0, cultures.results[at, np.maximum(tried, 0)], 0)
    who = world.encounters.patient[cultures.encounter[at]]
    grew = cultures.organism[at] != nothing
    person, named, planted, known = _person(world, "microbiology", who)
    codes = [entry["code"] for entry in organisms.values()]
    specimen, zone = cultures.specimen[at], (rng.random(rows) < 0.25) & (tried >= 0)
    millimetres = np.where(found == SENSITIVE, 24, np.where(found == INTERMEDIATE, 17, 9)) + rng.integers(
        0, 4, rows
    )
    loinc = list(antibiotics.values())
    kinds = table["specimens"]
    columns: Columns = {
        "line_id": numbered(np.arange(1, rows + 1), 9, "ML"),
        **person,
        "sample_id": numbered(at + 1, 7, "MB"),
        "specimen_type": pick(list(kinds), specimen),
        "specimen_snomed": pick([code for code, _ in kinds.values()], specimen),
        "collected_at": times(cultures.collected[at], zone=False),
        "received_at": times(cultures.collected[at] + 3600, zone=False),
        "reported_at": times(issued(cultures)[at], zone=False),
        "test_code": pick([code for _, code in kinds.values()], specimen),
        "test_code_system": same("LOINC", rows),
        "test_name": pick([label("LOINC", code) for _, code in kinds.values()], specimen),
        "status": same("F", rows),
        "growth": either(~grew, same("No growth", rows)),
        "isolate": either(grew, same("1", rows)),
        "organism_code": either(grew, pick(codes, cultures.organism[at])),
        "organism_code_system": either(grew, same("SNOMED", rows)),
        "organism_name": either(grew, pick([label("SNOMED", code) for code in codes], cultures.organism[at])),
        "antibiotic_code": pick(loinc, tried),
        "antibiotic_code_system": either(tried >= 0, same("LOINC", rows)),
        "antibiotic_name": pick([name.replace("_", " ") for name in antibiotics], tried),
        "interpretation": pick(["S", "I", "R"], found - 1),
        "mic": either(zone, None, _mic(found)),
        "zone_mm": either(zone, decimals(millimetres)),
        "updated_at": times(issued(cultures)[at], zone=False),
    }
    return Extract(columns, "microbiology", who, named, known, planted)
