"""Run as a program: fill a portal and write who comes; or, with ``ask``, be 200 people at once and print what it took.

The people are a mix: half read (some sign in with a password first), three tenths write applications and hand them in,
a tenth decide, a tenth count cohorts, and all read in between. Each is a thread of a client process of its own.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lockgate.site import Site

ROUNDS = 3
READ = ("/tasks/", "/applications/", "/register/", "/projects/", "/explore/", "/catalogue/", "/notices/")
# of every ten people five read (two of them sign in first), three apply, one counts, one decides
_PARTS = ("sign in", "apply", "read", "count", "read", "apply", "sign in", "decide", "read", "apply")
_PASSWORD = "one-of-the-crowd"  # noqa: S105 - of invented people


def fill(path: str, people: int) -> None:
    """Make accounts, sessions, applications to decide and cohorts to count; print each person's part as JSON."""
    from lockgate.portal import setup

    _release(Site.open(path))
    setup(Site.open(path))
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from lockgate.bench.portal_pages import dated
    from lockgate.portal.accounts.models import User
    from lockgate.portal.accounts.services import create_user
    from lockgate.portal.applications import services
    from lockgate.portal.explore import services as explore

    store = import_module(settings.SESSION_ENGINE).SessionStore
    content = json.loads(dated((Path(__file__).parent.parent / "demo" / "application.json").read_bytes()))
    answers = content["answers"] | {"people": []}
    first = create_user("first", name="First", roles=["applicant"], actor="bench")
    decided = []
    for _ in range(people // 20 + 1):  # each is decided by two people: the second approval prepares a project
        file = json.dumps({**content, "answers": answers}).encode()
        application = services.import_file(first, file, where="application.json")
        services.submit(first, application)
        decided.append(application.reference)

    def session_of(user: User) -> str:
        session = store()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        return str(session.session_key)

    told = []
    for number in range(people):
        part = _PARTS[number % 10]
        role = (
            ("research_centre", "data_protection_office")[number // 10 % 2]
            if part == "decide"
            else "applicant"
        )
        password = _PASSWORD if part == "sign in" else None
        user = create_user(
            f"p{number}", name=f"Person {number}", roles=[role], password=password, actor="bench"
        )
        thing: Any = answers if part == "apply" else decided[number // 20] if part == "decide" else ""
        if part == "count":
            thing = str(explore.import_text(user, "Count", json.dumps(_cohort(number)).encode())[0].key)
        session = "" if password else session_of(user)
        told.append(
            {"part": part, "name": user.username, "password": password, "session": session, "thing": thing}
        )
    cookies = {"session": settings.SESSION_COOKIE_NAME, "csrf": settings.CSRF_COOKIE_NAME}
    print(json.dumps({"cookies": cookies, "people": told}))


def _cohort(number: int) -> dict[str, Any]:
    """People with a condition; one of twenty years, so that people ask the same and others something else."""
    old = {"Value": 30 + number % 20, "Op": "gte"}
    concept = {"CONCEPT_ID": 1, "CONCEPT_NAME": "A condition", "STANDARD_CONCEPT": "S"}
    return {
        "ConceptSets": [
            {
                "id": 0,
                "name": "It",
                "expression": {"items": [{"concept": concept, "includeDescendants": False}]},
            }
        ],
        "PrimaryCriteria": {
            "CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0, "Age": old}}],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": "All"},
        },
        "QualifiedLimit": {"Type": "First"},
        "ExpressionLimit": {"Type": "All"},
        "InclusionRules": [],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 0},
    }


def _release(site: Site) -> None:
    """A release of 20,000 invented people with a condition each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lockgate.schema import OMOP, RELEASE
    from lockgate.site.files import make_dir
    from lockgate.terminology.demo.tables import demo_tables

    folder = make_dir(site.releases / "2026.1" / "omop")
    people = list(range(1, 20_001))
    rows: dict[str, dict[str, list[Any]]] = {
        "person": {
            "person_id": people, "gender_concept_id": [8507 + 25 * (n % 2) for n in people],
            "year_of_birth": [1930 + n % 80 for n in people],
        },
        "observation_period": {
            "observation_period_id": people, "person_id": people,
            "observation_period_start_date": [date(2010, 1, 1)] * len(people),
            "observation_period_end_date": [date(2025, 12, 31)] * len(people),
        },
        "condition_occurrence": {
            "condition_occurrence_id": people, "person_id": people, "condition_concept_id": [1] * len(people),
            "condition_start_date": [date(2020, 1 + n % 12, 1) for n in people],
        },
    }  # fmt: skip
    types = {"BIGINT": pa.int64(), "DATE": pa.date32(), "VARCHAR": pa.string(), "INTEGER": pa.int64()}
    for name, values in rows.items():
        columns = {column.name: types[column.type] for column in OMOP[name] if column.type in types}
        table = {key: pa.array(values.get(key, [None] * len(people)), kind) for key, kind in columns.items()}
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    for name, content in demo_tables().items():
        pq.write_table(content, folder / f"{name}.parquet")
    listed: dict[str, dict[str, str]] = {name: {} for name in RELEASE}
    listed |= {name: {"file": f"omop/{name}.parquet"} for name in [*rows, *demo_tables()]}
    (folder.parent / "manifest.json").write_text(json.dumps({"tables": listed}))


class Someone(threading.Thread):
    """One person at their own address: asks, and keeps what each answer was and took."""

    def __init__(
        self, number: int, port: int, told: dict[str, Any], cookies: dict[str, str], pause: float
    ) -> None:
        super().__init__(daemon=True)
        self.port, self.told, self.pause = port, told, pause
        self.names, self.cookies = cookies, {cookies["csrf"]: "a" * 32}
        if told["session"]:
            self.cookies[cookies["session"]] = told["session"]
        self.address = f"10.20.{number // 250}.{number % 250 + 1}"
        self.chance = random.Random(number)  # noqa: S311 - for pauses
        self.answers: list[tuple[str, int, int, float]] = []

    def run(self) -> None:
        """Sign in where there is no session yet, then do one's part, reading in between."""
        self.wait()
        if self.told["password"]:
            self.sign_in()
        part, thing = self.told["part"], self.told["thing"]
        for turn in range(ROUNDS):
            if part == "apply":
                self.apply(thing)
            elif part == "decide" and turn == 0:
                self.ask("see what is to decide", "GET", f"/applications/{thing}/decide/")
                self.ask("decide", "POST", f"/api/applications/{thing}/decisions", {"decision": "approve"})
            elif part == "count":
                self.ask("count", "POST", f"/api/explore/cohorts/{thing}/count", {})
            for path in (READ[turn % len(READ)], READ[(turn + 3) % len(READ)]):
                self.ask("read", "GET", path)

    def apply(self, answers: dict[str, Any]) -> None:
        """One application: begun, a section and the whole of it read, handed in."""
        made = self.ask("apply", "POST", "/api/applications", {"kind": "research", "answers": answers}, 201)
        reference = json.loads(made)["reference"] if made else "none"
        self.ask("read", "GET", f"/applications/{reference}/section/data/")
        self.ask("read", "GET", f"/applications/{reference}/check/")
        self.ask("hand in", "POST", f"/api/applications/{reference}/submit", {"declare": True})

    def sign_in(self) -> None:
        """By the page, with a password."""
        page = self.ask("read", "GET", "/account/login/").decode()
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"login": self.told["name"], "password": self.told["password"], "csrfmiddlewaretoken": token}
        self.ask("sign in", "POST", "/account/login/", urlencode(form), 302)

    def wait(self) -> None:
        """Look at a page, or think: a random time around the pause."""
        time.sleep(self.chance.uniform(0.0, 2 * self.pause))

    def ask(self, what: str, method: str, path: str, body: Any = None, expected: int = 200) -> bytes:
        """Ask once, keep what it took, and pause; the answer, empty where it was not the expected one."""
        began, status, content = time.perf_counter(), 0, b""
        form = isinstance(body, str)
        headers = {
            "Host": "localhost", "Origin": "https://localhost", "Referer": "https://localhost/",
            "X-Forwarded-For": self.address, "X-Forwarded-Proto": "https", "X-CSRFToken": "a" * 32,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        }  # fmt: skip
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            connection.request(method, path, body if form or body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content, status = answer.read(), answer.status
            for line in answer.msg.get_all("Set-Cookie") or []:
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            connection.close()
        except (OSError, http.client.HTTPException):
            status = 0
        self.answers.append((what, status, expected, time.perf_counter() - began))
        self.wait()
        return content if status == expected else b""


def ask(port: int, file: str, pause: float) -> None:
    """Be all of them at once; print every answer: what, status, status expected, seconds."""
    told = json.loads(Path(file).read_text())
    people = [Someone(number, port, one, told["cookies"], pause) for number, one in enumerate(told["people"])]
    for one in people:
        one.start()
    for one in people:
        one.join()
    print(json.dumps([answer for one in people for answer in one.answers]))


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(sys.argv[2], int(sys.argv[3]))
    else:
        ask(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
