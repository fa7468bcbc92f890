"""Two sites link under approval: by NHS number, by encodings through a third party; and everything that is refused."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.bench.spellings import GIVEN
from lockgate.cli import run
from lockgate.curate.manifest import write_manifest
from lockgate.engine import Engine, literal, quote
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.identity import build_index, pseudonymise_ints
from lockgate.identity.partner import exchanges, registry
from lockgate.schema import RELEASE, STAGED_LAYOUT, nhs_number, staged_columns
from lockgate.site import Site
from lockgate.site.files import make_dir, sha256_file
from lockgate.workspace.partners import api as partners
from lockgate.workspace.partners.api import Source
from lockgate.workspace.provisioning import provision
from lockgate.workspace.scope import Scope, issue, revoke

PEOPLE = 90
GP = {"primary_care_event": ["person_id", "partner", "event_date", "code_system", "code", "value"]}


def town(seed: int = 4) -> list[dict[str, str]]:
    """Invented people, each with an NHS number of their own."""
    rng = random.Random(seed)
    people = []
    for number in range(PEOPLE):
        nine = str(900_000_000 + number * 7919)
        while (digit := nhs_number.check_digit(nine)) is None:
            nine = str(int(nine) + 1)
        sex = rng.choice("FM")
        people.append(
            {
                "nhs": f"{nine}{digit}",
                "given": rng.choice(GIVEN[sex]),
                "family": "".join(rng.choice("bdfgklmnprstv") + rng.choice("aeiou") for _ in range(4)),
                "born": f"{rng.randrange(1930, 2010)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
                "sex": sex,
                "postcode": f"LG{rng.randrange(1, 20)} {rng.randrange(1, 10)}{rng.choice('ABDEF')}{rng.choice('GHJ')}",
            }
        )
    return people


def stage(site: Site, batch: str, table: str, rows: list[dict[str, Any]]) -> None:
    """Staged rows as capture would leave them."""
    name = f"20260101T0000000{batch}Z-0000000{batch}"
    (make_dir(site.landing / name) / "batch.json").write_text(
        json.dumps({"source": "epr", "format": "fhir", "layout": STAGED_LAYOUT})
    )
    folder = make_dir(site.staged / name)
    with Engine(threads=1) as engine:
        shape = ", ".join(f"{quote(column.name)} {column.type}" for column in staged_columns(table))
        engine.execute(f"CREATE TABLE t ({shape})")
        for number, row in enumerate(rows):
            common = {
                "source": "epr",
                "version_at": datetime(2026, 1, 1),
                "deleted": False,
                "item_hash": f"{number:032d}",
                "batch_id": name,
            }
            values = common | row
            names = ", ".join(map(quote, values))
            engine.execute(
                f"INSERT INTO t ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
            )
        engine.execute(f"COPY t TO {literal(folder / f'{table}.parquet')} (FORMAT parquet)")


def make_site(path: Path, name: str, people: list[dict[str, str]]) -> Site:
    """A site with an index of these people and a release of their person rows."""
    site = Site.init(path, name=name, ods_code="RXX")
    rows = [
        {
            "record_id": f"r{number}",
            "nhs_number": one["nhs"],
            "given_name": one["given"],
            "family_name": one["family"],
            "birth_date": date.fromisoformat(one["born"]),
            "sex": one["sex"],
            "postcode": one["postcode"],
        }
        for number, one in enumerate(people)
    ]
    stage(site, "1", "patient", rows)
    with Engine() as engine:
        build_index(engine, site)
        keys = engine.arrow(
            f"SELECT DISTINCT person_key FROM {literal(site.staged / 'index' / 'person_index.parquet')}"
        )
        ids = pseudonymise_ints(keys.column(0), site.key("release/ids"), "person")
        engine.register("ids", pa.table({"person_id": ids}))
        given = {"person_id": "person_id", "gender_concept_id": "8507", "year_of_birth": "1970"}
        given |= {"race_concept_id": "0", "ethnicity_concept_id": "0"}
        columns = ", ".join(
            f"CAST({given.get(c.name, 'NULL')} AS {c.type}) AS {quote(c.name)}" for c in RELEASE["person"]
        )
        folder = make_dir(site.releases / "2026.1" / "omop")
        count = engine.write_parquet(f"SELECT {columns} FROM ids", folder / "person.parquet")
    described = {
        "file": "omop/person.parquet",
        "rows": count,
        "sha256": sha256_file(folder / "person.parquet"),
        "columns": [column.name for column in RELEASE["person"]],
    }
    write_manifest(site, folder.parent, {"release": "2026.1", "tables": {"person": described}})
    return site


def scope_of(site: Site, partner: str, direction: str, **changes: Any) -> dict[str, Any]:
    """A scope that permits the linkage; ``linkage`` changes what it says of the partner."""
    today = date.today()
    linkage = {
        "partner": partner,
        "fingerprint": registry.spoken(registry.read_partner(site, partner).public_key),
        "direction": direction,
        "methods": ["nhs_number", "encodings"],
        "tables": GP,
        "owner": "olga",
        "until": (today + timedelta(days=20)).isoformat(),
    } | changes.pop("linkage", {})
    who = {"research_centre": "ruth", "data_protection_office": "dev", f"data_owner:{partner}": "olga"}
    return {
        "schema": "lockgate.scope/1",
        "scope_id": "p0001-v1",
        "project": "p0001",
        "version": 1,
        "site": site.config.site.name,
        "title": "Hospital and general practice",
        "kind": "research",
        "purpose": "To see who is seen where.",
        "applicant": "ada",
        "people": [{"username": "ada"}],
        "legal_basis": {"article_6": "6(1)(e)", "article_9": "9(2)(j)", "common_law": "section_251"},
        "release": "2026.1",
        "tables": {"person": ["person_id", "year_of_birth"]},
        "partners": [linkage],
        "opt_out_rule": "national-data-opt-out-applied",
        "dates": "exact",
        "output_rules": {"threshold": 10, "rounding": 5},
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=30)).isoformat(),
        "decisions": [
            {"role": role, "by": by, "decision": "approve", "at": "2026-11-01T10:00:00Z"}
            for role, by in who.items()
        ],
    } | changes


@dataclass
class Pair:
    """A hospital that receives and a practice that sends, with what each knows."""

    folder: Path
    hospital: Site
    practice: Site
    people: list[dict[str, str]]

    def agree(self) -> None:
        """Offer, answer, conclusion, in files of one folder."""
        offer, answer = self.folder / "offer.json", self.folder / "answer.json"
        for path in (offer, answer):
            path.unlink(missing_ok=True)
        partners.invite(self.hospital, "p0001", "practice", offer, "test")
        partners.accept(self.practice, "p0001", "hospital", offer, answer, "test")
        partners.conclude(self.hospital, "p0001", "practice", answer, "test")

    def issue(self, site: Site, partner: str, direction: str, **changes: Any) -> None:
        """Put a scope in force."""
        issue(site, Scope.model_validate(scope_of(site, partner, direction, **changes)), "test")

    def source(self, **changes: Any) -> Source:
        """The practice's files."""
        given: dict[str, Any] = {
            "people": self.folder / "gp_people.csv",
            "ident": "pid",
            "tables": [("primary_care_event", self.folder / "gp_events.csv")],
            "nhs_number": "nhs",
            "birth_date": "born",
            "opt_outs": None,
            "matches": None,
        }
        return Source(**given | changes)

    def expected(self, numbers: list[int]) -> set[int]:
        """The values (one of its own each) of these people's events."""
        return {1000 + number for number in numbers}

    def seen(self) -> pa.Table:
        """The partner's table in the project's data."""
        provision(self.hospital, "p0001", "test")
        return pq.read_table(self.hospital.projects / "p0001" / "data" / "primary_care_event.parquet")


