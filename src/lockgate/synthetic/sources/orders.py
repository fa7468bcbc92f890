"""What HL7 v2 says about an encounter: results and cultures (ORU), imaging orders (ORM), letters (MDM), vaccines."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lockgate.synthetic.draw import stream
from lockgate.synthetic.microbiology import issued
from lockgate.synthetic.notes import KINDS, accession_numbers
from lockgate.synthetic.reference import data, label
from lockgate.synthetic.sources.messages import Feed, Message, People, escape, stamp, stamps
from lockgate.synthetic.strings import DAY, decimals
from lockgate.synthetic.world import World

CORRECTED, WITHDRAWN = 0.01, 0.004
_LETTERS = {"clinic_letter": "CL^Clinic letter", "discharge_summary": "DS^Discharge summary"}


def _visit(number: int) -> str:
    """The PV1 of a message that only names the visit."""
    return "|".join(["PV1", "1", "", *[""] * 16, f"V{number + 1:08d}"])


def results(world: World, people: People, feed: Feed, since: int) -> list[Message]:
    """A message per blood sample and per culture; a few are corrected an hour later."""
    return [
        *_bloods(world, people, feed, since),
        *_cultures(world, people, feed, since),
        *_imaging(world, people, feed, since),
    ]


def _bloods(world: World, people: People, feed: Feed, since: int) -> list[Message]:
    rng = stream(world.seed, "oru")
    labs, seen = world.labs, world.encounters
    rows = np.flatnonzero(labs.time // DAY >= since)
    if not len(rows):
        return []
    tests = list(data("measures")["labs"].values())
    heads = [f"{one['code']}^{escape(label('LOINC', one['code']))}^LN" for one in tests]
    tails = [f"{one['unit']}|{one['range'][0]}-{one['range'][1]}" for one in tests]
    values = decimals(labs.value[rows]).to_pylist()
    test = labs.test[rows].tolist()
    edges = np.flatnonzero(np.append(True, labs.batch[rows][1:] != labs.batch[rows][:-1]))
    bounds = [*edges.tolist(), len(rows)]
    taken, sent = stamps(labs.time[rows[edges]]), stamps(labs.time[rows[edges]] + 5400)
    luck = rng.random(len(edges))
    found = []
    for number, (first, last) in enumerate(pairwise(bounds)):
        row = int(rows[first])
        encounter, at = int(labs.encounter[row]), int(labs.time[row]) + 5400
        sample = f"L{int(labs.batch[row]) + 1:08d}"
        pid, pv1 = people.pid(int(seen.patient[encounter])), _visit(encounter)
        at_bed = taken[number]
        obr = f"OBR|1|P{sample}|{sample}|BLOODS^Blood tests^LAB|||{at_bed}|||||||{at_bed}|BLD^Blood|||||||{{}}||CH|F"

        def obx(place: int, value: str, status: str) -> str:
            return (
                f"OBX|{place - first + 1}|NM|{heads[test[place]]}||{value}|{tails[test[place]]}||||{status}"  # noqa: B023
            )

        wrong = luck[number] < CORRECTED
        body = [obx(place, values[place], "F") for place in range(first, last)]
        if wrong:
            body[0] = obx(first, str(round(float(values[first]) + 1, 1)), "F")
        found.append(feed.message("ORU^R01", at, [pid, pv1, obr.format(sent[number]), *body], "LIMS"))
        if wrong:
            later = at + 3600
            mended = [pid, pv1, obr.format(stamp(later)), obx(first, values[first], "C")]
            found.append(feed.message("ORU^R01", later, mended, "LIMS"))
    return found


def _cultures(world: World, people: People, feed: Feed, since: int) -> list[Message]:
    cultures, seen = world.cultures, world.encounters
    table = data("measures")
    organisms, kinds = list(table["organisms"].values()), list(table["specimens"].items())
    antibiotics = [f"{code}^{escape(label('LOINC', code))}^LN" for code in table["antibiotics"].values()]
    told = issued(cultures)
    found = []
    for row in np.flatnonzero(cultures.collected // DAY >= since).tolist():
        encounter, at = int(cultures.encounter[row]), int(told[row])
        name, (specimen, culture) = kinds[int(cultures.specimen[row])]
        organism = organisms[int(cultures.organism[row])]["code"]
        taken, number = stamp(int(cultures.collected[row])), f"MB{row + 1:07d}"
        code = f"{culture}^{escape(label('LOINC', culture))}^LN"
        order = (
            f"P{number}|{number}|{{}}|||{taken}|||||||{taken}|{specimen}^{name}^SCT|||||||{stamp(at)}||MB|F"
        )
        segments = [
            people.pid(int(seen.patient[encounter])),
            _visit(encounter),
            f"OBR|1|{order.format(code)}",
            f"OBX|1|CWE|{code}|1|{organism}^{escape(label('SNOMED', organism))}^SCT||||||F",
        ]
        tried = np.flatnonzero(cultures.results[row]).tolist()
        if tried:
            segments.append(f"OBR|2|{order.format('SENS^Sensitivities^LAB')}|{culture}&&LN^1")
            segments += [
                f"OBX|{place}|ST|{antibiotics[one]}||{'SIR'[int(cultures.results[row][one]) - 1]}||||||F"
                for place, one in enumerate(tried, 1)
            ]
        found.append(feed.message("ORU^R01", at, segments, "LIMS"))
    return found


def _imaging(world: World, people: People, feed: Feed, since: int) -> list[Message]:
    """An order for each imaging study."""
    studies, seen = world.studies, world.encounters
    scans = list(data("measures")["scans"].items())
    accession = accession_numbers(studies).to_pylist()
    found = []
    for row in np.flatnonzero(studies.started // DAY >= since).tolist():
        encounter, at = int(studies.encounter[row]), int(studies.started[row]) - 900
        name, (code, *_) = scans[int(studies.scan[row])]
        segments = [
            people.pid(int(seen.patient[encounter])),
            _visit(encounter),
            f"ORC|NW|PI{row + 1:07d}|{accession[row]}||SC||||{stamp(at)}",
            f"OBR|1|PI{row + 1:07d}|{accession[row]}|{code}^{name.replace('_', ' ')}^SCT|||{stamp(at)}",
        ]
        found.append(feed.message("ORM^O01", at, segments))
    return found


def letters(world: World, people: People, feed: Feed, since: int) -> list[Message]:
    """Clinic letters and discharge summaries; a few were of the wrong patient and are withdrawn."""
    rng = stream(world.seed, "mdm")
    notes, seen = world.notes, world.encounters
    wanted = np.isin(notes.kind, [KINDS.index(kind) for kind in _LETTERS])
    rows = np.flatnonzero(wanted & (notes.time // DAY >= since))
    texts = notes.text.take(rows).to_pylist() if len(rows) else []
    luck = rng.random(len(rows))
    found = []
    for place, row in enumerate(rows.tolist()):
        encounter, at = int(notes.encounter[row]), int(notes.time[row])
        kind, author = _LETTERS[KINDS[int(notes.kind[row])]], feed.staff[int(notes.author[row])]

        def txa(number: str) -> str:
            return f"TXA|1|{kind}|TX|{stamp(at)}|||||{author}|||{number}|||||AU"  # noqa: B023

        pid, pv1 = people.pid(int(seen.patient[encounter])), _visit(encounter)
        body = f"OBX|1|TX|TEXT^Text||{escape(texts[place])}||||||F"
        number = f"D{row + 1:08d}"
        found.append(feed.message("MDM^T02", at, [pid, pv1, txa(number), body], "DOCS"))
        if luck[place] < WITHDRAWN or place == 0:
            wrong = f"{number}X"
            found.append(feed.message("MDM^T02", at + 60, [pid, pv1, txa(wrong), body], "DOCS"))
            found.append(feed.message("MDM^T11", at + 660, [pid, pv1, txa(wrong)], "DOCS"))
    return found


def vaccines(world: World, people: People, feed: Feed, since: int) -> list[Message]:
    """A message per vaccine given."""
    given = world.vaccines
    codes = list(data("measures")["vaccines"])
    found = []
    for row in np.flatnonzero(given.time // DAY >= since).tolist():
        at, code = int(given.time[row]), codes[int(given.code[row])]
        rxa = f"RXA|0|1|{stamp(at)}|{stamp(at)}|{code}^{escape(label('CVX', code))}^CVX|1|||||||||||||||CP|A"
        orc = f"ORC|RE|VX{row + 1:07d}|VX{row + 1:07d}"
        found.append(feed.message("VXU^V04", at, [people.pid(int(given.patient[row])), orc, rxa]))
    return found
