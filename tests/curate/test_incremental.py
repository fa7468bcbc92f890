"""An incremental build equals a full one, whatever a batch brings: every table, every row, and the accounts."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.curate import affected, build_release, buildstate
from lockgate.errors import Refused
from lockgate.site import Site

DAY = date(2026, 10, 1)
SEEDS = range(int(os.environ.get("LOCKGATE_INCREMENTAL_SEEDS", "1")))
STEPS = int(os.environ.get("LOCKGATE_INCREMENTAL_STEPS", "3"))
NHS = (
    "9434765919", "9434765870", "9434765935", "9434765854", "9434765862", "9434765889", "9434765897", "9434765900",
    "9434765927", "9434765943", "9434765951", "9434765978", "9434765986", "9434765994",
)  # fmt: skip
FAMILIES = (
    "Quillfeather", "Thistlewood", "Brackenbury", "Marchbanks", "Ollerenshaw", "Pettigrew", "Ravenscroft", "Sowerby",
    "Tunnicliffe", "Umpleby", "Vavasour", "Wetherell", "Yarborough", "Zouche",
)  # fmt: skip
NAMES = ("Bartleby Crumpsall", "Dorothea Fanshawe", "Ignatius Larkspur")
PLACES = ("Netherwick", "Ambleford", "Stonecross")
Rows = dict[str, list[dict[str, Any]]]


class Hospital:
    """A small hospital whose staged rows change at random, all of it from one seed."""

    def __init__(self, site: Site, stage: Callable[..., None], seed: int) -> None:
        self.site, self.stage, self.random = site, stage, random.Random(seed)
        self.rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.day, self.batch, self.made = DAY, 0, 0
        self.joined: list[tuple[str, str]] = []
        self.deck: list[Callable[..., Any]] = []
        self.patients = [f"p{number}" for number in range(14)]
        start: list[tuple[str, str, dict[str, Any]]] = []
        for number, patient in enumerate(self.patients):
            start.append(("epr", "patient", self.person(patient, number)))
            for _ in range(2):
                start += self.visit(patient)
            start += [row for make in (self.result, self.condition, self.note) for row in make(patient)]
        start += [
            ("epr", "location", {"id": w, "name": f"Ward {w}", "kind": "ward", "code": w.upper()})
            for w in "xyz"
        ]
        start += [("epr", "practitioner", {"id": "d0", "given_name": "Jo", "family_name": "Pemberley"})]
        start += [("epr", "postcode", {"id": "NW9 4QX", "lsoa21_code": "E01000001"})]
        self.send(start)

    def send(self, rows: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Stage rows as batches, one for each source, each row newer than all before, or ``back`` hours older."""
        for source in sorted({source for source, _, _ in rows}):
            self.batch += 1
            tables: Rows = {}
            for its, table, row in rows:
                if its == source:
                    self.rows[source, table, row["id"]] = row
                    back = timedelta(hours=row.pop("back", 0))
                    last = {**row, "version_at": datetime(2026, 1, 1) + timedelta(hours=self.batch) - back}
                    tables.setdefault(table, []).append(last)
            for table, staged in tables.items():
                tables[table] = list({row["id"]: row for row in staged}.values())
            self.stage(self.site, f"b{self.batch:04}", source=source, **tables)

    def new(self, kind: str) -> str:
        self.made += 1
        return f"{kind}{self.made}"

    def when(self, ahead: int = 0) -> datetime:
        return datetime(2026, 9, 1, 8) - timedelta(hours=self.random.randrange(5000)) + timedelta(days=ahead)

    def someone(self) -> str:
        return self.random.choice(self.patients)

    def person(self, patient: str, number: int) -> dict[str, Any]:
        return {
            "id": patient,
            "nhs_number": NHS[number],
            "nhs_number_status": "01",
            "local_number": f"H10{number:04}",
            "given_name": "Adaline",
            "family_name": FAMILIES[number],
            "sex": "FM"[number % 2],
            "birth_date": date(1935 + 3 * number, 1 + number % 12, 5),
            "city": PLACES[0],
            "postcode": "NW9 4QX",
            "ethnicity_system": "NHS",
            "ethnicity_code": "A",
        }

    def visit(self, patient: str) -> list[tuple[str, str, dict[str, Any]]]:
        visit, start = self.new("e"), self.when()
        open_ended = self.random.random() < 0.1
        row = {
            "id": visit,
            "patient_ref": patient,
            "encounter_class": self.random.choice(["inpatient", "outpatient"]),
            "status": "in-progress" if open_ended else "finished",
            "start_at": start,
            "end_at": None if open_ended else start + timedelta(days=2),
            "location_ref": self.random.choice("xyz"),
            "practitioner_ref": self.random.choice(["d0", "d1", "d2"]),
        }
        moves = [
            {
                "id": f"{visit}#{n}",
                "patient_ref": patient if self.random.random() < 0.9 else self.someone(),
                "encounter_ref": visit,
                "location_ref": self.random.choice("xyz"),
                "start_at": start + timedelta(hours=n),
            }
            for n in range(self.random.randrange(3))
        ]
        return [("epr", "encounter", row), *(("epr", "encounter_move", move) for move in moves)]

    def result(self, patient: str) -> list[tuple[str, str, dict[str, Any]]]:
        row = {
            "id": self.new("r"),
            "patient_ref": patient,
            "category": "laboratory",
            "status": "final",
            "code_system": self.random.choice(["LOINC", "urn:local"]),
            "code": self.random.choice(["1988-5", "two words", "H100003", "SMK"]),
            "effective_at": self.when(self.random.choice([0, 0, 0, 30, 60, 120])),
            "value_text": self.random.choice([None, "see the letter", "not done"]),
            "value_number": self.random.choice([None, 4.5]),
        }
        if self.random.random() < 0.3:
            row["parent_ref"] = self.any_of("result") or None
        return [("epr", "result", row)]

    def condition(self, patient: str) -> list[tuple[str, str, dict[str, Any]]]:
        row = {
            "id": self.new("c"),
            "patient_ref": patient,
            "encounter_ref": self.any_of("encounter"),
            "practitioner_ref": self.random.choice(["d0", "d1"]),
            "code_system": "SNOMED",
            "code": self.random.choice(["44054006", "rare words here", "13645005"]),
            "start_at": self.when(),
        }
        return [("epr", "condition", row)]

    def note(self, patient: str) -> list[tuple[str, str, dict[str, Any]]]:
        staff, place, other = (self.random.choice(names) for names in (NAMES, PLACES, FAMILIES))
        row = {
            "id": self.new("n"),
            "patient_ref": patient,
            "authored_at": self.when(),
            "title": self.random.choice(["Letter", "Summary of care"]),
            "text": f"Seen by {staff} from {place}, with Mrs {other}.",
        }
        return [("epr", "document", row)]

    def any_of(self, table: str) -> str:
        found = [record for source, name, record in self.rows if name == table and source == "epr"]
        return self.random.choice(found) if found else ""

    # What a batch may bring. Each returns rows; some change what the next build is asked for.

    def new_events(self) -> list[tuple[str, str, dict[str, Any]]]:
        make = self.random.choice([self.visit, self.result, self.condition, self.note])
        return make(self.someone())

    def correction(self) -> list[tuple[str, str, dict[str, Any]]]:
        table = self.random.choice(["encounter", "result", "condition", "document"])
        row = dict(self.rows["epr", table, self.any_of(table)])
        if self.random.random() < 0.5:
            row["patient_ref"] = self.someone()  # it was somebody else's
        return (
            [("epr", table, row | {"status": self.random.choice(["final", "finished", "entered-in-error"])})]
            if (table != "condition")
            else [("epr", table, row | {"code": "13645005"})]
        )

    def tombstone(self) -> list[tuple[str, str, dict[str, Any]]]:
        table = self.random.choice(["encounter", "result", "condition", "document"])
        return [("epr", table, {"id": self.any_of(table), "deleted": True})]

    def demographics(self) -> list[tuple[str, str, dict[str, Any]]]:
        patient = self.someone()
        row = dict(self.rows["epr", "patient", patient])
        row |= self.random.choice(
            [
                {"family_name": self.random.choice(FAMILIES)},
                {"birth_date": None},
                {"birth_date": date(1940, 1, 1)},
                {"city": self.random.choice(PLACES)},
                {"postcode": "ZZ9 9ZZ"},
                {"ethnicity_code": "Z"},
                {"death_at": datetime(2026, 9, 20)},
                {"local_number": "SMK12345"},
                {"deleted": True},
            ]
        )
        return [("epr", "patient", row)]

    def other_source(self) -> list[tuple[str, str, dict[str, Any]]]:
        """A laboratory that knows somebody by the NHS number, or (a merge, a split) by another's."""
        patient = self.random.choice(["l1", "l2"])
        owner = self.rows["epr", "patient", self.someone()]
        row = {"id": patient, "nhs_number": owner.get("nhs_number"), "birth_date": owner.get("birth_date")}
        specimen = {
            "id": self.random.choice(["s1", "s2", "s3", "s4"]),
            "patient_ref": self.random.choice(["l1", "l2"]),
            "collected_at": self.when(),
            "consent": self.random.choice([None, "given", "withdrawn"]),
            "parent_ref": self.random.choice([None, "s1", "s2"]),
        }
        return [("lab", "patient", row), ("lab", "specimen", specimen)]

    def opt_out(self) -> list[tuple[str, str, dict[str, Any]]]:
        row = {
            "id": self.random.choice(["o1", "o2"]),
            "nhs_number": self.random.choice(NHS),
            "kind": "national_data_opt_out",
            "from_date": date(2026, 1, 1),
            "until_date": self.random.choice([None, DAY, DAY + timedelta(days=40)]),
        }
        return [("epr", "objection", row)]

    def withdrawn_opt_out(self) -> list[tuple[str, str, dict[str, Any]]]:
        """An opt-out that was added is taken back, or another is added in the same batch."""
        taken_back = {"id": self.random.choice(["o1", "o2"]), "deleted": True}
        return [("epr", "objection", taken_back), *self.opt_out()]

    def retried(self) -> list[tuple[str, str, dict[str, Any]]]:
        """What left quarantine late: records, and versions of records, older than what is there."""
        back = self.random.randrange(1, 40)
        rows = self.random.choice([self.visit, self.result, self.note])(self.someone())
        table = self.random.choice(["encounter", "result", "condition", "document", "patient"])
        older = dict(self.rows["epr", table, self.any_of(table)])
        older |= {"sex": "U"} if table == "patient" else {"patient_ref": self.someone()}
        return [(source, its, row | {"back": back}) for source, its, row in [*rows, ("epr", table, older)]]

    def merge(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Two patients of the source are one, or are two again."""
        survivor, retired = self.random.sample(self.patients[:4], 2)
        kind = self.random.choice(["merge", "merge", "unmerge"])
        if self.joined and self.random.random() < 0.5:
            (survivor, retired), kind = self.joined.pop(), "unmerge"
        elif kind == "merge":
            self.joined.append((survivor, retired))
        row = {"survivor_ref": survivor, "retired_ref": retired, "kind": kind, "event_at": self.when()}
        return [("epr", "patient_merge", {"id": self.new("j"), **row})]

    def told_twice(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Another source tells a stay, a diagnosis or a result that the first has told; and sometimes takes it back."""
        table = self.random.choice(["encounter", "condition", "result"])
        told = dict(self.rows["epr", table, self.any_of(table)])
        owner = self.rows.get(("epr", "patient", str(told.get("patient_ref"))), {})
        twin = {"id": f"h-{owner.get('id')}", "nhs_number": owner.get("nhs_number")}
        twin |= {"birth_date": owner.get("birth_date"), "family_name": owner.get("family_name")}
        same = {name: value for name, value in told.items() if not name.endswith("_ref")}
        same |= {"id": f"h-{told['id']}", "patient_ref": twin["id"], "deleted": self.random.random() < 0.2}
        gone = [("epr", table, {"id": told["id"], "deleted": True})] if self.random.random() < 0.3 else []
        return [("his", "patient", twin), ("his", table, same), *gone]

    def place(self) -> list[tuple[str, str, dict[str, Any]]]:
        ward = self.random.choice("xyz")
        row = {
            "id": ward,
            "name": "Renamed",
            "kind": self.random.choice(["ward", "critical_care"]),
            "code": ward.upper(),
        }
        return [("epr", "location", row | ({"deleted": True} if self.random.random() < 0.3 else {}))]

    def practitioner(self) -> list[tuple[str, str, dict[str, Any]]]:
        given, family = self.random.choice(NAMES).split()
        row: dict[str, Any] = {
            "id": self.random.choice(["d0", "d1", "d2"]),
            "given_name": given,
            "family_name": family,
        }
        return [("epr", "practitioner", row | ({"deleted": True} if self.random.random() < 0.3 else {}))]

    def postcode(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (
                "epr",
                "postcode",
                {"id": "NW9 4QX", "lsoa21_code": self.random.choice(["E01000001", "E01000002"])},
            )
        ]

    def wards(self) -> list[tuple[str, str, dict[str, Any]]]:
        ward, day = self.random.choice(["X", "LOST", "NEW"]), date(2026, 9, 1)
        incident = {
            "id": self.new("i"),
            "patient_ref": self.random.choice([None, self.someone()]),
            "ward_code": ward,
            "occurred_at": self.when(),
            "description": f"Told {self.random.choice(NAMES)}",
        }
        return [
            ("epr", "incident", incident),
            (
                "epr",
                "staffing",
                {"id": self.new("w"), "ward_code": ward, "shift_date": day, "shift": "early"},
            ),
            ("epr", "feedback", {"id": self.new("f"), "ward_code": ward, "comment": f"Thank {NAMES[0]}"}),
        ]

    def imaging(self) -> list[tuple[str, str, dict[str, Any]]]:
        accession = self.random.choice(["A1", "A2"])
        study = {
            "id": self.new("m"),
            "patient_ref": self.someone(),
            "accession": accession,
            "started_at": self.when(),
        }
        read = {
            "id": self.new("k"),
            "study_accession": accession,
            "reader": self.new("Dr "),
            "reader_kind": "human",
        }
        return [("epr", "imaging_study", study), ("epr", "imaging_read", read)]

    def late_patient(self) -> list[tuple[str, str, dict[str, Any]]]:
        late = self.random.choice(["late1", "late2"])
        if ("epr", "patient", late) in self.rows or self.random.random() < 0.5:
            return self.result(late) + self.visit(late)
        return [("epr", "patient", {"id": late, "family_name": "Latecomer", "birth_date": date(1990, 5, 5)})]

    def named(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Prescriptions and uses of devices that have their code from elsewhere, which comes before or after."""
        who, code = self.someone(), self.random.choice(["44054006", "rare words here", "13645005", None])
        coded = {"code_system": "SNOMED", "code": code, "deleted": self.random.random() < 0.2}
        medicine, device = self.random.choice(["m1", "m2"]), self.random.choice(["v1", "v2", "v3"])
        if device == "v3":
            coded["patient_ref"] = self.someone()
        order = {"kind": "prescribed", "status": "active", "medicine_ref": medicine, "start_at": self.when()}
        use = {"device_ref": device, "status": "active", "start_at": self.when()}
        rows = [
            ("epr", "medication", {"id": self.new("q"), "patient_ref": who, **order}),
            ("epr", "device", {"id": self.new("u"), "patient_ref": who, **use}),
            ("epr", "medicine", {"id": medicine, **{k: v for k, v in coded.items() if k != "patient_ref"}}),
            ("epr", "device", {"id": device, **coded}),
        ]
        return self.random.sample(rows, 2)

    def plan_and_panel(self) -> list[tuple[str, str, dict[str, Any]]]:
        plan = {
            "id": self.new("t"),
            "patient_ref": self.someone(),
            "status": "active",
            "start_at": self.when(),
        }
        _, _, panel = self.result(self.someone())[0]
        panel |= {"member_refs": [self.any_of("result"), self.any_of("result")], "value_number": None}
        return [("epr", "care_plan", plan), ("epr", "result", panel)]

    def later(self) -> list[tuple[str, str, dict[str, Any]]]:
        self.day += timedelta(days=self.random.choice([1, 31, 100]))
        return []

    MUTATIONS = (
        new_events, new_events, correction, correction, tombstone, demographics, other_source, opt_out,
        withdrawn_opt_out, place, practitioner, postcode, wards, imaging, late_patient, named, named, plan_and_panel,
        later, retried, retried, merge, merge, told_twice, told_twice,
    )  # fmt: skip

    def step(self) -> list[str]:
        """Send a batch (or several) of the next few mutations: all have their turn before one comes again."""
        chosen = []
        for _ in range(self.random.randrange(1, max(3, 2 * len(self.MUTATIONS) // STEPS))):
            if not self.deck:
                self.deck = self.random.sample(self.MUTATIONS, len(self.MUTATIONS))
            chosen.append(self.deck.pop())
        rows = [row for mutate in chosen for row in mutate(self)]
        if rows:
            self.send(rows)
        return [mutate.__name__ for mutate in chosen]


@pytest.fixture
def small(tmp_path: Path) -> Site:
    site = Site.init(tmp_path / "site", name="Small Hospital", ods_code="RXX")
    config = site.path / "site.toml"
    config.write_text(
        config.read_text().replace("threshold = 10", "threshold = 3") + "\n[engine]\nthreads = 1\n"
    )
    return Site.open(site.path)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_sequence_of_batches_gives_what_a_full_build_gives(
    small: Site, stage: Callable[..., None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affected, "LARGEST_SHARE", 1)
    monkeypatch.setattr(
        buildstate, "MOST_GENERATIONS", 2
    )  # generations are merged on the way, more than once
    hospital = Hospital(small, stage, seed)
    assert build_release(small, actor="test", at=DAY).way == "full"
    history = []
    for _ in range(STEPS):
        history.append(hospital.step())
        try:
            result = build_release(small, actor="test", at=hospital.day, checked=True)
        except Refused as error:
            pytest.fail(f"after {history}: {error} {error.reasons}")
        assert result.way == "incremental", (history, result.why)


def test_a_model_that_is_trained_anew_is_another(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "tagger").mkdir(parents=True)
    (model / "tagger" / "model").write_bytes(b"weights")
    site = Site.init(tmp_path / "site", name="Hospital", ods_code="RXX", seed="model")
    settings = site.path / "site.toml"
    said = settings.read_text()
    settings.write_text(said.replace("[deidentify]\n", f'[deidentify]\nner_model = "{model}"\n'))
    before = buildstate.fingerprint(Site.open(site.path))
    assert buildstate.fingerprint(Site.open(site.path)) == before
    (model / "tagger" / "model").write_bytes(b"other weights")
    after = buildstate.fingerprint(Site.open(site.path))
    assert [name for name in after if after[name] != before[name]] == ["model of names"]


@pytest.mark.parametrize(
    ("name", "decides"),
    [
        ("weights.json", True), ("themes.npz", True), ("areas.parquet", True), ("rules.py", True),
        ("README.md", False), ("rules.cpython-311.so", False),
    ],
)  # fmt: skip
def test_a_build_is_bound_to_every_file_that_decides_what_a_note_becomes(
    name: str, decides: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and tables beside the code count as code does: a release after a change of them is a full one."""
    for room in buildstate._CODE:
        (tmp_path / room / "data").mkdir(parents=True)
    (tmp_path / "deidentify" / "data" / name).write_bytes(b"before")
    monkeypatch.setattr(buildstate.resources, "files", lambda _: tmp_path)
    before = buildstate._code_print.__wrapped__()
    assert buildstate._code_print.__wrapped__() == before
    (tmp_path / "deidentify" / "data" / name).write_bytes(b"after")
    assert (buildstate._code_print.__wrapped__() != before) is decides
