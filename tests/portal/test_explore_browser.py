"""Explore in a real browser: a cohort built by keyboard alone, and without JavaScript on a narrow screen."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NARROW = 320


def tab_to(page: Any, name: str, role: str = "button") -> None:
    """Press Tab until that control has the focus: it can be reached by keyboard."""
    target = page.locator("main").get_by_role(role, name=name, exact=True)
    for _ in range(80):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} can't be reached by keyboard")


def check_page(walk: Any, page: Any) -> None:
    """Every field has its label, ids are there once, headings don't skip a level; axe finds nothing; it fits."""
    walk.accessible(page)
    page.set_viewport_size({"width": NARROW, "height": 900})
    wide = page.evaluate("document.querySelector('main').scrollWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= NARROW, (page.url, wide)
    problems = page.evaluate(
        """() => {
          const found = [];
          for (const one of document.querySelectorAll('main input:not([type=hidden]), main select, main textarea'))
            if (!one.labels?.length && !one.getAttribute('aria-label')) found.push('no label: ' + one.id);
          const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
          for (const id of new Set(ids)) if (ids.filter(one => one === id).length > 1) found.push('twice: ' + id);
          let last = 0;
          for (const one of document.querySelectorAll('main h1, main h2, main h3, main h4')) {
            const level = Number(one.tagName[1]);
            if (last && level > last + 1) found.push('heading skips: ' + one.textContent);
            last = level;
          }
          for (const one of document.querySelectorAll('main button, main a'))
            if (!one.textContent.trim() && !one.getAttribute('aria-label')) found.push('no name: ' + one.outerHTML);
          return found;
        }"""
    )
    assert problems == [], (page.url, problems)


def wait_for_count(page: Any) -> None:
    """Wait for the table of who is left; say what stands there where none comes."""
    try:
        page.locator("#count table").wait_for(timeout=60_000)
    except Exception as error:
        raise AssertionError((page.url, page.locator("main").inner_text())) from error


def test_a_cohort_is_built_by_keyboard(served: tuple[str, Site], walk: Any) -> None:
    page = walk.person("amara")
    page.goto("/explore/")
    walk.shot(page, "explore")
    page.goto("/explore/search/?q=diabetes")
    walk.shot(page, "search")
    check_page(walk, page)
    page.goto("/explore/new/")
    page.locator("#title").focus()
    page.keyboard.type("Diabetes and high blood pressure")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1. Concept sets").wait_for()
    walk.shot(page, "empty")
    address = page.url.split("#")[0]

    for name, query in (("Diabetes", "diabetes"), ("High blood pressure", "high blood pressure")):
        page.locator("#set_name").focus()
        page.keyboard.type(name)
        tab_to(page, "Add a concept set")
        page.keyboard.press("Enter")
        page.locator("#q").focus()
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        page.locator("#concept-1").focus()
        page.keyboard.press("Space")
        walk.shot(page, f"concepts-{query.split()[0]}")
        check_page(walk, page)
        tab_to(page, "Add what is ticked")
        page.keyboard.press("Enter")
        page.locator("main li", has_text="below it").first.wait_for()
        page.goto(address)

    tab_to(page, "Add an event")
    page.keyboard.press("Enter")
    page.locator("#set").select_option(label="Diabetes")
    page.locator("#first").check()
    walk.shot(page, "event")
    check_page(walk, page)
    page.locator("main").get_by_role("button", name="Add it").press("Enter")
    page.locator("#count h2", has_text="people").filter(has_not_text="How many").wait_for(timeout=60_000)
    walk.shot(page, "counted-by-itself")

    page.locator("summary", has_text="Add a rule about age and sex").press("Enter")
    page.fill("#who_age_from", "40")
    page.locator("#who_age_from").press("Enter")
    page.locator("summary", has_text="Add a rule about events").press("Enter")
    page.fill("#rule_name", "High blood pressure too")
    page.locator("#rule_name").press("Enter")
    page.get_by_role("link", name="Add a condition to rule 2").press("Enter")
    page.locator("#set").select_option(label="High blood pressure")
    walk.shot(page, "condition")
    check_page(walk, page)
    page.locator("main").get_by_role("button", name="Add it").press("Enter")
    wait_for_count(page)
    assert page.locator("#count tbody tr").count() == 3
    walk.shot(page, "attrition")
    check_page(walk, page)

    nested(walk, page, address)
    page.locator("main").get_by_role("button", name="Save a version").press("Enter")
    page.get_by_role("link", name="Read it in plain English").press("Enter")
    walk.shot(page, "plain-english")
    check_page(walk, page)
    page.goto(address + "library/")
    check_page(walk, page)
    page.locator("#name").fill("diabetes-and-pressure")
    page.locator("#name").press("Enter")
    page.get_by_role("heading", name="Versions").wait_for()
    walk.shot(page, "library-entry")
    check_page(walk, page)
    page.goto(address + "more/")
    page.locator("main").get_by_role("button", name="Ask").first.press("Enter")
    page.locator("main table").wait_for(timeout=60_000)
    walk.shot(page, "by-sex")
    check_page(walk, page)
    for path in ("/explore/library/", address + "share/", address + "attach/"):
        page.goto(path)
        check_page(walk, page)
    assert walk.problems == [], walk.problems
    assert served[1].audit.verify() == []


def nested(walk: Any, page: Any, address: str) -> None:
    """A group in a rule, a test of an event, what stands around it, additional criteria, a leaving event."""
    tab_to(page, "Add a group to rule 2")
    page.keyboard.press("Enter")
    page.locator("#how").select_option("AT_LEAST")
    page.fill("#how_many", "1")
    walk.shot(page, "group")
    check_page(walk, page)
    with page.expect_navigation():
        page.locator("#how_many").press("Enter")
    page.goto(address + "part/rule-1-group-0/")
    tab_to(page, "Add a condition to this group", "link")
    page.keyboard.press("Enter")
    page.locator("#kind").select_option("Measurement")
    page.locator("#any_code").check()
    page.locator("#more").check()
    page.locator("main").get_by_role("button", name="Add it").press("Enter")
    page.locator("#attribute").select_option("ValueAsNumber")
    page.locator("main").get_by_role("button", name="Continue").press("Enter")
    page.locator("#op").select_option("gt")
    page.fill("#value", "7.5")
    page.locator("#value").press("Enter")
    assert "Ask for its unit first" in page.locator(".nhsuk-error-summary").inner_text()
    check_page(walk, page)
    page.locator("#any_unit").check()
    page.locator("main").get_by_role("button", name="Save").press("Enter")
    page.locator(".lg-main", has_text="Value is more than 7.5").wait_for()
    walk.shot(page, "event-in-a-group")
    check_page(walk, page)
    tab_to(page, "Add what stands around it")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What stands around the event").wait_for()
    page.goto(address)
    tab_to(page, "Add additional criteria of these events")
    page.keyboard.press("Enter")
    tab_to(page, "Add a test of the person to the additional criteria")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Who the person is").wait_for()
    check_page(walk, page)
    page.goto(address + "part/censor-new/")
    page.locator("#kind").select_option("Death")
    page.locator("#kind").press("Tab")
    page.locator("main").get_by_role("button", name="Add it").press("Enter")
    wait_for_count(page)
    walk.shot(page, "nested")
    check_page(walk, page)


def test_other_pages_are_accessible_and_fit(served: tuple[str, Site], walk: Any) -> None:
    """What two people decide, and the public pages about the data."""
    from lockgate.catalogue import build_catalogue, list_abouts, publish_about

    site = served[1]
    if not list_abouts(site):
        build_catalogue(site, actor="test")
        publish_about(site, actor="test")
    visitor = walk.visitor()
    about = "/catalogue/latest/about/"
    for path in ("/catalogue/", "/catalogue/latest/", about, about + "people/", "/catalogue/latest/quality/"):
        visitor.goto(path)
        walk.shot(visitor, path.strip("/").replace("/", "-"))
        check_page(walk, visitor)
    for username, paths in {
        "rosa": ("/safety/", "/safety/who/new/", "/safety/risk/new/"),
        "joan": ("/safety/",),
    }.items():
        page = walk.person(username)
        for path in paths:
            page.goto(path)
            walk.shot(page, f"{username}{path.replace('/', '-')}")
            check_page(walk, page)
    assert walk.problems == [], walk.problems


def test_it_works_without_javascript_on_a_narrow_screen(served: tuple[str, Site], walk: Any) -> None:
    page = walk.visitor(javascript=False, width=NARROW)
    page.goto("/sign-in/")
    page.fill("#id_login", "tomasz")
    page.fill("#id_password", "tomasz-opens-the-lock")
    with page.expect_navigation():
        page.locator("#id_password").press("Enter")
    page.goto("/explore/new/")
    page.fill("#title", "Everybody who visited")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Add an event", exact=True).click()
    page.locator("#kind").select_option("VisitOccurrence")
    page.get_by_role("button", name="Add it").click()
    assert "Choose a concept set" in page.locator(".nhsuk-error-summary").inner_text()
    walk.shot(page, "narrow-error")
    page.get_by_label("Any code counts").check()
    page.get_by_role("button", name="Add it").click()
    count = page.get_by_role("button", name="Count the people")
    if count.count():  # a site that is used again has the answer in its ledger
        count.click()
    assert page.locator("#count h2").inner_text().endswith(" people")
    walk.shot(page, "narrow-counted")
    for path in (page.url, "/explore/", "/explore/search/?q=blood+pressure"):
        page.goto(path)
        assert walk.overflow(page, NARROW) <= NARROW, path
    assert walk.problems == [], walk.problems
