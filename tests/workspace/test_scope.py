"""A scope holds only as it was signed, while it was signed for, for whom it was signed."""

from __future__ import annotations

import base64
import json
import random
from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.workspace.scope import Scope, canonical, issue, load, preview, revoke, verify_file


def reasons(refusal: pytest.ExceptionInfo[Refused]) -> str:
    return " | ".join(refusal.value.reasons)


def refused(site, release, value, *words):
    with pytest.raises(Refused) as refusal:
        issue(site, Scope.model_validate(value), "test")
    for word in words:
        assert word in reasons(refusal)
    assert not list((site.projects / "p0001" / "scopes").glob("v*.json"))


def test_an_approved_scope_is_issued_and_holds(site, issued):
    scope = issued()
    assert load(site, "p0001").model_copy(update={"issued_at": None}) == scope
    assert load(site, "p0001").issued_at is not None
    assert [entry.event for entry in site.audit.entries()][-1] == "scope.issued"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decisions": []}, ["research centre has not approved", "data protection office has not approved"]),
        ({"tables": {"patients": ["x"]}}, ["no table 'patients'"]),
        ({"tables": {"person": ["person_id", "nhs_number"]}}, ["person has no column 'nhs_number'"]),
        ({"tables": {"person": ["person_id", "person_source_value"]}}, ["person_source_value is withheld"]),
        ({"tables": {"person": ["gender_concept_id"]}}, ["without person_id"]),
        ({"tables": {"fact_relationship": ["fact_id_1"]}}, ["no person key"]),
        ({"linkages": []}, ["incident is a linked table", "linkage is not permitted"]),
        ({"linkages": ["nothing"]}, ["no linked table 'nothing'"]),
        ({"site": "Elsewhere"}, ["another site"]),
        ({"output_rules": {"threshold": 5, "rounding": 5}}, ["threshold (5) is lower"]),
        ({"release": "2025.9"}, ["no release 2025.9"]),
        ({"valid_from": "2020-01-01", "valid_until": "2020-12-31"}, ["expired on 2020-12-31"]),
    ],
)
def test_what_may_not_be_issued(site, release, scope_value, change, words):
    refused(site, release, scope_value(**change), *words)


def decided(scope_value, research, protection):
    value = scope_value()
    value["decisions"][0]["by"], value["decisions"][1]["by"] = research, protection
    return value


def test_nobody_decides_about_themselves_or_twice(site, release, scope_value):
    refused(site, release, decided(scope_value, "ada", "dev"), "made by the applicant")
    refused(site, release, decided(scope_value, "ruth", "ruth"), "the same person")
    value = decided(scope_value, "ruth", "dev")
    value["people"].append({"username": "dev"})
    refused(site, release, value, "someone who takes part")
    value = scope_value()
    value["decisions"][1]["decision"] = "refuse"
    refused(site, release, value, "data protection office decided: refuse")


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"schema": "lockgate.scope/2"},
        {"project": "../p2"},
        {"people": []},
        {"tables": {}},
        {"period": {"from": "2021-01-01", "until": "2020-01-01"}},
        {"valid_until": "2001-01-01"},
        {"cohort": {}},
        {"cohort": {"all": []}},
        {"dates": "fortnight"},
    ],
)
def test_a_scope_that_says_something_else_is_no_scope(scope_value, change):
    with pytest.raises(ValidationError):
        Scope.model_validate(scope_value(**change))


def test_every_altered_byte_is_noticed(site, issued):
    issued()
    path = site.projects / "p0001" / "scopes" / "v1.json"
    content = path.read_bytes()
    chooser = random.Random(5)
    for place in [0, len(content) - 1, *chooser.sample(range(len(content)), 150)]:
        for changed in (
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :],
            content[:place],
        ):
            path.write_bytes(changed)
            with pytest.raises(Refused):
                load(site, "p0001")
    path.write_bytes(content)
    load(site, "p0001")


def test_a_reformatted_scope_was_altered(site, issued):
    issued()
    path = site.projects / "p0001" / "scopes" / "v1.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(Refused, match="document") as refusal:
        load(site, "p0001")
    assert "altered" in reasons(refusal)


def test_it_holds_on_its_days_only(site, issued):
    issued()
    today = date.today()
    load(site, "p0001", at=today + timedelta(days=30))
    with pytest.raises(Refused) as refusal:
        load(site, "p0001", at=today + timedelta(days=31))
    assert "expired on" in reasons(refusal)
    with pytest.raises(Refused) as refusal:
        load(site, "p0001", at=today - timedelta(days=1))
    assert "not valid before" in reasons(refusal)


def test_revoked_is_revoked_and_the_list_can_not_be_edited(site, issued):
    issued()
    revoke(site, "p0001-v1", "dev", "the data protection office withdrew it")
    with pytest.raises(Refused) as refusal:
        load(site, "p0001")
    assert "revoked on" in reasons(refusal)
    assert "withdrew" in reasons(refusal)
    path = site.projects / "revoked.json"
    path.write_text(path.read_text().replace("p0001-v1", "p0009-v1"))
    with pytest.raises(Refused) as refusal:
        load(site, "p0001")
    assert "altered" in reasons(refusal)
    with pytest.raises(UsageError):
        revoke(site, "p7-v1", "dev", "no such scope")


