"""A notebook in a real browser: a researcher's, shut to others, without a network, and gone when access ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from lockgate.site import Site
from lockgate.workspace.notebooks import environment

pytestmark = [pytest.mark.browser, pytest.mark.sandbox, pytest.mark.slow]

LOCKGATE = [sys.executable, "-c", "from lockgate.cli import main; main()"]
QUERY = (
    "import duckdb; n = duckdb.sql(\"SELECT count(*) FROM '/data/person.parquet'\").fetchall()[0][0]; "
    "print('people' if n > 100 else 'nobody', n * 0 + 7 * 6)"
)
CALL = (
    "import urllib.request as u\n"
    "try: u.urlopen('http://{}/', timeout=3); print('rea' + 'ched')\n"
    "except OSError as error: print('no way ' + 'out', type(error).__name__)"
)


def lockgate(site: Site, *words: str) -> dict[str, Any]:
    """A command's JSON; it must succeed."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [*LOCKGATE, "--site", str(site.path), "--json", *words],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def project(
    served: tuple[str, Site], answers: dict[str, Any], tmp_path: Path, require: Callable[[bool, str], None]
) -> str:
    """An approved project of Amara's on the served site."""
    missing = environment.missing(environment.default_folder())
    require(not missing, missing or "JupyterLab's environment")
    site = served[1]
    answers |= {"people": [{"username": "tomasz", "role": "Statistician"}], "period_from": "1950-01-01"}
    answers["title"] = "Counting people in a notebook"
    file = tmp_path / "application.json"
    file.write_text(json.dumps({"schema": "lockgate.application/1", "kind": "research", "answers": answers}))
    made = lockgate(site, "portal", "apply", str(file), "--as", "amara", "--submit")
    for username in ("rosa", "idris"):
        lockgate(site, "portal", "decide", made["reference"], "approve", "--as", username)
    return str(made["reference"]).lower()


def status(address: str, **headers: str) -> int:
    """What a request from outside the browser is answered with. Only browsers know every name below localhost."""
    parts = urlsplit(address)
    told = {"Host": parts.netloc} | {name.replace("_", "-"): text for name, text in headers.items()}
    here = urlunsplit(parts._replace(netloc=f"127.0.0.1:{parts.port}"))
    try:
        return int(urllib.request.urlopen(urllib.request.Request(here, headers=told), timeout=10).status)
    except urllib.error.HTTPError as error:
        return error.code


def open_notebook(walk: Any, slug: str) -> Any:
    """Amara goes from her project to JupyterLab; the frame it shows in."""
    page = walk.person("amara")
    for _ in range(90):
        page.goto(f"/projects/{slug}/")
        if page.locator("main").get_by_role("button", name="Notebook").count():
            break
        time.sleep(1)
    page.locator("main").get_by_role("button", name="Notebook").click()
    for _ in range(60):  # their service starts beside the pages, a little later
        if page.get_by_role("button", name="Start a notebook").count():
            break
        time.sleep(1)
        page.reload()
    walk.shot(page, "notebook-before")
    walk.accessible(page)
    assert walk.overflow(page, 320) <= 320
    page.get_by_role("button", name="Start a notebook").click()
    page.get_by_role("button", name="Go to the notebook").wait_for(timeout=120_000)
    walk.shot(page, "notebook-open")
    page.get_by_role("button", name="Go to the notebook").click()
    return page.frame_locator("iframe")


def run_cell(page: Any, lab: Any, code: str, expected: str) -> None:
    """Type code into the selected cell and run it; wait for what it prints."""
    lab.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
    lab.locator(".jp-Notebook .jp-Cell .cm-content").last.click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    lab.locator(".jp-OutputArea-output", has_text=expected).first.wait_for(timeout=60_000)


def test_a_researcher_works_in_a_notebook_and_nobody_else(
    served: tuple[str, Site], walk: Any, project: str
) -> None:
    address, site = served
    lab = open_notebook(walk, project)
    page = walk.person("amara")
    lab.locator(".jp-LauncherCard[data-category='Notebook']").first.click(timeout=90_000)
    run_cell(page, lab, QUERY, "people 42")
    run_cell(page, lab, CALL.format(address.removeprefix("http://")), "no way out")
    walk.shot(page, "notebook-cell")
    page.keyboard.press("Control+s")

    frame = next(one for one in page.frames if ".localhost" in one.url)
    origin = frame.url.partition("/lab")[0]
    ask = "path => fetch(path).then(answer => answer.status)"
    assert frame.evaluate(ask, "/api/contents") == 200
    for shut in (
        "/files/Untitled.ipynb",
        "/nbconvert/html/Untitled.ipynb",
        "/api/terminals",
        "/lab/api/extensions",
    ):
        assert frame.evaluate(ask, shut) == 403, shut
    upload = "body => fetch('/api/contents/a.bin', {method: 'PUT', body}).then(answer => answer.status)"
    assert frame.evaluate(upload, json.dumps({"type": "file", "format": "base64", "content": "AAAA"})) == 403
    gone = "() => fetch('%s/health/').then(() => 'reached', () => 'stopped')"
    assert frame.evaluate(gone % address) == "stopped", "scripts of a notebook speak with nothing else"
    assert frame.evaluate("() => { try { return parent.document.title } catch { return 'shut' } }") == "shut"
    assert frame.evaluate("() => document.cookie") == ""

    # Others: no cookie, a made-up one, from the notebook's address itself, another account, another member.
    assert status(f"{origin}/lab", Sec_Fetch_Dest="iframe") == 403
    assert status(f"{origin}/api/contents", Cookie="lockgate-notebook=made-up") == 403
    assert status(f"{origin}/-/enter?ticket=made-up", Sec_Fetch_Dest="iframe") == 403
    stranger = walk.person("mei")
    assert stranger.goto(f"/notebooks/of/{project}/").status == 404
    assert walk.person("tomasz").goto(f"/notebooks/of/{project}/").status == 200
    assert walk.person("tomasz").get_by_role("button", name="Go to the notebook").count() == 0
    open_now = lockgate(site, "notebook", "list")["notebooks"]
    assert [(one["person"], one["state"]) for one in open_now] == [("amara", "running")]

    # Access ends: the notebook ends with it, within a minute.
    cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "lockgate-notebook")
    assert status(f"{origin}/api/contents", Cookie=f"lockgate-notebook={cookie}") == 200
    lockgate(site, "scope", "revoke", f"{project}-v1", "--reason", "a test")
    revoked = time.monotonic()
    while lockgate(site, "notebook", "list")["notebooks"]:
        assert time.monotonic() - revoked < 60
        time.sleep(1)
    assert status(f"{origin}/api/contents", Cookie=f"lockgate-notebook={cookie}") == 403
    page.goto(f"/notebooks/of/{project}/")
    walk.shot(page, "notebook-stopped")
    assert "revoked" in page.locator("main").inner_text()

    kept = site.projects / project / "notebooks" / "amara"
    assert [path.name for path in kept.rglob("*")] == ["Untitled.ipynb"]
    assert not [path for path in (site.path / ".notebooks").iterdir() if path.is_dir()]
    events = [entry.event for entry in site.audit.entries()]
    for event in ("notebook.asked", "notebook.started", "notebook.opened", "notebook.stopped"):
        assert event in events
