"""The site's risk policy as a gate of releases and workspaces, and the one way past it."""

from __future__ import annotations

import json

import pytest

from lockgate.cli import run
from lockgate.deidentify.sets import measure_files, quasi_sets
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.workspace import provision, riskgate

REASON = "The registry has so few people that any scope would be over"


@pytest.fixture
def strict(site):
    """The site under a policy that nobody may be alone in their class: in its release everybody is."""
    settings = site.path / "site.toml"
    settings.write_text(settings.read_text() + '\n[risk]\ngate = "refuse"\nk = 2\nshare = 0.0\n')
    return Site.open(site.path)


def test_a_workspace_over_the_policy_is_refused_until_two_people_accept_it(strict, issued):
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
            riskgate.accept(strict, asked.approval_id, by=by)
    riskgate.accept(strict, asked.approval_id, by="dora")
    with pytest.raises(Refused):  # everybody is alone: more than the share that was accepted
        provision(strict, "p0001", "test")
    riskgate.accept(
        strict, riskgate.request(strict, "p0001", 1.0, reason=REASON, by="rita").approval_id, by="dora"
    )
    provision(strict, "p0001", "test")
    workspace = json.loads((strict.projects / "p0001" / "workspace.json").read_bytes())
    assert {item["table"]: item["share"] for item in workspace["risk"]}["person"] == 1.0
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
