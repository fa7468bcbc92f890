"""Patients who ask who used their record, and object."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta

import pytest

from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import build_index
from lockgate.site import Site
from lockgate.workspace import optouts, patients, provision
from lockgate.workspace.ending import destroy_project
from lockgate.workspace.scope.store import revoke as revoke_scope
from lockgate.workspace.uses import FILE

TODAY = date.today()


@pytest.fixture
def site(site, stage_patients):
    """The site of the other tests, with the forty people of its release in the index."""
    stage_patients(site, 40)
    with Engine(threads=1) as engine:
        build_index(engine, site)
    return site


def _opened(site, number):
    code, _ = patients.issue(site, number, by="test")
    found = patients.find(site, code)
    assert found is not None
    return found[1]


def test_a_person_sees_the_projects_that_hold_their_record(site, issued, staging):
    assert patients.uses(site, _opened(site, staging.nhs(7))) == []
    issued()
    provision(site, "p0001", "test")
    provision(site, "p0001", "test")
    (use,) = patients.uses(site, _opened(site, staging.nhs(7)))
    assert (use.project, use.scope_id, use.release, use.first_on, use.gone_on) == (
        "p0001", "p0001-v1", "2026.1", TODAY, None,
    )  # fmt: skip


def test_who_is_outside_the_cohort_was_not_used(site, issued, staging):
    issued(cohort={"all": [{"sex": [8532]}]})  # odd ones
    provision(site, "p0001", "test")
    assert patients.uses(site, _opened(site, staging.nhs(7)))
    assert not patients.uses(site, _opened(site, staging.nhs(8)))


def test_an_objection_holds_from_the_next_read_and_can_be_taken_back(site, issued, staging):
    issued()
    provision(site, "p0001", "test")
    code = _opened(site, staging.nhs(7))
    assert patients.objection(site, code) == "none"
    patients.object_to(site, code, "research")
    assert patients.objection(site, code) == "research"
    (done,) = optouts.apply(site, "test")
    assert (done["state"], done["left"]) == ("made again", 1)
    (use,) = patients.uses(site, code)
    assert use.gone_on == TODAY
    (other,) = patients.uses(site, _opened(site, staging.nhs(8)))
    assert other.gone_on is None
    with Engine(threads=1) as engine:
        from lockgate.identity import covered

        assert [set(found) for found in covered(engine, site, at=TODAY).values()] == [{"research"}]
    patients.object_to(site, code, "all")
    assert patients.objection(site, code) == "all"
    patients.object_to(site, code, "none")
    assert patients.objection(site, code) == "none"
    (done,) = optouts.apply(site, "test")
    assert done["back"] == 1
    assert {use.gone_on for use in patients.uses(site, code)} == {None, TODAY}


def test_a_service_evaluation_keeps_who_objects_to_research_alone(site, issued, staging):
    issued(kind="service_evaluation")
    code = _opened(site, staging.nhs(7))
    patients.object_to(site, code, "research")
    provision(site, "p0001", "test")
    assert patients.uses(site, code)


def test_the_account_outlives_the_data(site, issued, staging):
    issued()
    provision(site, "p0001", "test")
    revoke_scope(site, "p0001-v1", by="test", reason="over")
    destroy_project(site, "p0001", by="test", reason="over")
    assert not (site.projects / "p0001" / "data").exists()
    (use,) = patients.uses(site, _opened(site, staging.nhs(7)))
    assert use.gone_on == TODAY


def test_a_workspace_of_an_earlier_version_is_accounted_for(site, issued, staging):
    issued()
    provision(site, "p0001", "test")
    (site.projects / "p0001" / FILE).unlink()
    assert provision(site, "p0001", "test").unchanged
    assert patients.uses(site, _opened(site, staging.nhs(7)))


def test_what_is_kept_of_a_code_opens_nothing(site, staging):
    code, kept = patients.issue(site, staging.nhs(7), by="test")
    assert patients.find(site, code.lower().replace("-", " ")) is not None
    assert patients.find(site, code.replace("0", "O").replace("1", "l")) is not None
    for wrong in ("", "x", code[:-1], code + "0", "0000-0000-0000-0000", kept.code_id, "é" * 16):
        assert patients.find(site, wrong) is None
    files = list((site.staged / "index" / "codes").iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]
    plain = code.replace("-", "")
    for path in [*files, *(site.path / "audit").iterdir()]:
        if path.is_file():
            assert plain not in path.read_text(errors="ignore"), path
            assert staging.nhs(7) not in path.read_text(errors="ignore"), path


def test_a_code_ends_by_its_day_or_at_once(site, staging, monkeypatch):
    code, kept = patients.issue(site, staging.nhs(7), by="test", days=5)
    patients.revoke(site, kept.code_id, by="test")
    assert patients.find(site, code) is None
    code, _ = patients.issue(site, staging.nhs(7), by="test", days=5)
    monkeypatch.setattr(patients, "today", lambda _: TODAY + timedelta(days=5))
    assert patients.find(site, code) is not None
    monkeypatch.setattr(patients, "today", lambda _: TODAY + timedelta(days=6))
    assert patients.find(site, code) is None
    with pytest.raises(UsageError):
        patients.revoke(site, "nothing", by="test")


def test_a_code_outlives_a_new_root_key(site, staging):
    code, _ = patients.issue(site, staging.nhs(7), by="test")
    site.keyring.rotate_root()
    assert patients.find(Site.open(site.path), code) is not None


def test_who_is_not_here_gets_none_and_no_number_is_repeated(site, staging):
    for number in ("", "12", staging.nhs(900), staging.nhs(7)[:-1] + "x"):
        with pytest.raises(UsageError) as refused:
            patients.issue(site, number, by="test")
        assert not number or number not in str(refused.value)


def test_the_commands(site, staging, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO(staging.nhs(7) + "\n"))
    assert run(["--site", str(site.path), "patient", "code", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert patients.find(site, made["code"]) is not None
    numbers, out = tmp_path / "numbers.txt", tmp_path / "letters.csv"
    numbers.write_text(f"{staging.nhs(8)}\n\n{staging.nhs(900)}\n")
    told = run(["--site", str(site.path), "patient", "letters", str(numbers), "--out", str(out), "--json"])
    assert told == 1
    assert json.loads(capsys.readouterr().out)["missing"] == ["line 3: nobody here has this NHS number"]
    assert out.stat().st_mode & 0o777 == 0o600
    assert len(out.read_text().splitlines()) == 2
    assert run(["--site", str(site.path), "patient", "revoke", made["code_id"]]) == 0
    capsys.readouterr()
    assert run(["--site", str(site.path), "patient", "codes", "--json"]) == 0
    assert [item["state"] for item in json.loads(capsys.readouterr().out)["codes"]] == ["revoked", "holds"]
