"""A federation: statements that can't be altered, rules that are held against them, who belongs, what is joined."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.errors import Refused, UsageError
from lockgate.federation import members as belonging
from lockgate.federation import statement as stating
from lockgate.federation.publications import as_csv, joined_incidents, joined_register
from lockgate.federation.rules import Rules, check, read_rules
from lockgate.federation.statement import Statement, read_statement, statement_of
from lockgate.portal.register.fields import DUR_FIELDS
from lockgate.site import Site

RULES = """
federation: Six Hospitals
version: 1
agreed_on: 2026-11-01
statement_days: 30
outputs: {threshold: 10, rounding: 5, reviewers: 2, release_by_rule: [never]}
deidentification: {birth_date: [year], event_dates: [exact, month], top_age: 90, places: [region]}
training: {"*": [Information governance]}
second_factor: [data_protection_office]
isolation: [bubblewrap]
cryptography: {signatures: [Ed25519], encryption: [AES-256-GCM]}
services: [register]
"""
SETTINGS = """
[portal]
second_factor = ["*"]
[mail]
portal_address = "https://research.royal.example"
"""


@pytest.fixture
def royal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A hospital that meets the rules; its sandbox holds."""
    monkeypatch.setattr(stating, "require_isolation", lambda site: "bubblewrap")
    return make(tmp_path, "royal", SETTINGS)


def make(folder: Path, name: str, more: str) -> Site:
    site = Site.init(folder / name, name=f"The {name} hospital", ods_code="RXX")
    config = site.path / "site.toml"
    config.write_text(config.read_text() + more)
    return Site.open(site.path)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def broken(statement: Statement, rules: Rules, at: datetime | None = None) -> set[str]:
    return {one.rule for one in check(statement, rules, at or datetime.now(UTC)) if not one.met}


def test_a_site_says_what_it_is_and_meets_the_rules(royal: Site, rules: Path) -> None:
    told = statement_of(royal)
    assert read_statement(json.loads(json.dumps(told.as_dict())), "file") == told
    assert told.member == "The royal hospital" and told.public_key == royal.public_key
    assert broken(told, read_rules(rules)) == set()
    late = datetime.now(UTC) + timedelta(days=31)
    assert broken(told, read_rules(rules), late) == {"statement_days"}
    assert broken(told, read_rules(rules), told.made_at - timedelta(days=1)) == {"statement_days"}


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ("[disclosure]\nthreshold = 5", "outputs.threshold"),
        ("[disclosure]\nrounding = 3", "outputs.rounding"),
        ('[disclosure]\nrelease_by_rule = "low-risk"', "outputs.release_by_rule"),
        ('[deidentify]\nbirth_date = "month"', "deidentification.birth_date"),
        ('[deidentify]\nplaces = "lsoa"', "deidentification.places"),
        ("[deidentify]\ntop_age = 100", "deidentification.top_age"),
        ('[training]\nrequired = {"*" = ["Fire"]}', "training.*"),
        ('[portal]\nsecond_factor = ["auditor"]', "second_factor.data_protection_office"),
        ("", "services.register"),
    ],
)
def test_each_setting_that_is_laxer_is_named(
    royal: Site, rules: Path, tmp_path: Path, settings: str, rule: str
) -> None:
    asked = {"portal": 'second_factor = ["*"]', "mail": 'portal_address = "https://x.example"'}
    if rule.startswith("services"):
        del asked["mail"]
    header, _, line = settings.partition("\n")
    if settings:
        asked[header.strip("[]")] = line
    plain = make(tmp_path, "plain", "")
    lines = [f"[{section}]\n{text}" for section, text in asked.items()]
    (plain.path / "site.toml").write_text("\n".join(['[site]\nname = "Plain"', *lines]) + "\n")
    assert broken(statement_of(Site.open(plain.path)), read_rules(rules)) == {rule}


