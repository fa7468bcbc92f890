"""The whole journey in a real browser: apply, decide twice, run, ask, review twice, read it in the register.

The portal is served as users serve it (``lockgate serve`` with its worker, as a process of its own) on a site built
through the real rooms from a small synthetic hospital. A screenshot of each page is kept in test-artifacts/screens/.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lockgate.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CODE = '''
import os
import duckdb
from lockgate import outputs

data = os.environ["LOCKGATE_DATA"]
ages = duckdb.sql(f"""
    SELECT p.person_id, d.imd2025_decile AS decile,
           min(year(c.condition_start_date)) - any_value(p.year_of_birth) AS age
    FROM '{data}/person.parquet' p JOIN '{data}/condition_occurrence.parquet' c USING (person_id)
    LEFT JOIN '{data}/person_deprivation.parquet' d USING (person_id)
    GROUP BY p.person_id, d.imd2025_decile
""")
outputs.summary(ages, "age_by_decile", title="Age at first diagnosis by deprivation decile", by=["decile"],
                value="age", unit="person_id", statistics=["mean", "interval"], decimals=1)
outputs.chart("age_by_decile", "age_by_decile_chart", kind="line", x="decile", y="mean", band=("low", "high"),
              x_title="Deprivation decile (1 is most deprived)", y_title="Mean age in years",
              title="Age at first diagnosis by deprivation decile")
print("done")
'''


def choose(page: Any, label: str) -> None:
    """Choose a radio button or checkbox by its label."""
    page.get_by_label(label, exact=True).check()


def press(page: Any, name: str) -> None:
    """Press a button or button-like link of the main part by its text."""
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def fill_date(page: Any, key: str, day: str, month: str, year: str) -> None:
    for part, value in (("day", day), ("month", month), ("year", year)):
        page.fill(f"#{key}-{part}", value)


def apply(walk: Any) -> str:
    """Amara applies; the reference of her application."""
    page = walk.person("amara")
    walk.shot(page, "tasks-applicant")
    press(page, "Start an application")
    press(page, "Continue")
    walk.shot(page, "new-application-error")
    assert page.locator(".nhsuk-error-summary").count() == 1
    choose(page, "Research")
    press(page, "Continue")
    walk.shot(page, "application-task-list")
    reference = page.url.rstrip("/").rsplit("/", 1)[1]

    page.get_by_role("link", name="The project").click()
    page.fill("#title", "Do people in deprived areas fall ill earlier?")
    fill_date(page, "start_date", "31", "2", "2026")
    press(page, "Save and continue")
    walk.shot(page, "section-project-errors")
    assert "real date" in page.locator(".nhsuk-error-summary").inner_text()
    page.fill(
        "#lay_summary",
        "We want to know whether people who live in poorer places are first told of a lasting "
        "illness at a younger age. We need the years in which illnesses were first recorded, and how deprived "
        "the area is where people live. We do not need names, addresses or exact dates of birth.",
    )
    page.fill(
        "#purpose",
        "Compare the mean age at the first recorded condition between tenths of the index of "
        "multiple deprivation, with confidence intervals.",
    )
    page.fill(
        "#public_benefit", "Health checks can be offered earlier in the places where they are needed most."
    )
    page.fill("#ethics_reference", "26/NW/0001")
    fill_date(page, "start_date", "1", "11", "2026")
    fill_date(page, "end_date", "31", "10", "2027")
    press(page, "Save and continue")

    page.get_by_role("link", name="The people").click()
    page.fill("#people-username-1", "tomasz")
    page.fill("#people-role-1", "Statistician")
    page.fill("#lead_organisation", "University of Middleshire")
    page.fill("#sponsor", "University of Middleshire")
    page.fill("#funding", "Middleshire Health Research Fund")
    choose(page, "No")
    walk.shot(page, "section-people")
    press(page, "Save and continue")

    page.locator("main").get_by_role("link", name="The data").click()
    for table, columns in {
        "person": ["year_of_birth", "gender_concept_id"],
        "condition_occurrence": ["condition_occurrence_id", "condition_concept_id", "condition_start_date"],
        "person_deprivation": ["imd2025_decile"],
    }.items():
        page.locator(f"#table-{table} summary").click()
        for column in columns:
            page.locator(f"#columns-{table}-{column}").check()
    fill_date(page, "period_from", "1", "1", "1950")
    fill_date(page, "period_until", "31", "12", "2026")
    choose(page, "The year")
    press(page, "Save and continue")
    walk.shot(page, "section-data-error")
    assert "choose that linkage" in page.locator(".nhsuk-error-summary").inner_text()
    choose(page, "Deprivation of the area where the person lives")
    press(page, "Save and continue")

    page.get_by_role("link", name="The law").click()
    for label in (
        "Public task",
        "Research in the public interest",
        "The project sees de-identified data only",
        "The environment's own assessment covers this project",
    ):
        choose(page, label)
    walk.shot(page, "section-law")
    press(page, "Save and continue")

    page.get_by_role("link", name="The results").click()
    choose(page, "Tables of counts, rates or averages")
    choose(page, "Charts drawn from such tables")
    page.fill("#publication", "A public health journal, and the hospital's own board.")
    press(page, "Save and continue")
    walk.shot(page, "application-complete")

    press(page, "Check your answers and submit")
    walk.shot(page, "check-answers")
    page.locator("#declare").check()
    press(page, "Submit the application")
    walk.shot(page, "submitted")
    assert reference in page.locator("main").inner_text()
    return reference


def decide(walk: Any, username: str, reference: str, name: str) -> None:
    """One decider approves, by keyboard, from their task list."""
    page = walk.person(username)
    page.goto("/tasks/")
    walk.shot(page, f"tasks-{name}")
    page.locator("main li", has_text=reference).get_by_role("link").press("Enter")
    page.wait_for_url("**/decide/")
    walk.shot(page, f"decide-{name}")
    assert "imd2025_decile" in page.locator("main").inner_text()
    page.locator("#decision-1").press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Proportionate and in the public interest.")
    for _ in range(3):  # past the conditions, and past what the public reads of a refusal
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/applications/{reference}/")
    walk.shot(page, f"decided-{name}")


def run(walk: Any, reference: str, code: Path) -> None:
    """Amara's project is prepared; she runs her code and asks for the results."""
    page = walk.person("amara")
    slug = reference.lower()
    for _ in range(60):
        page.goto(f"/projects/{slug}/")
        if page.locator("main").get_by_role("button", name="Start a job").count():
            break
        time.sleep(1)
    walk.shot(page, "project")
    page.get_by_role("link", name="Data dictionary: every table and column").click()
    walk.shot(page, "data-dictionary")
    page.go_back()
    press(page, "Start a job")
    walk.shot(page, "new-job")
    page.set_input_files("input[name=code]", str(code))
    press(page, "Start the job")
    walk.shot(page, "job-waiting")
    page.get_by_role("heading", name="Outputs").wait_for(
        timeout=60_000
    )  # the page hears of the end by itself
    walk.shot(page, "job-finished")
    assert "exit code 0" in page.locator("main").inner_text()
    press(page, "Ask for the results to be released")
    page.fill("#title", "Age at first diagnosis by deprivation")
    page.fill(
        "#purpose", "Mean age at the first recorded diagnosis in each tenth of deprivation. For a journal."
    )
    walk.shot(page, "request-release")
    press(page, "Check and send to review")
    page.wait_for_url("**/reviews/**")
    walk.shot(page, "request-checked")
    repair = page.locator("main").get_by_role("button", name="Repair and check again")
    if repair.count():
        repair.click()
        walk.shot(page, "request-repaired")
    assert "With the reviewers" in page.locator("main").inner_text()