HOSPITAL, PRACTICE = range(60), range(20, 90)  # of the town: forty in both


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    people = town()
    make_site(folder / "hospital", "Hospital", [people[number] for number in HOSPITAL])
    # the practice writes some things otherwise: a letter wrong in each third name, an old postcode
    worn = [dict(people[number]) for number in PRACTICE]
    for number, one in enumerate(worn):
        if number % 3 == 0:
            one["family"] = one["family"][:2] + one["family"][3:]
        if number % 7 == 0:
            one["postcode"] = "LG1 1AA"
    make_site(folder / "practice", "Practice", worn)
    with (folder / "gp_people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pid", *worn[0]])
        writer.writerows([f"g{number}", *one.values()] for number, one in zip(PRACTICE, worn, strict=True))
    with (folder / "gp_events.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pid", "event_date", "code_system", "code", "value"])
        writer.writerows(
            [f"g{number}", "2026-02-03", "SNOMED", "44054006", 1000 + number] for number in PRACTICE
        )
    return folder


@pytest.fixture
def pair(template: Path, tmp_path: Path) -> Pair:
    """The two sites, registered with one another under scopes that permit the linkage, and a key between them."""
    shutil.copytree(template, tmp_path / "pair")
    folder = tmp_path / "pair"
    hospital, practice = Site.open(folder / "hospital"), Site.open(folder / "practice")
    made = Pair(folder, hospital, practice, town())
    for site, other, name in ((hospital, practice, "practice"), (practice, hospital, "hospital")):
        registry.add_partner(
            site, name, registry.card(other), heard=registry.spoken(other.public_key),
            tables=list(GP), owner="olga", where="card.json",
        )  # fmt: skip
    made.issue(hospital, "practice", "receive")
    made.issue(practice, "hospital", "send")
    made.agree()
    return made


