"""The whole route of one application of each kind, and of one with another organisation's records and a company, in a
real browser. ``docs/how-to/routes.md`` shows the pictures that this test takes.

The answers are brought in from a file, as an applicant may; every decision is made on its page by whom the route asks.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.identity.partner import registry
from lockgate.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TODAY = date.today()
PICTURES = Path(__file__).resolve().parents[2] / "test-artifacts" / "routes"
COMMON: dict[str, Any] = {
    "lay_summary": "We want to know who is treated, when, and how that differs between places. No names are needed.",
    "purpose": "Count people by diagnosis and stay, month by month, and compare.",
    "public_benefit": "Care can be put where it is missing.",
    "start_date": TODAY.isoformat(),
    "end_date": (TODAY + timedelta(days=300)).isoformat(),
    "people": [{"username": "tomasz", "role": "Statistician"}],
    "lead_organisation": "University of Middleshire",
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
RESEARCH = {
    "ethics_reference": "26/NW/0002", "sponsor": "University of Middleshire", "article_9": "9(2)(j)",
    "funding": "Middleshire Health Research Fund",
}  # fmt: skip
ROUTES: dict[str, tuple[str, dict[str, Any], tuple[tuple[str, str], ...], str]] = {
    "research": (
        "research",
        {
            **RESEARCH,
            "title": "Winter stays and deprivation",
            "columns": {**COMMON["columns"], "person_deprivation": ["person_id", "imd2025_decile"]},
            "linkages": ["person_deprivation"],
        },
        (("rosa", "decide"), ("idris", "decide")),
        "approved",
    ),
    "service-evaluation": (
        "service_evaluation",
        {"title": "Stays by month and age", "service": "Medical wards", "funding": "None"},
        (),
        "approved",
    ),
    "audit": (
        "audit",
        {
            "title": "Are wards told of falls?",
            "service": "Medical wards",
            "audit_standard": "The trust's falls policy",
            "common_law": "direct_care",
            "columns": {**COMMON["columns"], "incident": ["incident_id", "person_id", "incident_date", "harm"]},
            "linkages": ["incident"],
        },
        (("rosa", "decide"), ("idris", "decide"), ("cora", "decide"), ("hugo", "decide")),
        "approved",
    ),
    "clinical-analytics": (
        "clinical_analytics",
        {"title": "Beds and stays, day by day", "service": "Site operations", "dates": "exact"},
        (("rosa", "decide"), ("idris", "decide")),
        "approved",
    ),
    "partner": (
        "research",
        {
            **RESEARCH,
            "title": "After the hospital: a new medicine in general practice",
            "commercial": "yes",
            "commercial_detail": "Example Pharma pays for the analysis and will read the results when they are public.",
            "partners": [
                {"partner": "practice", "methods": ["nhs_number"], "tables": {"primary_care_event": "*"}}
            ],
        },
        (("pearl", "advise"), ("rosa", "decide"), ("idris", "decide"), ("gwen", "decide")),
        "approved",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def practice(served: tuple[str, Site], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Another organisation that the site knows, whose data Gwen decides on."""
    site = served[1]
    other = Site.init(tmp_path_factory.mktemp("practice") / "practice", name="Middleshire Community Health")
    if "practice" not in {one.name for one in registry.partners(site)}:
        registry.add_partner(
            site, "practice", registry.card(other), heard=registry.spoken(other.public_key),
            tables=["primary_care_event"], owner="gwen", where="card.json",
        )  # fmt: skip
    yield


def _picture(page: Any, route: str, name: str) -> None:
    """What the docs show: the width of a page of theirs, the top of a long one."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": 960, "height": 1100})
    page.screenshot(path=str(PICTURES / f"{route}-{name}.png"))
    page.set_viewport_size({"width": 1280, "height": 900})


def _press(page: Any, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("route", ROUTES)
def test_the_whole_route(
    served: tuple[str, Site], practice: None, walk: Any, tmp_path: Path, route: str
) -> None:
    kind, changes, deciders, end = ROUTES[route]
    answers = {**COMMON, **changes}
    file = tmp_path / "application.json"
    file.write_text(json.dumps({"schema": "lockgate.application/1", "kind": kind, "answers": answers}))
    page = walk.person("amara")
    page.goto("/applications/new/")
    page.set_input_files("input[name=file]", str(file))
    _press(page, "Upload")
    reference = page.url.rstrip("/").rsplit("/", 1)[1]
    assert reference.startswith("LG-"), page.locator("main").inner_text()
    page.goto(f"/applications/{reference}/check/")
    walk.shot(page, "check")
    page.locator("#declare").check()
    _press(page, "Submit the application")
    for username, step in deciders:
        other = walk.person(username)
        other.goto(f"/applications/{reference}/{step}/")
        walk.shot(other, f"{step}-{username}")
        _picture(other, route, f"{step}-{username}")
        if step == "advise":
            other.locator("#stance-1").check()
            other.fill("#text", "Worth doing, if the results are public whatever they say.")
            _press(other, "Send")
        else:
            other.locator("#decision-1").check()
            other.fill("#note", "Proportionate and in the public interest.")
            other.locator("main form button").last.click()
            other.wait_for_url(f"**/applications/{reference}/")
    page.goto(f"/applications/{reference}/")
    walk.shot(page, "decided")
    _picture(page, route, "decided")
    assert end in page.locator("main").inner_text().lower()
    visitor = walk.visitor()
    visitor.goto(f"/register/{reference.lower()}/")
    walk.shot(visitor, "register")
    walk.accessible(visitor)
    _picture(visitor, route, "register")
    text = visitor.locator("main").inner_text()
    assert answers["title"] in text
    if not deciders:
        assert "rule" in text.lower(), "the register says that a rule approved it"
    assert walk.problems == [], walk.problems
    shutil.rmtree(tmp_path, ignore_errors=True)
