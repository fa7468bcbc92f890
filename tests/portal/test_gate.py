"""The airlock's further ways: returns, comments, recall, recurring releases, release by rule, and what comes in."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from lockgate.errors import Refused
from lockgate.portal.accounts.models import User
from lockgate.portal.airlock import imports, plane, queue
from lockgate.portal.airlock import services as airlock
from lockgate.portal.airlock.models import Request
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.notices.models import Notice
from lockgate.portal.sites import _open
from lockgate.portal.workspaces import services as workspaces
from lockgate.portal.workspaces.models import Job, Project
from lockgate.site import Site
from lockgate.workspace.crate import CRATE, problems

pytestmark = pytest.mark.django_db

Run = Callable[..., Job]


@pytest.fixture
def project(people: dict[str, User], submitted: Application, data_plane: Any) -> Project:
    applications.decide(people["rita"], submitted, "approve")
    applications.decide(people["dora"], submitted, "approve")
    found = Project.objects.get()
    workspaces.provision_now(found.slug)
    found.refresh_from_db()
    return found


@pytest.fixture
def run(people: dict[str, User], project: Project, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a job of Ann's that writes a table of these counts."""
    number = 0

    def run(
        counts: dict[str, int], code: bytes = b"print('ages')", title: str = "People", extra: Any = None
    ) -> Job:
        nonlocal number
        number += 1

        def job(site: Site, slug: str, **_: Any) -> dict[str, Any]:
            folder = site.projects / slug / "jobs" / f"j{number}" / "outputs"
            folder.mkdir(parents=True)
            monkeypatch.setenv("LOCKGATE_OUTPUTS", str(folder))
            from lockgate import outputs

            outputs.group("Main", "What the paper shows")
            frame = {"group": list(counts), "n": list(counts.values())}
            outputs.table(frame, "counts", title=title, dimensions=["group"], counts=["n"])
            if extra:
                extra(folder)
            return {"status": "succeeded", "job_id": f"j{number}", "exit_code": 0, "seconds": 0.1, "log": "",
                    "outputs": []}  # fmt: skip

        monkeypatch.setattr("lockgate.portal.plane.run_job", job)
        return workspaces.start_job(people["ann"], project, "ages.py", code, now=True)

    return run


def ask(people: dict[str, User], job: Job, **more: Any) -> Request:
    return airlock.request_release(people["ann"], job, title="Counts", purpose="A paper", **more)


def decide(people: dict[str, User], request: Request, first: str, second: str) -> str:
    airlock.review(people["olga"], request, first, "" if first == "approve" else "Name the groups")
    return airlock.review(people["otto"], request, second, "" if second == "approve" else "Name the groups")


def test_returned_and_put_right(people: dict[str, User], run: Run, sign_in: Any) -> None:
    request = ask(people, run({"a": 100, "b": 200}))
    assert decide(people, request, "approve", "return") == "returned"
    assert Notice.objects.filter(user=people["ann"], text__contains="returned to you").exists()
    other = run({"women": 100, "men": 200})
    page = sign_in("ann").get(f"/reviews/{request.reference}/revise/").content.decode()
    assert str(other.key) in page
    assert sign_in("ben").get(f"/reviews/{request.reference}/revise/").status_code == 403
    sign_in("ann").post(f"/reviews/{request.reference}/revise/", {"job": str(other.key)})
    request.refresh_from_db()
    assert (request.state, request.candidate.number, request.job_id) == ("in_review", 2, other.pk)
    assert decide(people, request, "approve", "approve") == "released"


def test_a_reviewers_comment_waits_for_the_other(people: dict[str, User], run: Run, sign_in: Any) -> None:
    request = ask(people, run({"a": 100, "b": 200}))
    at = f"/reviews/{request.reference}/"
    sign_in("olga").post(f"{at}comment/", {"text": "Which year is this?"})
    assert "Which year" in sign_in("ann").get(at).content.decode()
    assert "Which year" not in sign_in("otto").get(at).content.decode()
    airlock.review(people["otto"], request, "approve")
    assert "Which year" in sign_in("otto").get(at).content.decode()
    assert sign_in("nora").post(f"{at}comment/", {"text": "x"}).status_code == 404