def test_tables_arrive_by_nhs_number(pair: Pair) -> None:
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "out", "test")
    got = partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    both = [number for number in HOSPITAL if number in PRACTICE]
    seen = pair.seen()
    assert {int(value) for value in seen["value"].to_pylist()} == pair.expected(both)
    assert set(seen["partner"].to_pylist()) == {"practice"}
    persons = pq.read_table(pair.hospital.projects / "p0001" / "data" / "person.parquet")
    assert set(seen["person_id"].to_pylist()) <= set(persons["person_id"].to_pylist())
    assert got["counts"] == {
        "people": 70, "linked": 40, "birth_date_differs": 0,
        "primary_care_event_rows": 70, "primary_care_event_linked": 40,
    }  # fmt: skip
    # no number, name or local id is in what went over
    text = b"".join(path.read_bytes() for path in (pair.folder / "out").iterdir())
    assert not any(one["nhs"].encode() in text or b"g25" in text for one in pair.people)
    workspace = json.loads((pair.hospital.projects / "p0001" / "workspace.json").read_bytes())
    assert workspace["tables"]["primary_care_event"]["accounting"]["out"] == 40


def test_tables_arrive_by_encodings(pair: Pair) -> None:
    fields = ["given_name", "family_name", "birth_date", "sex", "postcode"]
    mapping = dict(zip(fields, ["given", "family", "born", "sex", "postcode"], strict=True))
    partners.encode_people(pair.hospital, "p0001", "practice", fields, pair.folder / "a", "test")
    partners.encode_file(
        pair.practice, "p0001", "hospital", pair.folder / "gp_people.csv", "pid", mapping, pair.folder / "b", "test",
        opt_outs=_empty(pair.folder),
    )  # fmt: skip
    found = partners.match(pair.folder / "a", pair.folder / "b", pair.folder / "m")
    assert found["links"] == 40
    source = pair.source(matches=pair.folder / "m" / "right")
    partners.send(pair.practice, "p0001", "hospital", source, pair.folder / "out", "test")
    with pytest.raises(UsageError, match="is needed"):
        partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    with pytest.raises(Refused, match="not for what was encoded here"):
        partners.receive(
            pair.hospital,
            "p0001",
            "practice",
            pair.folder / "out",
            "test",
            matches=pair.folder / "m" / "right",
        )
    partners.receive(
        pair.hospital, "p0001", "practice", pair.folder / "out", "test", matches=pair.folder / "m" / "left"
    )
    both = [number for number in HOSPITAL if number in PRACTICE]
    assert {int(value) for value in pair.seen()["value"].to_pylist()} == pair.expected(both)


