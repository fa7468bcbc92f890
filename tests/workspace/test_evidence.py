"""What a job says of its tables is computed again outside; what can't be is unconfirmed, what isn't so is refused."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pytest

from lockgate.disclosure.ledger import Asker, Ledger
from lockgate.portal.airlock import plane
from lockgate.workspace import run_job
from lockgate.workspace.evidence import carry_over, confirmations

pytestmark = pytest.mark.sandbox

WRITE = """
import duckdb, json
from lockgate import outputs
people = duckdb.sql("SELECT person_id, gender_concept_id AS sex, year_of_birth AS born FROM '/data/person.parquet'")
rows = people.fetchall()
outputs.counts(people, "by_sex", title="People by sex", unit="person_id", by=["sex"])
outputs.summary(people, "born", title="Year of birth", value="born", unit="person_id", by=["sex"])
outputs.table([{"sex": "F", "n": 20}], "told", title="As told", dimensions=["sex"], counts=["n"])
outputs.table([{"sex": "F", "n": 4100}], "many", title="Too many", dimensions=["sex"], counts=["n"])
strangers = [{"who": n, "sex": "F"} for n in range(30)]
outputs.counts(strangers, "strangers", title="Made up", unit="who", by=["sex"])
"""
# a count of three dressed as one of thirty: the evidence is honest, the table is not
LIE = """
import os
from pathlib import Path
few = [{"person_id": row[0], "sex": "F"} for row in rows[:3]]
outputs.counts(few, "lie", title="A lie", unit="person_id", by=["sex"])
table = Path("/outputs/lie.csv")
table.write_text(table.read_text().replace(",3", ",30"))
record = Path("/outputs/outputs.json")
told = json.loads(record.read_text())
import hashlib
told["outputs"][-1]["sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()
record.write_text(json.dumps(told))
"""


@pytest.fixture
def result(site, project, tmp_path):
    code = tmp_path / "main.py"
    code.write_text(textwrap.dedent(WRITE + LIE))
    done = run_job(site, "p0001", code=code, author="ada")
    assert done.status == "succeeded", done.log_file.read_text()
    return done


def test_tables_are_confirmed_unconfirmed_or_contradicted(site, project, result, tmp_path):
    folder = result.folder / "outputs"
    known = {one.file: one for one in confirmations(project, folder)}
    assert {name: one.status for name, one in known.items()} == {
        "by_sex.csv": "confirmed",
        "born.csv": "confirmed",
        "told.csv": "unconfirmed",
        "many.csv": "contradicted",
        "strangers.csv": "unconfirmed",
        "lie.csv": "contradicted",
    }
    assert known["strangers.csv"].why == "it counts others than people of the project"
    assert known["many.csv"].why == "it counts more people than the project has"
    assert not list(result.folder.rglob("*evidence*")), "the records are gone"
    assert not [item for item in result.refused_outputs if "evidence" in item["name"]]

    verdicts = {item["file"]: item for item in plane.check_outputs(site, "p0001", {}, folder)}
    told = {
        name: [f["severity"] for f in item["findings"] if f["rule"] == "evidence"]
        for name, item in verdicts.items()
    }
    assert (told["by_sex.csv"], told["told.csv"], told["lie.csv"]) == ([], ["note"], ["fail"])
    assert verdicts["lie.csv"]["decision"] == "fail"

    repaired = tmp_path / "repaired"
    repaired.mkdir()
    record = json.loads((folder / "outputs.json").read_text())
    (repaired / "outputs.json").write_text(json.dumps(record))
    for name in ("by_sex.csv", "told.csv"):
        (repaired / name).write_text((folder / name).read_text().replace("20", "[c]"))
    carry_over(project, folder, repaired)
    after = {one.file: one.status for one in confirmations(project, repaired)}
    assert after == {"by_sex.csv": "confirmed", "told.csv": "unconfirmed"}


def test_a_table_changed_after_it_was_confirmed_is_unconfirmed(project, result):
    table = result.folder / "outputs" / "by_sex.csv"
    table.chmod(0o600)
    table.write_text(table.read_text().replace("20", "21"))
    known = {one.file: one.status for one in confirmations(project, table.parent)}
    assert known["by_sex.csv"] == "unconfirmed"


def test_people_counted_in_sql_are_confirmed_and_a_link_for_evidence_is_not_followed(site, project, tmp_path):
    code = tmp_path / "main.sql"
    code.write_text(
        '-- output: by_sex unit=person_id by=sex title="People by sex"\n'
        "SELECT person_id, gender_concept_id AS sex FROM person;\n"
    )
    done = run_job(site, "p0001", code=code, author="ada")
    assert [one.status for one in confirmations(project, done.folder / "outputs")] == ["confirmed"]
    code = tmp_path / "main.py"
    code.write_text(
        "import os\nos.symlink('/data', '/outputs/.evidence')\nopen('/outputs/a.txt', 'w').write('a')\n"
    )
    done = run_job(site, "p0001", code=code, author="ada")
    assert {item["name"] for item in done.refused_outputs} == {".evidence"}
    code.write_text(
        "import os\nos.mkdir('/outputs/.evidence')\nos.symlink('/data/person.parquet', '/outputs/.evidence/a.json')\n"
        "open('/outputs/.evidence/b.json', 'w').write('[' * 100000)\nos.mkfifo('/outputs/.evidence/c.json')\n"
        "open('/outputs/a.csv', 'w').write('a')\nopen('/outputs/b.csv', 'w').write('a')\n"
        "import json\ntold = [{'kind': 'table', 'name': name, 'file': name + '.csv'} for name in 'ab']\n"
        "json.dump({'outputs': told}, open('/outputs/outputs.json', 'w'))\n"
    )
    done = run_job(site, "p0001", code=code, author="ada")
    assert done.status == "succeeded", done.log_file.read_text()
    assert [one.status for one in confirmations(project, done.folder / "outputs")] == ["unconfirmed"] * 2


COUNT = """
import duckdb
from lockgate import outputs
people = duckdb.sql("SELECT person_id, gender_concept_id AS sex FROM '/data/person.parquet'")
outputs.counts(people, "by_sex", title="People by sex", unit="person_id", by=["sex"])
"""


def test_what_was_shown_in_explore_is_held_against_a_table_and_a_result_against_questions(
    site, project, release_ids, tmp_path
):
    """Women but three, asked in Explore by somebody of the project, are the women of its table less three."""
    ids = np.array(sorted(release_ids(site, list(range(1, 41)))))
    women = np.array(release_ids(site, list(range(1, 41, 2))))
    ledger, rules = Ledger(site), plane.rules_of(site)

    def ask(key, people, who):
        told = {"release": "2026.1", "asker": Asker(who), "rules": rules}
        return ledger.ask(key, people, lambda: ids, **told)

    assert ask("women but three", women[3:], "ada").people == 15
    scope = {"applicant": "ada", "people": [{"username": "ada"}]}
    code = tmp_path / "main.py"
    code.write_text(COUNT)
    folder = run_job(site, "p0001", code=code, author="ada").folder / "outputs"

    def differences(scope):
        found = plane.check_outputs(site, "p0001", scope, folder)
        return [f["where"] for item in found for f in item["findings"] if f["rule"] == "difference"]

    assert differences(scope) == ["sex = 8532; column n"]
    assert differences({}) == [], "nobody of the project asked"

    plane.repair(site, "p0001", scope, folder, tmp_path / "repaired")
    verdicts = plane.check_outputs(site, "p0001", scope, tmp_path / "repaired")
    assert {item["decision"] for item in verdicts} == {"pass"}, verdicts
    assert "8532,[c]" in (tmp_path / "repaired" / "by_sex.csv").read_text()

    plane.remember(site, "p0001", "p0001-r1", folder)
    near = ask("women but one", women[1:], "stranger")
    assert (near.status, near.people) == ("held", 20), "what left is known to everybody"
    assert len(list((project.path / "evidence").glob("*.npz"))) == 2