def test_a_demonstration_belongs_only_where_that_is_agreed(royal: Site, rules: Path, tmp_path: Path) -> None:
    demo = Site.init(tmp_path / "demo", name="Demo", ods_code="RZZ", demo=True)
    told = statement_of(demo)
    assert "demonstration" in broken(told, read_rules(rules))
    rules.write_text(RULES + "demonstration: true\n")
    assert "demonstration" not in broken(told, read_rules(rules))


def test_an_altered_statement_is_refused(royal: Site) -> None:
    told = statement_of(royal).as_dict()
    lied = json.loads(json.dumps(told))
    lied["outputs"]["threshold"] = 20
    with pytest.raises(Refused, match="altered"):
        read_statement(lied, "file")
    odds: tuple[Any, ...] = (
        {},
        [],
        "x",
        {**told, "schema": "other"},
        {**told, "signature": "zz"},
        {**told, "member": None},
    )
    for odd in odds:
        with pytest.raises(UsageError):
            read_statement(odd, "file")


@pytest.mark.parametrize(
    "line",
    [
        "outputs: {treshold: 10}",
        "training: {wizard: [Magic]}",
        "second_factor: [wizard]",
        "cryptography: {signature: [Ed25519]}",
        "lockgate: newest",
        "isolation: []",
        "birthdays: yes",
    ],
)
def test_a_rule_that_cant_be_understood_is_refused(rules: Path, line: str) -> None:
    name = line.partition(":")[0]
    kept = [each for each in RULES.splitlines() if not each.startswith(f"{name}:")]
    rules.write_text("\n".join([*kept, line]))
    with pytest.raises(UsageError, match=name):
        read_rules(rules)


def test_members_join_and_leave(royal: Site, rules: Path, tmp_path: Path) -> None:
    ours = make(tmp_path, "ours", SETTINGS)
    told = statement_of(royal)

    def join(
        statement: Statement = told, heard: str = told.fingerprint, name: str = "royal"
    ) -> belonging.Member:
        return belonging.join(ours, name, statement.as_dict(), heard=heard, by="ida", where="file")

    with pytest.raises(UsageError, match="no federation"):
        join()
    belonging.agree(ours, rules, by="ida")
    with pytest.raises(Refused, match="read out"):
        join(heard="0000 " * 8)
    member = join()
    assert [(one.name, wrong) for one, wrong in belonging.standing(ours, datetime.now(UTC))] == [
        ("royal", [])
    ]
    other = statement_of(make(tmp_path, "other", SETTINGS))
    with pytest.raises(Refused, match="another key"):
        join(other, other.fingerprint)
    lax = statement_of(make(tmp_path, "lax", SETTINGS.replace('["*"]', "[]")))
    with pytest.raises(Refused) as refused:
        join(lax, lax.fingerprint, "lax")
    assert "second_factor.data_protection_office" in refused.value.reasons[0]
    newer = statement_of(royal)
    body = {**newer.body, "made_at": (newer.made_at + timedelta(seconds=60)).isoformat()}
    newer = Statement(body, royal.sign(stating._message(body)))
    assert join(newer).joined_at == member.joined_at
    with pytest.raises(Refused, match="newer statement"):
        join()
    rules.write_text(RULES.replace("threshold: 10", "threshold: 12"))
    with pytest.raises(Refused, match="version 1 of the rules holds"):
        belonging.agree(ours, rules, by="ida")
    rules.write_text(rules.read_text().replace("version: 1", "version: 2"))
    belonging.agree(ours, rules, by="ida")
    ((_, wrong),) = belonging.standing(ours, datetime.now(UTC))
    assert [one.rule for one in wrong] == ["outputs.threshold"]
    with pytest.raises(UsageError):
        belonging.leave(ours, "royal", reason=" ", by="ida")
    belonging.leave(ours, "royal", reason="Merged", by="ida")
    assert belonging.standing(ours, datetime.now(UTC)) == []
    with pytest.raises(UsageError, match="no member"):
        belonging.leave(ours, "royal", reason="Again", by="ida")
    said = [entry.event for entry in ours.audit.entries() if entry.event.startswith("federation.")]
    assert said == [
        "federation.rules",
        "federation.joined",
        "federation.joined",
        "federation.rules",
        "federation.left",
    ]