def _empty(folder: Path) -> Path:
    path = folder / "nobody.txt"
    path.write_text("")
    return path


def test_opt_outs_of_both_sides_apply(pair: Pair) -> None:
    # at the practice: number 30 by its own register, 31 by a file
    stage(pair.practice, "2", "objection", [
        {"record_id": "o1", "nhs_number": pair.people[30]["nhs"], "kind": "national_data_opt_out"},
    ])  # fmt: skip
    listed = pair.folder / "opt.txt"
    listed.write_text(f"{pair.people[31]['nhs']}\ng33\n")
    source = pair.source(opt_outs=listed)
    sent = partners.send(pair.practice, "p0001", "hospital", source, pair.folder / "out", "test")
    assert sent["tables"]["primary_care_event"]["opted_out"] == 3
    partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    both = {number for number in HOSPITAL if number in PRACTICE} - {30, 31, 33}
    assert {int(value) for value in pair.seen()["value"].to_pylist()} == pair.expected(sorted(both))
    # at the hospital, after the delivery: gone at the next reading
    stage(pair.hospital, "2", "objection", [
        {"record_id": "o1", "nhs_number": pair.people[40]["nhs"], "kind": "national_data_opt_out"},
    ])  # fmt: skip
    assert {int(value) for value in pair.seen()["value"].to_pylist()} == pair.expected(sorted(both - {40}))


def test_a_file_without_opt_outs_is_refused(pair: Pair) -> None:
    mapping = {"given_name": "given", "family_name": "family", "birth_date": "born", "postcode": "postcode"}
    with pytest.raises(Refused, match="opted out") as refusal:
        partners.encode_file(
            pair.practice,
            "p0001",
            "hospital",
            pair.folder / "gp_people.csv",
            "pid",
            mapping,
            pair.folder / "b",
            "t",
        )
    assert "no NHS numbers" in refusal.value.reasons[0]


def _attempts(pair: Pair) -> dict[str, Callable[[], Any]]:
    out = pair.folder / "refused"
    site = pair.hospital
    return {
        "invite": lambda: partners.invite(site, "p0001", "practice", out, "t"),
        "accept": lambda: partners.accept(site, "p0001", "practice", pair.folder / "offer.json", out, "t"),
        "encode": lambda: partners.encode_people(site, "p0001", "practice", ["given_name"], out, "t"),
        "receive": lambda: partners.receive(site, "p0001", "practice", pair.folder / "out", "t"),
    }


@pytest.mark.parametrize("case", ["revoked", "no linkage", "ended", "other key", "expired"])
def test_nothing_without_a_scope_that_permits_it(
    pair: Pair, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "out", "test")
    partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    assert pair.seen().num_rows == 40
    site = pair.hospital
    if case == "revoked":
        revoke(site, "p0001-v1", "ruth", "the funder left")
    elif case == "expired":
        later = date.today() + timedelta(days=60)
        monkeypatch.setattr("lockgate.workspace.scope.store.today", lambda _: later)
    elif case == "no linkage":
        two = scope_of(site, "practice", "receive")["decisions"][:2]
        pair.issue(site, "practice", "receive", scope_id="p0001-v2", version=2, partners=[], decisions=two)
    elif case == "ended":
        pair.issue(
            site, "practice", "receive", scope_id="p0001-v2", version=2, linkage={"until": "2026-01-01"}
        )
    else:
        other = "0000 " * 7 + "0000"
        pair.issue(
            site, "practice", "receive", scope_id="p0001-v2", version=2, linkage={"fingerprint": other}
        )
    for what, attempt in _attempts(pair).items():
        with pytest.raises(Refused) as refusal:
            attempt()
        assert refusal.value.reasons, what
    assert not (pair.folder / "refused").exists()
    # and what was delivered is not seen any more
    if case == "no linkage":
        provision(site, "p0001", "test")
        assert not (site.projects / "p0001" / "data" / "primary_care_event.parquet").exists()
    elif case in ("ended", "other key"):
        assert pair.seen().num_rows == 0