def review(walk: Any, username: str, reference: str, name: str, *, javascript: bool) -> None:
    """One output checker approves."""
    page = walk.person(username, javascript=javascript)
    page.goto("/tasks/")
    walk.shot(page, f"tasks-{name}")
    page.get_by_role("link", name="Age at first diagnosis by deprivation").click()
    assert "Approved by" not in page.locator("main").inner_text(), "the other review shows before both are in"
    walk.shot(page, f"review-{name}")
    choose(page, "Approve")
    press(page, "Record the review")
    walk.shot(page, f"reviewed-{name}")


def test_from_the_first_question_to_the_public_register(
    served: tuple[str, Site], walk: Any, tmp_path: Path
) -> None:
    site = served[1]
    visitor = walk.visitor()
    visitor.goto("/")
    walk.shot(visitor, "home")
    visitor.goto("/sign-in/")
    walk.shot(visitor, "sign-in")

    reference = apply(walk)
    slug = reference.lower()
    decide(walk, "rosa", reference, "research-centre")
    decide(walk, "idris", reference, "data-protection-office")
    code = tmp_path / "age_by_decile.py"
    code.write_text(CODE)
    run(walk, reference, code)
    review(walk, "mei", reference, "first-checker", javascript=True)
    review(walk, "callum", reference, "second-checker", javascript=False)

    visitor.goto("/register/?q=deprived+areas")
    walk.shot(visitor, "register")
    visitor.get_by_role("link", name="Do people in deprived areas fall ill earlier?").click()
    walk.shot(visitor, "register-entry")
    text = visitor.locator("main").inner_text()
    for expected in ("University of Middleshire", "opted out", "Article 6(1)(e)", "Research centre"):
        assert expected in text
    assert "Amara" not in text, "people appear as their organisations"
    visitor.get_by_role("link", name="Age at first diagnosis by deprivation").click()
    walk.shot(visitor, "register-result")
    drawn = visitor.evaluate("[...document.images].map(image => image.complete && image.naturalWidth)")
    assert drawn and all(drawn), "the chart is drawn"
    assert visitor.locator("table").count() >= 1

    auditor = walk.person("joan")
    auditor.goto("/audit/")
    walk.shot(auditor, "audit")
    assert "The chain is whole" in auditor.locator("main").inner_text()
    administrator = walk.person("sam")
    administrator.goto("/people/")
    walk.shot(administrator, "people")
    administrator.goto("/account/2fa/")
    walk.shot(administrator, "account")

    assert walk.problems == [], walk.problems
    assert site.audit.verify() == []
    assert {entry.event for entry in site.audit.entries()} >= {"application.approved", "airlock.released"}
    assert (site.register / "entries" / f"{slug}.json").is_file()