def test_recall(people: dict[str, User], run: Run, hospital: Site, sign_in: Any, client: Any) -> None:
    request = ask(people, run({"a": 100, "b": 200}))
    decide(people, request, "approve", "approve")
    slug = request.job.project.slug
    public = hospital.register / "results" / slug / request.reference
    crate = json.loads((public / CRATE).read_text())
    assert problems(crate) == []
    assert {"counts.csv", "result.json"} <= {e["@id"] for e in crate["@graph"]}
    assert "Ann" not in (public / CRATE).read_text()
    address = f"/register/{slug}/results/{request.reference}/"
    assert client.get(f"{address}files/{CRATE}").status_code == 200
    assert sign_in("ann").get(f"/reviews/{request.reference}/recall/").status_code == 403
    sign_in("dora").post(f"/reviews/{request.reference}/recall/", {"reason": "A table was of the wrong year"})
    request.refresh_from_db()
    assert request.state == "recalled"
    assert sorted(p.name for p in public.iterdir()) == [
        "recalled.json", "release-record.json", "release-record.json.sig", CRATE,
    ]  # fmt: skip
    text = client.get(address).content.decode()
    assert "wrong year" in text and "counts.csv" not in text
    assert client.get(f"{address}files/counts.csv").status_code == 404
    for told in ("ann", "ben", "otto"):
        assert Notice.objects.filter(user=people[told], text__contains="recalled").exists()
    assert b"lg-scroll" in sign_in("ann").get(f"/reviews/{request.reference}/").content
    assert b">200<" not in sign_in("ann").get(f"/reviews/{request.reference}/").content
    again = ask(people, run({"a": 105, "b": 200}))
    assert "difference" in str(again.candidate.verdicts), "what was once shown still counts"
    with pytest.raises(Refused):
        airlock.recall(people["olga"], request, "again")


def test_the_same_again_is_released_by_rule_and_anything_else_is_not(
    people: dict[str, User], run: Run
) -> None:
    request = ask(people, run({"a": 100, "b": 200}), runs=2)
    decide(people, request, "approve", "approve")
    request.refresh_from_db()
    assert request.runs_left == 2
    second = ask(people, run({"a": 130, "b": 260}), again_of=request)
    assert (second.state, second.decided_by) == ("released", "rule")
    record = json.loads((plane_folder(second) / "release-record.json").read_text())
    assert (
        record["decided_by"] == "rule" and record["again_of"] == request.reference and record["reviews"] == []
    )
    assert problems(json.loads((plane_folder(second) / CRATE).read_text())) == []
    for job in (
        run({"a": 160, "c": 300}),
        run({"a": 160, "b": 300}, code=b"print('other')"),
        run({"a": 160, "b": 300}, title="Other people"),
    ):
        other = ask(people, job, again_of=request)
        assert other.state == "in_review" and other.differs
    near = ask(people, run({"a": 135, "b": 300}), again_of=request)
    assert near.state == "failing", "a few people more than last time"
    third = ask(people, run({"a": 190, "b": 400}), again_of=request)
    assert third.state == "released"
    fourth = ask(people, run({"a": 250, "b": 500}), again_of=request)
    assert fourth.state == "in_review" and "no run" in fourth.differs[0]


def plane_folder(request: Request) -> Path:
    return request.job.project.folder / "released" / request.reference