def test_replayed_for_another_project(site, issued):
    issued()
    other = site.projects / "p0002" / "scopes"
    other.mkdir(parents=True)
    (other / "v1.json").write_bytes((site.projects / "p0001" / "scopes" / "v1.json").read_bytes())
    with pytest.raises(Refused) as refusal:
        load(site, "p0002")
    assert "issued for another project (p0001)" in reasons(refusal)


def test_replayed_under_a_later_version(site, issued):
    issued()
    folder = site.projects / "p0001" / "scopes"
    (folder / "v2.json").write_bytes((folder / "v1.json").read_bytes())
    with pytest.raises(Refused) as refusal:
        load(site, "p0001")
    assert "under the name of another" in reasons(refusal)


def test_signed_by_another_site(site, issued, tmp_path, scope_value):
    issued()
    other = Site.init(tmp_path / "other", name="Other")
    path = site.projects / "p0001" / "scopes" / "v1.json"
    value = json.loads(path.read_text())
    signature = {
        "algorithm": "ed25519",
        "key_id": other.public_key_id,
        "value": base64.b64encode(other.sign(canonical(value["scope"]))).decode(),
    }
    text = json.dumps(
        {"scope": value["scope"], "signature": signature}, indent=2, sort_keys=True, ensure_ascii=False
    )
    path.write_text(text + "\n")
    with pytest.raises(Refused) as refusal:
        load(site, "p0001")
    assert "another key" in reasons(refusal)


def test_an_amendment_ends_the_version_before_it(site, issued):
    issued()
    issued(version=2, scope_id="p0001-v2", title="Amended")
    assert load(site, "p0001").version == 2
    with pytest.raises(Refused) as refusal:
        verify_file(site, site.projects / "p0001" / "scopes" / "v1.json")
    assert "superseded by version 2" in reasons(refusal)
    (site.projects / "p0001" / "scopes" / "v2.json").unlink()
    with pytest.raises(Refused):
        load(site, "p0001")
    with pytest.raises(Refused):
        issued(version=1, scope_id="p0001-v1")


def test_older_files_put_back_open_nothing(site, issued):
    """A backup of projects/ from before an amendment or a revocation: the audit chain knows better."""
    issued()
    issued(version=2, scope_id="p0001-v2", title="Amended")
    folder, listed = site.projects / "p0001" / "scopes", site.projects / "revoked.json"
    before, newer = listed.read_bytes(), (folder / "v2.json").read_bytes()
    listed.unlink()
    (folder / "v2.json").unlink()
    with pytest.raises(Refused) as refusal:
        load(site, "p0001")
    assert "version 2 was issued after it" in reasons(refusal)
    (folder / "v2.json").write_bytes(newer)
    listed.write_bytes(before)
    revoke(site, "p0001-v2", "dev", "ended")
    listed.write_bytes(before)
    with pytest.raises(Refused) as refusal:
        load(site, "p0001")
    assert "list of revocations does not say so" in reasons(refusal)


def test_issued_again_after_a_crash_it_stays_as_it_is(site, issued, scope_value, monkeypatch):
    def power_cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lockgate.workspace.scope.store._enter", power_cut)
        with pytest.raises(KeyboardInterrupt):
            issued()
    path = site.projects / "p0001" / "scopes" / "v1.json"
    content = path.read_bytes()
    later = scope_value()
    for item in later["decisions"]:
        item["at"] = "2026-01-05T10:00:00+00:00"
    for _ in range(2):
        assert issue(site, Scope.model_validate(later), "test") == path
    assert path.read_bytes() == content
    assert len(list(site.audit.entries("scope.issued"))) == 1
    with pytest.raises(Refused, match="may not be issued"):
        issued(title="Another title")
    revoke(site, "p0001-v1", "dev", "ended")
    with pytest.raises(Refused, match="may not be issued"):
        issued()


def test_a_reason_with_an_nhs_number_is_written_nowhere(site, issued):
    issued()
    with pytest.raises(UsageError, match="NHS number"):
        revoke(site, "p0001-v1", "dev", "999 000 0018 asked for it")
    assert load(site, "p0001")
    assert not (site.projects / "revoked.json").exists()


def test_a_revocation_without_its_entry_is_entered_when_said_again(site, issued, monkeypatch):
    issued()
    with monkeypatch.context() as patch:
        patch.setattr(type(site.audit), "append", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            revoke(site, "p0001-v1", "dev", "ended")
    for _ in range(2):
        revoke(site, "p0001-v1", "dev", "ended")
    assert len(list(site.audit.entries("scope.revoked"))) == 1


@pytest.mark.parametrize("content", [b'{"scope":' * 100_000, b"[" * 100_000, b"\xff", b""])
def test_what_is_no_document_is_refused(site, issued, content):
    issued()
    (site.projects / "p0001" / "scopes" / "v1.json").write_bytes(content)
    with pytest.raises(Refused):
        load(site, "p0001")


def test_no_scope_no_sight(site, release):
    with pytest.raises(Refused):
        load(site, "p0005")
    with pytest.raises(UsageError):
        load(site, "../register")


def test_the_preview_says_what_is_seen_and_what_is_not(scope_value):
    value = scope_value(dates="month", cohort={"all": [{"sex": [8532]}]})
    value["tables"]["note_nlp"] = ["snippet"]
    shown = preview(Scope.model_validate(value))
    assert [column["name"] for column in shown["tables"]["location"]["columns"]] == ["location_id", "city"]
    assert "zip" in shown["tables"]["location"]["left_out"]
    assert "note" in shown["not_visible"]
    assert any("note_nlp" in reason for reason in shown["refused"])
    assert "8532" in shown["people"]