WIDE, NARROW = 1280, 320
PEOPLE = (
    "amara", "rosa", "idris", "gwen", "pearl", "mei", "priya", "clara", "joan", "sam",
)  # fmt: skip
AWAY = ("/account/logout/", "/api/", "/account/3rdparty/")


def _links(page: Any, address: str) -> list[str]:
    """The addresses of this portal that a page leads to, without what is asked of them."""
    found = page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
    inside = {link.split("#")[0].split("?")[0] for link in found if link.startswith(address)}
    return sorted(link.removeprefix(address) for link in inside)


def _page(path: str) -> str | None:
    """The name of the page behind an address; None where there is nothing to look at, such as a file."""
    from django.urls import Resolver404, resolve

    if path.startswith(AWAY) or "." in path.rsplit("/", 1)[-1]:
        return None
    try:
        return resolve(path).view_name
    except Resolver404:
        return None


def test_every_page_of_every_role_is_accessible_wide_and_narrow(served: tuple[str, Site], walk: Any) -> None:
    """From the home page, whatever a link leads to: each kind of page once, by axe, on 1280 and on 320 pixels.

    What the journey above left behind is there to be seen: an application, a project, results.
    """
    address, _ = served
    seen: set[str] = set()
    faults: list[str] = []
    for who in ("", *PEOPLE):
        page = walk.person(who) if who else walk.visitor()
        waiting = ["/", "/tasks/"] if who else ["/"]
        known = set(waiting)
        visited: set[str] = set()
        while waiting:
            path = waiting.pop(0)
            name = _page(path)
            if name is None or (name in visited and name in seen):
                continue
            visited.add(name)
            answer = page.goto(path)
            if answer.status >= 400:
                faults.append(f"{who} {path}: {answer.status}")
                continue
            if not page.url.startswith(address + path):
                continue  # led on to somewhere else, which is looked at by its own address
            if name not in seen:
                seen.add(name)
                for width in (WIDE, NARROW):
                    page.set_viewport_size({"width": width, "height": 900})
                    try:
                        walk.accessible(page)
                        walk.shot(page, f"{name.replace(':', '-')}-{width}")
                    except AssertionError as fault:
                        faults.append(f"{path} at {width}: {fault}")
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > NARROW:
                    faults.append(f"{path} is {wide} wide on {NARROW}")
                page.set_viewport_size({"width": WIDE, "height": 900})
            new = [link for link in _links(page, address) if link not in known]
            known.update(new)
            waiting += new
    assert faults == [], "\n".join(faults)
    assert len(seen) > 40, sorted(seen)
