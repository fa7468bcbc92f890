"""What each person sees of a request for release, and when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lockgate import disclosure
from lockgate.disclosure.meanings import MEANINGS
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.airlock import services as airlock
from lockgate.portal.airlock.models import Request
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.files import without_places
from lockgate.portal.workspaces import services as workspaces
from lockgate.portal.workspaces.models import Job, Project
from lockgate.workspace.report import MADE_UP

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(people: dict[str, User], submitted: Application, data_plane: Any) -> Job:
    """Ann's finished job: a table with one small cell, and its chart."""
    applications.decide(people["rita"], submitted, "approve")
    applications.decide(people["dora"], submitted, "approve")
    project = Project.objects.get()
    workspaces.provision_now(project.slug)
    project.refresh_from_db()
    return workspaces.start_job(people["ann"], project, "ages.py", b"print('ages')", now=True)


@pytest.fixture
def held(people: dict[str, User], job: Job) -> Request:
    """A request that the checks hold back."""
    return airlock.request_release(people["ann"], job, title="Ages by decile", purpose="A paper")


@pytest.fixture
def passing(people: dict[str, User], held: Request) -> Request:
    """The same, repaired."""
    assert airlock.repair(people["ann"], held).passes
    held.refresh_from_db()
    return held


def page(client: Any, request: Request) -> str:
    answer = client.get(f"/reviews/{request.reference}/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_what_is_held_back_is_shown_to_nobody(sign_in: Any, held: Request) -> None:
    for username in ("ann", "ben", "olga", "audrey"):
        text = page(sign_in(username), held)
        assert "Held back" in text
        assert "lg-chart" not in text
        assert ">44<" not in text
        assert "Your review" not in text
    assert "decile = 3" not in page(sign_in("ann"), held), "a row's name may hold data"
    assert "decile = 3" in page(sign_in("olga"), held)
    assert held.candidate.files == []


def test_members_see_the_files_only_when_they_are_released(
    sign_in: Any, people: dict[str, User], passing: Request
) -> None:
    chart = f"/reviews/{passing.reference}/2/ages_chart.svg"
    for username in ("ann", "ben"):
        assert "lg-chart" not in page(sign_in(username), passing)
        assert sign_in(username).get(chart).status_code == 403
    text = page(sign_in("olga"), passing)
    assert "lg-chart" in text
    assert "[c]" in text
    answer = sign_in("olga").get(chart)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml"
    assert "sandbox" in answer["Content-Security-Policy"]
    airlock.review(people["olga"], passing, "approve")
    airlock.review(people["otto"], passing, "approve")
    assert "lg-chart" in page(sign_in("ann"), passing)
    assert sign_in("ann").get(chart).status_code == 200


def test_the_first_review_is_hidden_from_everybody_but_its_author(
    sign_in: Any, people: dict[str, User], passing: Request
) -> None:
    assert (
        sign_in("olga")
        .post(f"/reviews/{passing.reference}/", {"decision": "approve", "note": "Looks well rounded"})[
            "Location"
        ]
        .endswith(f"/{passing.reference}/")
    )
    assert "Looks well rounded" in page(sign_in("olga"), passing)
    for username in ("otto", "ann", "audrey"):
        assert "Looks well rounded" not in page(sign_in(username), passing)
    sign_in("otto").post(f"/reviews/{passing.reference}/", {"decision": "refuse", "note": "Too fine"})
    for username in ("otto", "olga", "ann", "audrey"):
        text = page(sign_in(username), passing)
        assert "Looks well rounded" in text
        assert "Too fine" in text
    passing.refresh_from_db()
    assert passing.state == "refused"


@pytest.mark.parametrize("username", ["ann", "ben", "audrey", "rita", "adam", "nora"])
def test_only_output_checkers_review(sign_in: Any, passing: Request, username: str) -> None:
    answer = sign_in(username).post(f"/reviews/{passing.reference}/", {"decision": "approve"})
    assert answer.status_code in (403, 404)
    assert passing.candidate.reviews.count() == 0


@pytest.mark.parametrize("action", ["repair", "withdraw"])
@pytest.mark.parametrize("username", ["ben", "olga", "rita", "adam"])
def test_only_the_author_repairs_and_withdraws(
    sign_in: Any, held: Request, username: str, action: str
) -> None:
    assert sign_in(username).post(f"/reviews/{held.reference}/{action}/").status_code in (403, 404)
    held.refresh_from_db()
    assert held.state == "failing"


def test_nobody_else_sees_the_request_or_the_job(sign_in: Any, passing: Request, job: Job) -> None:
    for username in ("nora", "adam"):
        client = sign_in(username)
        assert client.get(f"/reviews/{passing.reference}/").status_code == 404
        assert client.get(f"/projects/{job.project.slug}/").status_code == 404
        assert client.get(f"/projects/{job.project.slug}/jobs/{job.key}/").status_code == 404
        assert client.get(f"/projects/{job.project.slug}/jobs/{job.key}/release/").status_code == 404


def test_a_refusal_needs_its_reason(sign_in: Any, passing: Request) -> None:
    answer = sign_in("olga").post(f"/reviews/{passing.reference}/", {"decision": "refuse"})
    assert answer.status_code == 400
    assert b"Say why" in answer.content or b"say why" in answer.content
    answer = sign_in("olga").post(f"/reviews/{passing.reference}/", {})
    assert b"Choose a decision" in answer.content
    assert passing.candidate.reviews.count() == 0


def test_the_project_pages_show_safe_counts_only(sign_in: Any, job: Job) -> None:
    text = sign_in("ann").get(f"/projects/{job.project.slug}/").content.decode()
    assert "1230" in text and "1234" not in text and "1235" not in text
    assert "1234" not in text
    assert sign_in("ann").get(f"/projects/{job.project.slug}/data/").status_code == 200


def test_a_job_page_says_names_and_kinds_but_no_titles(sign_in: Any, job: Job) -> None:
    client = sign_in("ann")
    text = client.get(f"/projects/{job.project.slug}/jobs/{job.key}/").content.decode()
    assert "ages.csv" in text
    assert "People by decile" not in text, "the code wrote it, and nothing has checked it yet"
    state = client.get(f"/projects/{job.project.slug}/jobs/{job.key}/state/")
    assert (state.status_code, state["HX-Refresh"]) == (204, "true")


def test_members_read_no_name_that_the_code_does_not_spell_out() -> None:
    """Names of files, columns and rows are made while the code runs: a way out for data, if they were shown."""
    secret = "n-57-aged-93"
    findings = [
        {
            "rule": rule,
            "where": f"row {secret}; column {column}",
            "message": f"{secret} is wrong, 3 of 4",
            "repair": f"drop {secret}",
        }
        for rule in ("threshold", "format", "a rule of tomorrow")
        for column in ("n", secret)
    ]
    verdicts = [
        {"file": name, "kind": "table", "decision": "fail", "findings": findings}
        for name in (f"{secret}.csv", "ages.csv", "outputs.json", f"a/{secret}/ages.csv")
    ]
    told = without_places(verdicts, "table(counts, 'ages', counts=['n'])")
    assert [item["file"] for item in told] == ["ages.csv", "outputs.json", MADE_UP]
    assert secret not in str(told)
    assert "3 of 4" not in str(told)
    assert told[0]["findings"][0]["where"] == "column n"


def test_every_rule_of_the_gate_has_its_meaning() -> None:
    room = Path(disclosure.__file__).parent
    source = "".join(path.read_text() for path in room.glob("*.py"))
    used = set(re.findall(r'(?:Finding|_no)\(\s*"([a-z -]+)"', source))
    used |= set(re.findall(r'yield \(?\s*"([a-z ]+)",', (room / "statistics.py").read_text()))
    assert len(used) > 25
    assert used <= set(MEANINGS)


def test_a_request_after_a_crash_starts_afresh(people: dict[str, User], job: Job) -> None:
    """A killed request leaves folders that the database knows nothing of."""
    left = job.project.folder / "airlock" / f"{job.project.slug}-r1"
    for name in ("1", "1-checked"):
        (left / name).mkdir(parents=True)
        (left / name / "old.csv").write_text("a")
    request = airlock.request_release(people["ann"], job, title="Ages", purpose="A paper")
    assert not (request.candidate.checked_folder / "old.csv").exists()
    assert airlock.repair(people["ann"], request).passes
    request.refresh_from_db()
    modes = {path.stat().st_mode & 0o777 for path in request.candidate.folder.iterdir()}
    assert modes == {0o600}


def test_a_job_page_lists_no_made_up_names(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("outputs.table(rows, 'ages')")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    for name in ("ages.csv", "n-57.csv", "n-93.csv"):
        (outputs / name).write_text("a\n")
    assert plane.described_outputs(outputs, tmp_path / "main.py") == [
        {"name": "ages.csv", "kind": "not described"},
        {"name": MADE_UP, "kind": "other"},
    ]


def test_code_is_one_python_or_sql_file(sign_in: Any, job: Job) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    client, address = sign_in("ann"), f"/projects/{job.project.slug}/jobs/new/"
    for name, content, words in (
        ("a.exe", b"x", b"Python file"),
        ("a.py", b"", b"empty"),
        ("a.py", b"#" * (1024 * 1024 + 1), b"larger"),
        ("a" * 240 + ".py", b"x", b"no more than 100"),
        ("<b>.py", b"x", b"letters, digits"),
        ("..py", b"x", b"letters, digits"),
    ):
        answer = client.post(address, {"code": SimpleUploadedFile(name, content)})
        assert answer.status_code == 400
        assert words in answer.content
    assert client.post(address, {}).status_code == 400
    assert Job.objects.count() == 1


def test_released_results_are_public(client: Any, people: dict[str, User], passing: Request) -> None:
    airlock.review(people["olga"], passing, "approve")
    airlock.review(people["otto"], passing, "approve")
    slug = passing.job.project.slug
    address = f"/register/{slug}/results/{passing.reference}/"
    text = client.get(address).content.decode()
    assert "lg-chart" in text
    assert "[c]" in text
    assert client.get(f"{address}ages_chart.svg").status_code == 200
    assert client.get(f"{address}nothing.svg").status_code == 404
    file = b"".join(client.get(f"{address}files/ages.csv").streaming_content)
    assert b"3,[c]" in file
    for name in ("outputs.json", "..%2f..%2fsite.toml", "release-record.json"):
        assert client.get(f"{address}files/{name}").status_code == 404
    entry = client.get(f"/register/{slug}/").content.decode()
    assert "Ages by decile" in entry
    assert "Ann" not in entry
    feed = client.get("/register/feed.json").json()
    assert feed["entries"][0]["data_use_register"]["Link to research outputs"] == address
    assert client.get("/register/?q=deprived").content.decode().count("/register/lg-") >= 1
    assert "0 uses" in client.get("/register/?q=nothingofthekind").content.decode()