def test_low_risk_by_rule_only_where_the_site_says_so(
    people: dict[str, User], run: Run, hospital: Site, sign_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(people, run({"a": 100, "b": 200})).state == "in_review"
    config = hospital.path / "site.toml"
    config.write_text(
        config.read_text().replace("[disclosure]", '[disclosure]\nrelease_by_rule = "low-risk"')
    )
    _open.cache_clear()
    unproved = ask(people, run({"a": 200, "b": 290}))
    assert unproved.state == "in_review", "nothing confirms the evidence of its table"
    monkeypatch.setattr(plane, "with_evidence", lambda site, project, folder, verdicts: verdicts)
    small = ask(people, run({"a": 150, "b": 15}))
    assert small.state == "in_review"
    worded = ask(people, run({"a": 600, "b": 800}, title="People, of whom 7 were lost"))
    assert worded.state == "in_review", "a title made by the code may hold a count"
    large = ask(people, run({"a": 300, "b": 400}))
    assert (large.state, large.decided_by) == ("released", "rule")
    rows = queue.months(Request.objects.prefetch_related("candidates__reviews"))
    assert sum(row.asked for row in rows) == 5 and sum(row.by_rule for row in rows) == 1
    assert "<svg" in queue.draw(rows)
    client = sign_in("rita")
    assert client.get("/reviews/fares/").status_code == 200
    for _ in range(2):  # drawn, then as it was kept
        assert b"<svg" in client.get("/reviews/fares/chart.svg").content


def test_links_and_folders_among_outputs_are_told(people: dict[str, User], run: Run) -> None:
    def odd(folder: Path) -> None:
        (folder / "link.csv").symlink_to("/etc/passwd")
        (folder / "more").mkdir()
        (folder / "book.xlsx").write_bytes(b"PK\x03\x04 broken")

    request = ask(people, run({"a": 100, "b": 200}, extra=odd))
    rules = {v["file"]: {f["rule"] for f in v["findings"]} for v in request.candidate.verdicts}
    assert request.state == "failing"
    assert rules["link.csv"] == {"file type"} and rules["more"] == {"file type"}
    assert "archive" in rules["book.xlsx"]
    assert not (request.candidate.checked_folder / "link.csv").exists()


def test_a_file_changed_after_it_was_reviewed_is_not_released(people: dict[str, User], run: Run) -> None:
    request = ask(people, run({"a": 100, "b": 200}))
    airlock.review(people["olga"], request, "approve")
    (request.candidate.folder / "counts.csv").write_text("group,n\na,103\nb,200\n")
    with pytest.raises(Exception, match="changed after the check"):
        airlock.review(people["otto"], request, "approve")
    request.refresh_from_db()
    assert request.state == "in_review" and request.candidate.reviews.count() == 1


def test_two_requests_that_wait_together_are_not_released_a_few_people_apart(
    people: dict[str, User], run: Run
) -> None:
    """Each was safe when it was handed in: the second is checked again when it would leave."""
    first, second = ask(people, run({"a": 100, "b": 200})), ask(people, run({"a": 105, "b": 200}))
    assert (first.state, second.state) == ("in_review", "in_review")
    assert decide(people, first, "approve", "approve") == "released"
    airlock.review(people["olga"], second, "approve")
    with pytest.raises(Refused, match="something else left") as refusal:
        airlock.review(people["otto"], second, "approve")
    assert any("released earlier" in reason for reason in refusal.value.reasons)
    second.refresh_from_db()
    assert (second.state, second.candidate.reviews.count()) == ("in_review", 1)
    assert airlock.review(people["otto"], second, "return", "A few people from the first.") == "returned"


def test_what_a_cut_left_in_public_goes_with_another_decision(
    people: dict[str, User], run: Run, hospital: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal is killed after the files were published and before that was recorded; then they are refused."""
    request = ask(people, run({"a": 100, "b": 200}))
    airlock.review(people["olga"], request, "approve")
    publish = airlock.plane.publish

    def cut(*args: Any) -> None:
        publish(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(airlock.plane, "publish", cut)
        airlock.review(people["otto"], request, "approve")
    public = hospital.register / "results" / request.job.project.slug / request.reference
    assert (public / "counts.csv").is_file()
    request.refresh_from_db()
    assert request.state == "in_review"
    assert airlock.review(people["otto"], request, "return", "Wrong year.") == "returned"
    assert not public.exists()
    assert list(hospital.audit.entries("result.taken_back"))


def test_groups_and_their_context(people: dict[str, User], run: Run, sign_in: Any) -> None:
    request = ask(people, run({"a": 100, "b": 200}))
    text = sign_in("olga").get(f"/reviews/{request.reference}/").content.decode()
    assert "What the paper shows" in text
    assert request.candidate.files[0]["group"] == "Main"


def upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return out.getvalue()


def bring(people: dict[str, User], project: Project, *files: SimpleUploadedFile) -> Any:
    return imports.request_import(
        people["ann"], project, title="Codes", purpose="From the NHS, open licence", uploads=files
    )


def test_what_comes_in_needs_two_people_and_is_read_only(
    people: dict[str, User], project: Project, sign_in: Any
) -> None:
    asked = bring(
        people,
        project,
        upload("codes.zip", archive({"a/codes.csv": b"code,name\n1,x\n", "a/run.py": b"x=1\n"})),
    )
    assert asked.state == "in_review"
    at = f"/imports/{asked.reference}/"
    assert sign_in("ben").post(at, {"decision": "approve"}).status_code == 403
    sign_in("olga").post(at, {"decision": "approve", "note": "Open data"})
    target = project.folder / "imported" / asked.reference
    assert not target.exists()
    assert "Open data" not in sign_in("otto").get(at).content.decode()
    sign_in("otto").post(at, {"decision": "approve"})
    asked.refresh_from_db()
    assert asked.state == "imported"
    files = list(target.rglob("*.csv"))
    assert [p.read_bytes() for p in files] == [b"code,name\n1,x\n"]
    assert files[0].stat().st_mode & 0o222 == 0
    record = json.loads((target / "import-record.json").read_text())
    assert len(record["reviews"]) == 2 and len(record["files"]) == 2
    assert "/imported/" in sign_in("ann").get(at).content.decode()
    assert sign_in("nora").get(at).status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("tool.py", b"\x7fELF\x02\x01\x01", "program"),
        ("setup.exe", b"MZ\x90\0", "file type"),
        ("model.txt", b"\x80\x04\x95\x00\x00", "model"),
        ("book.csv", archive({"xl/workbook.xml": b"<x/>"}), "spreadsheet"),
        ("people.csv", b"nhs\n943 476 5919\n", "identifier"),
        ("virus.txt", b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "program"),
        ("half.py", b"x = 1\n#PK\x03\x04binary", "program"),
        ("page.html", b"<html></html>", "file type"),
        ("data.parquet", b"not parquet", "format"),
    ],
)
def test_what_may_not_come_in(
    people: dict[str, User], project: Project, name: str, content: bytes, rule: str
) -> None:
    asked = bring(people, project, upload(name, content))
    assert asked.state == "failing"
    assert rule in {f["rule"] for v in asked.verdicts for f in v["findings"]}
    with pytest.raises(Refused):
        imports.review_import(people["olga"], asked, "approve")


def test_an_archive_that_explodes_or_leads_out(
    people: dict[str, User], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane, "MOST_INCOMING", 1_000_000)
    for content in (
        archive({"zeros.txt": b"0" * 3_000_000}),
        archive({"../../x.py": b"x"}),
        b"PK\x03\x04junk",
    ):
        with pytest.raises(Refused):
            bring(people, project, upload("a.zip", content))
    assert not project.imports.exists()


def test_code_that_unpacks_itself_is_pointed_at(people: dict[str, User], project: Project) -> None:
    asked = bring(people, project, upload("run.py", b"import base64\nexec(base64.b64decode('eD0x'))\n"))
    assert asked.state == "in_review"
    assert [v["decision"] for v in asked.verdicts] == ["review"]


def test_changed_after_review_does_not_come_in(people: dict[str, User], project: Project) -> None:
    asked = bring(people, project, upload("run.py", b"x = 1\n"))
    imports.review_import(people["olga"], asked, "approve")
    (asked.folder / "run.py").write_text("x = 2\n")
    with pytest.raises(Refused, match="not what was reviewed"):
        imports.review_import(people["otto"], asked, "approve")
    asked.refresh_from_db()
    assert asked.state == "in_review" and asked.reviews.count() == 1