def test_a_scope_needs_the_data_owner(pair: Pair) -> None:
    value = scope_of(pair.hospital, "practice", "receive", scope_id="p0001-v2", version=2)
    without = value | {"decisions": value["decisions"][:2]}
    with pytest.raises(Refused) as refusal:
        issue(pair.hospital, Scope.model_validate(without), "test")
    assert refusal.value.reasons == ["the data owner of practice has not approved it"]
    somebody = value | {"decisions": [*value["decisions"][:2], value["decisions"][2] | {"by": "ruth"}]}
    with pytest.raises(Refused) as refusal:
        issue(pair.hospital, Scope.model_validate(somebody), "test")
    assert "the data owner of practice's decision was made by somebody else" in refusal.value.reasons


def test_a_file_under_another_key_is_said_to_be(pair: Pair) -> None:
    fields = ["given_name", "family_name", "birth_date", "sex", "postcode"]
    partners.encode_people(pair.hospital, "p0001", "practice", fields, pair.folder / "a", "test")
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "old", "test")
    pair.agree()  # a new key
    with pytest.raises(Refused, match="does not belong to this exchange") as refusal:
        partners.receive(pair.hospital, "p0001", "practice", pair.folder / "old", "test")
    assert any("under another key" in reason for reason in refusal.value.reasons)
    mapping = dict(zip(fields, ["given", "family", "born", "sex", "postcode"], strict=True))
    partners.encode_file(
        pair.practice, "p0001", "hospital", pair.folder / "gp_people.csv", "pid", mapping, pair.folder / "b", "test",
        opt_outs=_empty(pair.folder),
    )  # fmt: skip
    with pytest.raises(Refused, match="can't be compared") as refusal:
        partners.match(pair.folder / "a", pair.folder / "b", pair.folder / "m")
    assert any("two keys" in reason for reason in refusal.value.reasons)
    assert not (pair.folder / "m").exists()


def test_what_was_altered_or_misdirected_is_refused(pair: Pair) -> None:
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "out", "test")
    header = pair.folder / "out" / "header.json"
    whole = header.read_text()
    header.write_text(whole.replace('"nhs_number"', '"encodings"', 1))
    with pytest.raises(Refused, match="not signed by this partner"):
        partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    header.write_text(whole)
    people = pair.folder / "out" / "people.parquet"
    people.write_bytes(people.read_bytes()[:-9] + b"altered.!")
    with pytest.raises(Refused, match="not whole"):
        partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    with pytest.raises(Refused, match="does not permit"):
        partners.receive(pair.practice, "p0001", "hospital", pair.folder / "out", "test")


def test_an_old_delivery_does_not_come_back(pair: Pair) -> None:
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "one", "test")
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "two", "test")
    partners.receive(pair.hospital, "p0001", "practice", pair.folder / "two", "test")
    with pytest.raises(Refused, match="newer delivery"):
        partners.receive(pair.hospital, "p0001", "practice", pair.folder / "one", "test")


def test_the_end_takes_key_and_data(pair: Pair) -> None:
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "out", "test")
    partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    assert pair.seen().num_rows == 40
    partners.end(pair.hospital, "p0001", "practice", "test", "the study is over")
    assert pair.seen().num_rows == 0
    with pytest.raises(Refused, match="no key is agreed"):
        exchanges.current(pair.hospital, "p0001", "practice")
    assert b"sealed" not in (pair.hospital.keys / "exchanges" / "p0001.practice.json").read_bytes()


def test_a_wrong_nhs_number_links_nobody(pair: Pair) -> None:
    """Somebody's number beside another's birth date is not that somebody."""
    path = pair.folder / "gp_people.csv"
    rows = list(csv.reader(path.open()))
    rows[11][rows[0].index("born")] = "1911-11-30"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "out", "test")
    got = partners.receive(pair.hospital, "p0001", "practice", pair.folder / "out", "test")
    assert pair.seen().num_rows == 39
    assert got["counts"]["birth_date_differs"] == "<10"  # a count of one, as policy shows it


