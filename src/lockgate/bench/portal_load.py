"""Run as a program: fill a portal and write who comes; or, with ``ask``, be 200 people at once and print what it took.

The people are a mix: half read, a quarter write applications and hand them in, a tenth decide, the rest count cohorts.
Each is a thread of a client process of its own; the portal is ``lockgate serve``, as a hospital runs it.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

from lockgate.site import Site

ROUNDS = 3
_READ = ("/tasks/", "/applications/", "/register/", "/projects/", "/explore/", "/catalogue/", "/notices/")


def fill(path: str, people: int) -> None:
    """Make accounts with sessions, applications to decide and cohorts to count; print each person's part as JSON."""
    from lockgate.portal import setup

    _release(Site.open(path))
    setup(Site.open(path))
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from lockgate.bench.portal_pages import _dated
    from lockgate.portal.accounts.services import create_user
    from lockgate.portal.applications import services
    from lockgate.portal.explore import services as explore

    store = import_module(settings.SESSION_ENGINE).SessionStore
    content = _dated((Path(__file__).parent.parent / "demo" / "application.json").read_bytes())
    answers = json.loads(content)["answers"] | {"people": []}
    first = create_user("first", name="First", roles=["applicant"], actor="bench")
    waiting = []
    for _ in range(people // 10):
        file = json.dumps({**json.loads(content), "answers": answers})
        application = services.import_file(first, file, where="application.json")
        services.submit(first, application)
        waiting.append(application.reference)
    told = []
    for number in range(people):
        part = ("read", "apply", "read", "count", "read", "apply", "read", "decide", "read", "apply")[
            number % 10
        ]
        part = "count" if number % 20 == 9 else part
        role = "research_centre" if part == "decide" else "applicant"
        user = create_user(f"p{number}", name=f"Person {number}", roles=[role], actor="bench")
        session = store()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        thing: Any = ""
        if part == "count":
            thing = str(explore.import_text(user, "Count", json.dumps(_cohort(number)).encode())[0].key)
        if part == "apply":
            thing = answers
        if part == "decide":
            thing = waiting.pop()
        told.append({"part": part, "session": session.session_key, "thing": thing})
    print(json.dumps({"cookie": settings.SESSION_COOKIE_NAME, "people": told}))


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
    """One person with a session: asks, and keeps what each answer was and took."""

    def __init__(self, port: int, cookie: str, told: dict[str, Any], start: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self.port, self.told, self.gate = port, told, start
        self.cookies = f"{cookie}={told['session']}; csrftoken={'a' * 32}"
        self.answers: list[tuple[str, int, float]] = []

    def run(self) -> None:
        """Come with all others, and do one's part."""
        self.gate.wait()
        for turn in range(ROUNDS):
            part, thing = self.told["part"], self.told["thing"]
            if part == "apply":
                made = self.ask("POST", "/api/applications", {"kind": "research", "answers": thing}, 201)
                if made:
                    self.ask("POST", f"/api/applications/{made['reference']}/submit", {"declare": True})
            elif part == "decide" and turn == 0:
                self.ask("GET", f"/applications/{thing}/decide/")
                self.ask("POST", f"/api/applications/{thing}/decisions", {"decision": "approve"})
            elif part == "count":
                self.ask("POST", f"/api/explore/cohorts/{thing}/count", {})
            for path in (_READ[turn % len(_READ)], _READ[(turn + 3) % len(_READ)]):
                self.ask("GET", path)

    def ask(self, method: str, path: str, body: Any = None, expected: int = 200) -> Any:
        """Ask once and keep what it took; the answer as JSON where it is some."""
        began, status, told = time.perf_counter(), 0, None
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            headers = {"Cookie": self.cookies, "X-CSRFToken": "a" * 32, "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content, status = answer.read(), answer.status
            if status == expected and path.startswith("/api/"):
                told = json.loads(content)
            connection.close()
        except (OSError, http.client.HTTPException, ValueError):
            status = 0
        self.answers.append(
            (f"{method} {self.told['part']}", int(status == expected) or -status, time.perf_counter() - began)
        )
        return told


def ask(port: int, file: str) -> None:
    """Be all of them at once; print every answer: what, 1 where it was as expected, seconds."""
    told = json.loads(Path(file).read_text())
    gate = threading.Barrier(len(told["people"]))
    people = [Someone(port, told["cookie"], one, gate) for one in told["people"]]
    for one in people:
        one.start()
    for one in people:
        one.join()
    print(json.dumps([answer for one in people for answer in one.answers]))


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(sys.argv[2], int(sys.argv[3]))
    else:
        ask(int(sys.argv[2]), sys.argv[3])
