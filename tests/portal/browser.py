"""A browser for the portal's tests, and the portal served for it on a site built by the real rooms."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.site import Site

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = Path(__file__).resolve().parents[2] / "test-artifacts" / "screens"
LOCKGATE = [sys.executable, "-c", "from lockgate.cli import main; main()"]
PATIENTS = 400
QUICKER = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _build_site(folder: Path) -> Site:
    from lockgate.capture import capture_fhir, capture_tables
    from lockgate.curate import build_release
    from lockgate.synthetic import generate

    hospital = folder / "hospital"
    generate(hospital, PATIENTS, 7)
    site = Site.init(folder / "site", name="Lockgate Demonstration Hospital", ods_code="RXX", demo=True)
    capture_fhir(site, hospital / "fhir", actor="test")
    capture_tables(site, hospital / "tables", actor="test")
    build_release(site, actor="test")
    port = _free_port()
    with (site.path / "site.toml").open("a") as stream:
        stream.write(f'\n[notebooks]\nurl = "http://{{project}}.localhost:{port}"\nport = {port}\n')
    return Site.open(site.path)


@pytest.fixture(scope="session")
def browser_component() -> None:
    """Chromium and what drives it, or a skip (a failure where CI demands every component)."""
    from importlib.util import find_spec

    missing = [
        name
        for name, there in (("Chromium", CHROMIUM.exists()), ("playwright", bool(find_spec("playwright"))))
        if not there
    ]
    if missing:
        text = f"{' and '.join(missing)} missing on this machine"
        if os.environ.get("LOCKGATE_REQUIRE_COMPONENTS") == "1":
            pytest.fail(text)
        pytest.skip(text)


@pytest.fixture(scope="session")
def served(browser_component: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Site]]:
    """The address of a portal that is being served, and its site."""
    given = os.environ.get("LOCKGATE_BROWSER_SITE")
    site = Site.open(given) if given else _build_site(tmp_path_factory.mktemp("browser"))
    made = subprocess.run(
        [*LOCKGATE, "--site", str(site.path), "portal", "demo-accounts"],
        capture_output=True,
        text=True,
        check=False,
        env=QUICKER,
    )
    assert made.returncode == 0, made.stderr
    port = _free_port()
    log = (site.path.parent / "serve.log").open("w")
    server = subprocess.Popen(
        [*LOCKGATE, "--site", str(site.path), "serve", "--port", str(port)],
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=QUICKER,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, (site.path.parent / "serve.log").read_text()
            try:
                if urllib.request.urlopen(f"{address}/health/", timeout=2).status == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield address, site
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)
        log.close()


@pytest.fixture
def chromium(browser_component: None, tmp_path: Path) -> Iterator[Any]:
    """A Chromium with an empty profile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


class Walk:
    """One walk through the portal: a browser context for each person, a numbered screenshot of each page."""

    def __init__(self, browser: Any, address: str, screens: Path) -> None:
        self.browser, self.address, self.screens = browser, address, screens
        self.pages: dict[str, Any] = {}
        self.problems: list[str] = []
        self.count = 0
        shutil.rmtree(screens, ignore_errors=True)
        screens.mkdir(parents=True)

    def visitor(self, *, javascript: bool = True, width: int = 1280) -> Any:
        """A page of somebody who hasn't signed in."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, base_url=self.address, java_script_enabled=javascript
        )
        page = context.new_page()
        page.on("console", lambda message: self._heard(page, message))
        page.on("response", lambda answer: self._answered(answer))
        return page

    def person(self, username: str, *, javascript: bool = True) -> Any:
        """The page of somebody who has signed in, by keyboard alone."""
        if username not in self.pages:
            page = self.visitor(javascript=javascript)
            page.goto("/sign-in/")
            page.locator("#id_login").focus()
            page.keyboard.type(username)
            page.keyboard.press("Tab")
            page.keyboard.type(f"{username}-opens-the-lock")
            page.keyboard.press("Enter")
            page.wait_for_url("**/tasks/")
            self.pages[username] = page
        return self.pages[username]

    def shot(self, page: Any, name: str) -> None:
        """Keep a picture of the page, and see that it holds together."""
        self.count += 1
        page.screenshot(path=str(self.screens / f"{self.count:02d}-{name}.png"), full_page=True)
        assert page.locator("h1").count() == 1, f"{name}: one heading of the first level"
        assert page.title().strip(), name

    def accessible(self, page: Any) -> None:
        """Hold the page to axe-core's rules of WCAG 2.2 A and AA, and to its best practice."""
        from axe_playwright_python.sync_playwright import Axe

        rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = Axe().run(page, options={"runOnly": rules}).response["violations"]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert told == [], (page.url, told)

    def overflow(self, page: Any, width: int) -> int:
        """How wide a page is when it is drawn on a screen of that width, scripts or none."""
        drawn = self.browser.new_page(viewport={"width": width, "height": 900})
        drawn.set_content(page.content().replace("<head>", f'<head><base href="{self.address}/">'))
        drawn.wait_for_load_state("networkidle")
        found = int(drawn.evaluate("document.documentElement.scrollWidth"))
        drawn.close()
        return found

    def _heard(self, page: Any, message: Any) -> None:
        if (
            message.type == "error" and "status of 400" not in message.text
        ):  # a form sent back with its errors
            self.problems.append(f"{page.url}: {message.text}")

    def _answered(self, answer: Any) -> None:
        if answer.status >= 500:
            self.problems.append(f"{answer.url}: {answer.status}")


@pytest.fixture
def walk(served: tuple[str, Site], chromium: Any, request: pytest.FixtureRequest) -> Walk:
    """A walk through the served portal; its screenshots stand in a folder of the test's name."""
    return Walk(chromium, served[0], SCREENS / request.node.name)
