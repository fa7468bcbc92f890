"""The site's risk policy as a gate of releases and workspaces, and the one way past it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import pytest

from lockgate.cli import run
from lockgate.deidentify.sets import measure_files, quasi_sets
from lockgate.errors import Refused, UsageError
from lockgate.site import Site, approvals
from lockgate.workspace import provision, riskgate

REASON = "The registry has so few people that any scope would be over"


TODAY = date.today()


class Tomorrow(datetime):
    """A clock that is a day ahead."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=1)


@pytest.fixture
def strict(site):
    """The site under a policy that nobody may be alone in their class: in its release everybody is."""
    settings = site.path / "site.toml"
    settings.write_text(settings.read_text() + '\n[risk]\ngate = "refuse"\nk = 2\nshare = 0.0\n')
    return Site.open(site.path)


def test_a_workspace_over_the_policy_is_refused_until_two_people_accept_it(strict, issued, monkeypatch):
    scope = issued()
    with pytest.raises(Refused, match="over the site's policy") as refusal:
        provision(strict, "p0001", "test")
    assert "who they are" in refusal.value.reasons[0]
    assert not (strict.projects / "p0001" / "data").exists()
    (entry,) = strict.audit.entries("risk.refused")
    assert entry.detail["scope_id"] == scope.scope_id
    asked = riskgate.request(strict, "p0001", 0.5, reason=REASON, by="rita")
    for by in ("rita", "ada"):
        with pytest.raises(Refused):
            riskgate.allow(strict, asked.approval_id, by=by)
    riskgate.allow(strict, asked.approval_id, by="dora")
    with pytest.raises(Refused):  # everybody is alone: more than the share that was accepted
        provision(strict, "p0001", "test")
    asked = riskgate.request(strict, "p0001", 1.0, reason=REASON, by="rita", until=TODAY)
    assert riskgate.allow(strict, asked.approval_id, by="dora").subject["until"] == TODAY.isoformat()
    provision(strict, "p0001", "test")
    workspace = json.loads((strict.projects / "p0001" / "workspace.json").read_bytes())
    kept = {name: workspace["risk_accepted"][name] for name in ("asked_by", "accepted_by", "reason", "until")}
    assert kept == {"asked_by": "rita", "accepted_by": "dora", "reason": REASON, "until": TODAY.isoformat()}
    assert {item["table"]: item["share"] for item in workspace["risk"]}["person"] == 1.0
    # from the next day on it passes no more, though nothing else has changed
    with monkeypatch.context() as later:
        later.setattr(approvals, "datetime", Tomorrow)
        with pytest.raises(Refused, match="over the site's policy"):
            provision(strict, "p0001", "test")
    assert provision(strict, "p0001", "test").unchanged
    # accepted for that scope and for no other
    issued(version=2, scope_id="p0001-v2", title="Something else")
    with pytest.raises(Refused, match="over the site's policy"):
        provision(strict, "p0001", "test")


def test_coarser_columns_pass(strict, issued):
    issued(tables={"person": ["person_id", "gender_source_value"]}, linkages=[])
    assert provision(strict, "p0001", "test").people["out"] == 40


def test_the_command_measures_a_release_and_proposes(strict, capsys):
    assert run(["--site", str(strict.path), "risk", "--release", "2026.1", "--ladder", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    person = next(item for item in told["tables"] if item["table"] == "person")
    assert (person["uniques"], person["records"], told["within_policy"]) == (40, 40, False)
    assert person["ladder"][-1]["uniques"] == 0
    assert "bands" in " ".join(rung["form"] for rung in person["ladder"] if rung["column"] == "year_of_birth")
    assert not any("bands" in rung["form"] for rung in person["ladder"] if rung["column"] == "location_id")
    assert run(["--site", str(strict.path), "risk"]) == 2


def test_a_sites_own_sets(strict):
    (strict.path / "quasi.yaml").write_text("person:\n  who they are: []\n  sex alone: [gender_concept_id]\n")
    assert quasi_sets(strict)["person"] == {"who they are": [], "sex alone": ["gender_concept_id"]}
    path = strict.releases / "2026.1" / "omop" / "person.parquet"
    assert [(item["set"], item["k"]) for item in measure_files(strict, {"person": path})] == [
        ("sex alone", 20)
    ]
    (strict.path / "quasi.yaml").write_text("person:\n  shoes: [shoe_size]\n")
    with pytest.raises(UsageError, match="shoe_size"):
        quasi_sets(strict)
    (strict.path / "quasi.yaml").write_text("person: [year_of_birth]\n")
    with pytest.raises(UsageError, match="understood"):
        quasi_sets(strict)
