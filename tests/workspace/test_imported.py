"""Code and reference data that were let in: read inside a job, changed by nobody, and no other project's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.site.files import sha256_file
from lockgate.workspace import run_job
from lockgate.workspace.importing import bring_in

pytestmark = pytest.mark.sandbox

READS = """
import sys
from pathlib import Path
import polars
from lockgate import outputs
sys.path.insert(0, "/imported/I-1/code")
import tool
codes = polars.read_csv("/imported/I-1/codes.csv")
people = polars.read_parquet(outputs.data("person"))
named = people.join(codes, on="gender_concept_id").group_by("name").len()
outputs.table(tool.doubled(named), "by_name", title="People by name", dimensions=["name"], counts=["len"])
for path in (Path("/imported/I-1/codes.csv"), Path("/imported/new.csv"), Path("/imported/I-1/import-record.json")):
    try:
        path.write_text("changed")
    except OSError as error:
        print("kept", error.errno)
"""


@pytest.fixture
def reviewed(tmp_path):
    """A folder of what was reviewed, and the record of the review."""
    folder = tmp_path / "reviewed"
    (folder / "code").mkdir(parents=True)
    (folder / "codes.csv").write_text("gender_concept_id,name\n8507,one\n8532,other\n")
    (folder / "code" / "tool.py").write_text("def doubled(frame):\n    return frame.sort('name')\n")
    return folder, record_of(folder)


def record_of(folder: Path) -> dict[str, object]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {"files": [{"name": str(path.relative_to(folder)), "sha256": sha256_file(path)} for path in files]}


def test_what_was_let_in_is_read_in_a_job_and_can_not_be_changed(site, project, reviewed, tmp_path):
    folder, record = reviewed
    (tmp_path / "main.py").write_text(READS)
    before = run_job(site, "p0001", code=tmp_path / "main.py", author="ada")
    assert (before.status, "ModuleNotFoundError" in before.log) == ("failed", True)
    target = bring_in(site, "p0001", "I-1", folder, record)
    after = run_job(site, "p0001", code=tmp_path / "main.py", author="ada")
    assert after.status == "succeeded", after.log_file.read_text()
    assert (after.folder / "outputs" / "by_name.csv").read_text() == "name,len\none,20\nother,20\n"
    assert after.log_file.read_text().split() == ["kept", "30"] * 3
    assert {item["sha256"] for item in record["files"]} == {
        sha256_file(path) for path in (target / "codes.csv", target / "code" / "tool.py")
    }
    assert not (project.path / "imported" / "new.csv").exists()


def test_a_step_runs_again_when_something_more_is_let_in(site, project, reviewed, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    (study / "project.yaml").write_text(
        "actions:\n  names:\n    run: python names.py\n    outputs:\n      moderately_sensitive: {words: names.md}\n"
    )
    (study / "names.py").write_text(
        "from pathlib import Path\nfrom lockgate import outputs\n"
        "outputs.text('names', ' '.join(sorted(path.name for path in Path('/imported').glob('*'))) or 'none')\n"
    )

    def reused_and_words():
        result = run_job(site, "p0001", code=study, author="ada")
        assert result.status == "succeeded", result.log_file.read_text()
        (step,) = json.loads((result.folder / "job.json").read_bytes())["steps"]
        return bool(step["reused_from"]), (result.folder / "outputs" / "names.md").read_text().strip()

    assert reused_and_words() == (False, "none")
    assert reused_and_words() == (True, "none")
    bring_in(site, "p0001", "I-1", *reviewed)
    assert reused_and_words() == (False, "I-1")
    assert reused_and_words() == (True, "I-1")


def test_what_changed_after_its_review_does_not_come_in(site, project, reviewed):
    folder, record = reviewed
    (folder / "codes.csv").write_text("gender_concept_id,name\n8507,changed\n")
    (folder / "more.csv").write_text("a\n")
    (folder / "code" / "tool.py").unlink()
    (folder / "code" / "tool.py").symlink_to("/etc/hostname")
    with pytest.raises(Refused) as refusal:
        bring_in(site, "p0001", "I-1", folder, record)
    assert sorted(refusal.value.reasons) == [
        "'code/tool.py' changed after it was reviewed",
        "'codes.csv' changed after it was reviewed",
        "'more.csv' was not reviewed",
    ]
    assert not (project.path / "imported").exists()
