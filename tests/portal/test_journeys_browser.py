"""What a data engineer, a linkage clerk and a collaborator do, from signing in to the end of their task, in Chromium.

Each page is held to axe and to the width of a small telephone. The other roles: test_browser.py and
test_routes_browser.py.
"""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_fhir
from lockgate.catalogue import list_catalogues
from lockgate.engine import Engine
from lockgate.identity import build_index
from lockgate.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, NARROW = 1280, 320
NHS_NUMBER = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9434765919"}


def _looked_at(walk: Any, page: Any, name: str) -> None:
    """A picture of the page wide and narrow, held to axe in both; nothing sticks out of the narrow one."""
    for width in (NARROW, WIDE):
        page.set_viewport_size({"width": width, "height": 900})
        walk.shot(page, f"{name}-{width}")
        walk.accessible(page)
        assert width == WIDE or page.evaluate("document.documentElement.scrollWidth") <= NARROW, name


def _press(page: Any, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def _follow(page: Any, name: str) -> None:
    page.locator("main").get_by_role("link", name=name).first.click()


def _follow_back(page: Any, name: str) -> None:
    page.locator(".nhsuk-back-link").get_by_text(name).first.click()


def _text(page: Any) -> str:
    return str(page.locator("main").inner_text())


@pytest.fixture(scope="module")
def sent(served: tuple[str, Site], tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a clinic sent since the release: two given names under one number, and a line that is no JSON."""
    folder = tmp_path_factory.mktemp("clinic")
    twins = [
        {
            "resourceType": "Patient", "id": f"clinic-{given.lower()}", "identifier": [NHS_NUMBER],
            "name": [{"family": "Quillfeather", "given": [given]}], "birthDate": "2001-02-03", "gender": "other",
        }
        for given in ("Zephyrine", "Barnabas")
    ]  # fmt: skip
    (folder / "Patient.ndjson").write_text("\n".join([*map(json.dumps, twins), "no json", ""]))
    site = served[1]
    capture_fhir(site, folder, source="clinic", actor="test")
    with Engine(threads=1) as engine:
        build_index(engine, site)


def test_a_data_engineer_sees_what_came_in_and_what_waits(
    sent: None, served: tuple[str, Site], walk: Any
) -> None:
    page = walk.person("priya")
    _looked_at(walk, page, "tasks")
    assert "not-json: " in _text(page)
    _follow(page, "not-json: ")
    _looked_at(walk, page, "coming-in")
    text = _text(page)
    assert "in no release yet" in text and "clinic" in text
    assert "Ask the source to mend its export" in text
    assert "Quillfeather" not in page.content() and "9434765919" not in page.content()
    assert "Release 2026.1" in text
    # another file's tests may have described it on this hospital by now
    described = "2026.1" in {one.release for one in list_catalogues(served[1])}
    assert ("not described in the catalogue yet" in text) is not described
    _follow(page, "failed checks")
    _looked_at(walk, page, "failed-checks")
    page.locator("main .lg-list a").first.click()
    _looked_at(walk, page, "rows-that-fail")
    assert "Rows that fail " in _text(page)
    _follow_back(page, "Failed checks")
    _follow_back(page, "Coming in")
    _follow(page, "Projects")
    _looked_at(walk, page, "projects")
    page.goto("/turnaround/")
    _looked_at(walk, page, "turnaround")
    assert walk.problems == [], walk.problems


def test_a_linkage_clerk_says_who_is_who(sent: None, served: tuple[str, Site], walk: Any) -> None:
    page = walk.person("clara")
    _looked_at(walk, page, "tasks")
    page.get_by_role("link", name="Pair ").first.click()
    _looked_at(walk, page, "pair")
    assert "Zephyrine" in _text(page) and "Barnabas" in _text(page)
    _press(page, "Keep the decision")
    _looked_at(walk, page, "pair-error")
    assert "choose whether they are one person" in page.locator(".nhsuk-error-summary").inner_text().lower()
    page.get_by_label("Two different people", exact=True).check()
    page.fill("#reason", "Two given names, two handwritings.")
    _press(page, "Keep the decision")
    _looked_at(walk, page, "kept")
    assert "your decision is kept" in _text(page)
    _follow(page, "Show those that were decided, too")
    _looked_at(walk, page, "decided")
    assert "Two different people" in _text(page)
    page.get_by_role("link", name="Pair ").first.click()
    page.get_by_label("Take the decision back", exact=True).check()
    page.fill("#reason", "To be asked again.")
    _press(page, "Keep the decision")
    assert "Quillfeather" not in served[1].audit.chain.read_text()
    assert walk.problems == [], walk.problems


def _approved(walk: Any, folder: Path) -> str:
    """Amara asks for counts with Lin in the project; a fast path approves it. The project."""
    today = date.today()
    answers = {
        "title": "Stays by month, with a collaborator",
        "lay_summary": "We want to know how many people stay each month. No names are needed.",
        "purpose": "Count stays month by month.",
        "public_benefit": "Beds can be put where they are missing.",
        "start_date": today.isoformat(),
        "end_date": (today + timedelta(days=200)).isoformat(),
        "people": [{"username": "lin", "role": "Statistician"}],
        "lead_organisation": "Lockgate Demonstration Hospital",
        "service": "Medical wards",
        "funding": "None",
        "commercial": "no",
        "columns": {
            "person": ["person_id", "gender_concept_id", "year_of_birth"],
            "visit_occurrence": ["visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date"],
        },
        "linkages": [],
        "period_from": "2015-01-01",
        "period_until": "2026-06-30",
        "dates": "month",
        "article_6": "6(1)(e)",
        "article_9": "9(2)(h)",
        "common_law": "not_confidential",
        "dpia": "covered",
        "outputs": ["tables"],
        "publication": "A report to the board.",
    }
    file = folder / "application.json"
    file.write_text(
        json.dumps({"schema": "lockgate.application/1", "kind": "service_evaluation", "answers": answers})
    )
    page = walk.person("amara")
    page.goto("/applications/new/")
    page.set_input_files("input[name=file]", str(file))
    _press(page, "Upload")
    reference = page.url.rstrip("/").rsplit("/", 1)[1]
    page.goto(f"/applications/{reference}/check/")
    page.locator("#declare").check()
    _press(page, "Submit the application")
    return str(reference).lower()


CODE = '''
import os
import duckdb
from lockgate import outputs

found = duckdb.sql(f"""
    SELECT year(visit_start_date)::VARCHAR AS year, count(DISTINCT person_id) AS people
    FROM '{os.environ["LOCKGATE_DATA"]}/visit_occurrence.parquet' GROUP BY 1 ORDER BY 1
""").fetchall()
rows = [{"year": year, "people": people} for year, people in found]
outputs.table(rows, "stays_by_year", title="People with a stay, by year", dimensions=["year"], counts=["people"])
'''


def test_a_collaborator_works_on_a_project_that_others_applied_for(walk: Any, tmp_path: Path) -> None:
    project = _approved(walk, tmp_path)
    page = walk.person("lin")
    for _ in range(60):
        page.goto("/tasks/")
        page.locator("main li", has_text=project).get_by_role("link").click()
        if page.get_by_role("button", name="Start a job").count():
            break
        time.sleep(1)
    page.goto("/notices/")
    assert f"The data of {project} are ready" in _text(page)
    _looked_at(walk, page, "notices")
    page.goto("/tasks/")
    _looked_at(walk, page, "tasks")
    page.locator("main li", has_text=project).get_by_role("link").click()
    _looked_at(walk, page, "project")
    _follow(page, project.upper())  # the application that it came of
    _looked_at(walk, page, "application")
    assert page.locator("main").get_by_role("button", name="Change or renew it").count() == 0
    page.goto(f"/projects/{project}/")
    _press(page, "Start a job")
    _looked_at(walk, page, "new-job")
    code = tmp_path / "stays.py"
    code.write_text(CODE)
    page.set_input_files("input[name=code]", str(code))
    _press(page, "Start the job")
    page.get_by_role("heading", name="Outputs").wait_for(timeout=90_000)
    _looked_at(walk, page, "job")
    _press(page, "Ask for the results to be released")
    page.fill("#title", "Stays by year")
    page.fill("#purpose", "People with a stay in each year, for the board.")
    _looked_at(walk, page, "request")
    _press(page, "Check and send to review")
    page.wait_for_url("**/reviews/**")
    _looked_at(walk, page, "asked")
    text = _text(page)
    assert "With the reviewers" in text or "Repair and check again" in text
    page.goto("/applications/")
    assert "Start an application" not in _text(page), "a collaborator applies for none"
    assert walk.problems == [], walk.problems
