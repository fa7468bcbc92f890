"""The portal dies at many points of what the airlock does: nothing is lost, nothing is released twice or by halves.

Death is an error that no code catches, at a step that touches the disk; every later step of the same action fails too,
so that nothing is tidied, and the control database rolls back, as when the process is gone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lockgate.portal.accounts.models import User
from lockgate.portal.airlock import services as airlock
from lockgate.portal.airlock.models import Request
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.workspaces import services as workspaces
from lockgate.portal.workspaces.models import Project
from lockgate.site import Site

pytestmark = pytest.mark.django_db(transaction=True)
POINTS = 5
STEPS = ("replace", "rename", "fsync", "unlink", "mkdir")


class Death(BaseException):
    """The process is gone."""


@contextmanager
def dying(at: int | None) -> Iterator[list[int]]:
    """Count the steps that touch the disk; none from step ``at`` on is done."""
    steps = [0]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            steps[0] += 1
            if at is not None and steps[0] >= at:
                raise Death
            return function(*words, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        yield steps


def at_many_points(fresh: Callable[[], Request], act: Callable[[Request], Any]) -> Iterator[Request]:
    """A request after each of several deaths of an action, the first and the last step among them."""
    for _ in range(2):  # the first one makes folders that stay
        whole = fresh()
        with dying(None) as steps:
            act(whole)
    last = steps[0]
    assert last >= POINTS
    for point in sorted({1 + round(n * (last - 1) / (POINTS - 1)) for n in range(POINTS)}):
        request = fresh()
        with dying(point), pytest.raises(Death):
            act(request)
        request.refresh_from_db()
        yield request


@pytest.fixture
def project(people: dict[str, User], submitted: Application, data_plane: Any) -> Project:
    applications.decide(people["rita"], submitted, "approve")
    applications.decide(people["dora"], submitted, "approve")
    workspaces.provision_now(submitted.slug)
    return Project.objects.get()


@pytest.fixture
def ask(people: dict[str, User], project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Request]:
    """Ask for the release of a table that no earlier one is near."""
    number = 0

    def one() -> Request:
        nonlocal number
        number += 1

        def job(site: Site, slug: str, **_: Any) -> dict[str, Any]:
            folder = site.projects / slug / "jobs" / f"j{number}" / "outputs"
            folder.mkdir(parents=True)
            monkeypatch.setenv("LOCKGATE_OUTPUTS", str(folder))
            from lockgate import outputs

            frame = {f"group{number}": ["a", "b"], "n": [1000 * number, 2000 * number]}
            outputs.table(frame, "counts", title="n", dimensions=[f"group{number}"], counts=["n"])
            return {"status": "succeeded", "job_id": f"j{number}", "exit_code": 0, "seconds": 0.1, "log": "",
                    "outputs": []}  # fmt: skip

        monkeypatch.setattr("lockgate.portal.plane.run_job", job)
        ran = workspaces.start_job(people["ann"], project, "ages.py", f"print({number})".encode(), now=True)
        return airlock.request_release(people["ann"], ran, title="Counts", purpose="A paper")

    return one


def public(site: Site, request: Request) -> Path:
    return site.register / "results" / request.job.project.slug / request.reference


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def published(site: Site, request: Request) -> int:
    return sum(
        entry.detail.get("request") == request.reference for entry in site.audit.entries("result.published")
    )


def test_a_release_that_was_cut_off_is_made_once(
    people: dict[str, User], ask: Callable[[], Request], hospital: Site
) -> None:
    def half() -> Request:
        request = ask()
        airlock.review(people["olga"], request, "approve")
        return request

    for request in at_many_points(half, lambda one: airlock.review(people["otto"], one, "approve")):
        shown = public(hospital, request)
        assert not shown.exists() or {"counts.csv", "release-record.json"} <= names(shown)
        if request.state == "in_review":
            assert request.candidate.reviews.count() == 1
            assert airlock.review(people["otto"], request, "approve") == "released"
        request.refresh_from_db()
        assert request.state == "released"
        assert (shown / "counts.csv").is_file()
        assert published(hospital, request) == 1
    assert hospital.audit.verify() == []


def test_a_release_that_was_cut_off_and_is_refused_then_leaves_nothing(
    people: dict[str, User], ask: Callable[[], Request], hospital: Site
) -> None:
    def half() -> Request:
        request = ask()
        airlock.review(people["olga"], request, "approve")
        return request

    for request in at_many_points(half, lambda one: airlock.review(people["otto"], one, "approve")):
        if request.state == "in_review":
            assert airlock.review(people["otto"], request, "refuse", "Not yet.") == "refused"
            assert not public(hospital, request).exists()


def test_a_recall_that_was_cut_off_goes_on(
    people: dict[str, User], ask: Callable[[], Request], hospital: Site
) -> None:
    def out() -> Request:
        request = ask()
        airlock.review(people["olga"], request, "approve")
        airlock.review(people["otto"], request, "approve")
        return request

    for request in at_many_points(out, lambda one: airlock.recall(people["dora"], one, "A wrong year")):
        if request.state == "released":
            airlock.recall(people["dora"], request, "A wrong year")
        request.refresh_from_db()
        assert request.state == "recalled"
        assert "recalled.json" in names(public(hospital, request))
        assert "counts.csv" not in names(public(hospital, request))
    assert hospital.audit.verify() == []
