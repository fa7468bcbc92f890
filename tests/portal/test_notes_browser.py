"""A sample of notes is read in a browser: by keyboard, without JavaScript, on a narrow screen, fields labelled."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.site import Site

pytestmark = pytest.mark.browser
UNNAMED = """() => [...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]
    .filter(field => !field.labels.length || !field.labels[0].textContent.trim()).length"""


def test_a_note_is_read_and_marked_by_keyboard_without_javascript(
    served: tuple[str, Site], walk: Any
) -> None:
    page = walk.person("clara", javascript=False)
    page.goto("/notes/")
    if page.get_by_role("button", name="Draw the sample").count():
        page.get_by_label("Leak rate of all notes").fill("20")
        page.get_by_label("Leak rate of each type").fill("40")
        page.get_by_role("button", name="Draw the sample").focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
    walk.shot(page, "notes")
    page.get_by_role("button", name="Read the next note").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/notes/*/*/")
    walk.shot(page, "note")
    assert page.evaluate(UNNAMED) == 0
    page.set_viewport_size({"width": 360, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    first = page.url
    word = page.locator("pre").inner_text().split()[0]
    page.locator("#words-1").focus()
    page.keyboard.type(word)
    page.keyboard.press("Tab")
    page.keyboard.type("Na")  # a select answers to the first letters of its choice
    page.get_by_role("button", name="Keep these misses").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    page.get_by_role("button", name="Nothing was missed").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto("/notes/")
    assert page.get_by_text("Withheld since a reader found something").count() == 1
    assert page.get_by_role("button", name="Let it in again").count() == 1
    walk.shot(page, "notes-after")
    assert walk.problems == []