def test_the_chain_holds_every_step_and_no_small_count(pair: Pair) -> None:
    test_a_wrong_nhs_number_links_nobody(pair)
    events = {
        entry.event: entry.detail for entry in pair.hospital.audit.entries() if "partner." in entry.event
    }
    assert set(events) >= {"partner.invited", "partner.key-agreed", "partner.received"}
    assert events["partner.received"]["counts"]["birth_date_differs"] == "<10"
    assert events["partner.received"]["counts"]["linked"] == 40  # 39, to the nearest five
    assert {entry.event for entry in pair.practice.audit.entries()} >= {"partner.key-agreed", "partner.sent"}
    assert not pair.hospital.audit.verify()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("event_date", "03/02/2026", "no DATE"), ("code", "", "rows have none"), ("value", "high", "no DOUBLE")],
)
def test_values_that_do_not_fit_are_refused(pair: Pair, column: str, value: str, said: str) -> None:
    path = pair.folder / "gp_events.csv"
    rows = list(csv.reader(path.open()))
    rows[5][rows[0].index(column)] = value
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(Refused) as refusal:
        partners.send(pair.practice, "p0001", "hospital", pair.source(), pair.folder / "out", "test")
    assert said in refusal.value.reasons[0]
    assert not (pair.folder / "out").exists()


def test_a_swapped_card_is_noticed(pair: Pair) -> None:
    with pytest.raises(Refused, match="fingerprint"):
        registry.add_partner(
            pair.hospital, "other", registry.card(pair.practice), heard=registry.spoken(pair.hospital.public_key),
            tables=list(GP), owner="olga", where="card.json",
        )  # fmt: skip
    with pytest.raises(Refused, match="another key"):
        registry.add_partner(
            pair.practice, "hospital", registry.card(Site.init(pair.folder / "third", name="Third")),
            heard=registry.spoken(Site.open(pair.folder / "third").public_key),
            tables=list(GP), owner="olga", where="card.json",
        )  # fmt: skip


def test_a_kept_key_opens_for_its_project_only(pair: Pair) -> None:
    folder = pair.hospital.keys / "exchanges"
    value = json.loads((folder / "p0001.practice.json").read_bytes())
    value["state"]["project"] = "p0002"
    (folder / "p0002.practice.json").write_text(json.dumps(value))
    with pytest.raises(LockgateError, match="altered"):
        exchanges.current(pair.hospital, "p0002", "practice")


def test_the_commands(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    def lockgate(site: Site, *words: str) -> dict[str, Any]:
        code = run(["--site", str(site.path), "--json", *words])
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed | {"code": code}

    folder = pair.folder
    assert lockgate(pair.hospital, "partner", "status")["exchanges"][0]["status"] == "active"
    made = lockgate(pair.hospital, "link", "encode", "p0001", "practice", "--out", str(folder / "a"))
    assert made["counts"]["people"] == 60
    words = [
        "--id",
        "pid",
        "--map",
        "given_name=given,family_name=family,birth_date=born,sex=sex,postcode=postcode",
    ]
    words += ["--opt-outs", str(_empty(folder)), "--out", str(folder / "b")]
    lockgate(pair.practice, "link", "encode", "p0001", "hospital", str(folder / "gp_people.csv"), *words)
    middle = Site.init(folder / "middle", name="Middle")
    words = ["link", "match", str(folder / "a"), str(folder / "b"), "--out", str(folder / "m")]
    assert lockgate(middle, *words)["links"] == 40
    again = lockgate(
        pair.hospital, "link", "match", str(folder / "a"), str(folder / "a"), "--out", str(folder / "n")
    )
    assert again["code"] == 1
    assert again["refused"]


def test_same_seed_is_no_same_key(pair: Pair) -> None:
    """Two agreements between the same sites have nothing in common: a third party can't join two projects."""
    first = exchanges.current(pair.hospital, "p0001", "practice")
    pair.agree()
    second = exchanges.current(pair.hospital, "p0001", "practice")
    assert first.key != second.key
    assert first.key_check != second.key_check
    assert exchanges.current(pair.practice, "p0001", "hospital").key == second.key
    assert np.frombuffer(first.subkey("encodings"), np.uint8).tolist() != list(first.subkey("nhs-number"))