def feed(*references: str) -> dict[str, Any]:
    row = {name: "" for _, name, _ in DUR_FIELDS}
    return {
        "schema": "lockgate.register/1",
        "site": "A hospital",
        "entries": [
            {
                "reference": one,
                "state": "active",
                "data_use_register": {**row, "Project title": f"=Study {one}"},
            }
            for one in references
        ],
        "refused": [{"reference": "LG-9"}],
    }


def test_registers_are_joined_and_nothing_is_dropped() -> None:
    joined = joined_register({"b": feed("LG-1"), "a": feed("LG-1", "LG-2")})
    assert [(one["member"], one["reference"]) for one in joined["entries"]] == [
        ("a", "LG-1"),
        ("a", "LG-2"),
        ("b", "LG-1"),
    ]
    assert [one["member"] for one in joined["refused"]] == ["a", "b"]
    lines = as_csv(joined).splitlines()
    assert len(lines) == 4 and lines[0].startswith("Federation member,State,") and "'=Study LG-1" in lines[1]
    odds: tuple[Any, ...] = (
        {},
        [],
        {**feed(), "schema": "x"},
        feed("LG-1", "LG-1"),
        {**feed("x"), "entries": [{"reference": 3}]},
    )
    for odd in odds:
        with pytest.raises(UsageError):
            joined_register({"a": odd})


def test_incidents_are_joined_the_newest_first() -> None:
    def told(*days: str) -> dict[str, Any]:
        return {
            "items": [{"published_at": day, "published_summary": "A letter went astray"} for day in days],
            "count": len(days),
        }

    found = joined_incidents({"a": told("2026-01-01", "2026-03-01"), "b": told("2026-02-01")})
    assert [(one["published_at"], one["member"]) for one in found] == [
        ("2026-03-01", "a"), ("2026-02-01", "b"), ("2026-01-01", "a"),
    ]  # fmt: skip
    odd: Any
    for odd in ({}, {"items": [{}]}, {"items": [], "count": 300}):
        with pytest.raises(UsageError):
            joined_incidents({"a": odd})


def test_the_commands(royal: Site, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = make(tmp_path, "ours", SETTINGS)
    told, joined = tmp_path / "royal.json", tmp_path / "joined.csv"
    words = ["--site", str(ours.path), "federation"]
    assert run(["--site", str(royal.path), "federation", "statement", "--out", str(told), "--json"]) == 0
    heard = json.loads(capsys.readouterr().out)["fingerprint"]
    assert run(["federation", "check", str(told), "--rules", str(rules)]) == 0
    assert "every rule is met" in capsys.readouterr().out
    assert run([*words, "members"]) == 2
    assert run([*words, "rules", str(rules)]) == 0
    assert run([*words, "join", "royal", str(told), "--fingerprint", heard]) == 0
    assert run([*words, "members"]) == 0
    rules.write_text(RULES.replace("version: 1", "version: 2").replace("top_age: 90", "top_age: 85"))
    assert run(["federation", "check", str(told), "--rules", str(rules)]) == 1
    assert run([*words, "rules", str(rules)]) == 0
    capsys.readouterr()
    assert run([*words, "members", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["members"]
    assert [one["rule"] for one in found["not_met"]] == ["deidentification.top_age"]
    assert run([*words, "leave", "royal", "--reason", "Merged"]) == 0
    (tmp_path / "a.json").write_text(json.dumps(feed("LG-1")))
    assert run(["federation", "register", f"a={tmp_path / 'a.json'}", "--csv", "--out", str(joined)]) == 0
    assert "LG-1" in joined.read_text()
    assert run(["federation", "register", str(tmp_path / "a.json")]) == 2
    (tmp_path / "i.json").write_text(json.dumps({"items": []}))
    assert run(["federation", "incidents", f"a={tmp_path / 'i.json'}"]) == 0
