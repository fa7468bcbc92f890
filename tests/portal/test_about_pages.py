"""The public pages "About the data": each chart with its table, and nothing of what isn't published."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from lockgate.catalogue.about import FACTS, about_dir
from lockgate.site import Site

pytestmark = pytest.mark.django_db


def publish(site: Site, number: str, people: str, total: str = "") -> None:
    folder = about_dir(site) / number
    folder.mkdir(parents=True)
    table = {"name": "people_by_birth", "title": "People by decade of birth", "by": ["born"], "notes": []}
    themes = {"name": "feedback_themes", "title": "Comments by theme", "by": ["theme"], "notes": []}
    facts = {
        "release": number,
        "created_at": "2026-01-05T00:00:00+00:00",
        "people": 200,
        "rules": {"threshold": 10, "rounding": 5},
        "pages": [
            {"name": "people", "title": "People", "lede": "Who.", "tables": [table]},
            {"name": "feedback", "title": "What patients write", "lede": "Themes.", "tables": [themes]},
        ],
    }
    (folder / FACTS).write_text(json.dumps(facts))
    (folder / "people_by_birth.csv").write_text(f"born,people\n1950s,{people}\n1960s,[c]\n{total}")
    (folder / "people_by_birth.svg").write_text("<svg></svg>")
    (folder / "feedback_themes.csv").write_text(f"theme,comments\nFood,{people}\nParking,[c]\n")
    (folder / "feedback_themes.svg").write_text("<svg></svg>")


def test_pages_tell_what_is_published(hospital: Site, client: Client) -> None:
    publish(hospital, "2026.1", "120")
    publish(hospital, "2026.2", "150", total="Total,200\n")
    text = client.get("/catalogue/2026.2/about/").content.decode()
    assert "200 people (rounded)" in text and "/catalogue/2026.2/about/people/" in text
    text = client.get("/catalogue/2026.2/about/people/").content.decode()
    assert "150" in text and "[c]" in text and "people_by_birth.svg" in text
    assert client.get("/catalogue/2026.2/about/charts/people_by_birth.svg").status_code == 200
    assert client.get("/catalogue/2026.2/about/charts/people_by_birth.csv").status_code == 200
    text = client.get("/catalogue/2026.2/about/changes/2026.1/").content.decode()
    assert "rose" in text and "120" in text and "150" in text
    assert "people_by_birth.svg" in text and "Release 2026.1" in text
    assert "Total" not in text  # 2026.1 leaves the total out: it didn't appear
    drawn = client.get("/catalogue/2026.2/about/changes/2026.1/charts/people_by_birth.svg")
    assert drawn["Content-Type"] == "image/svg+xml"
    # what either withholds is not drawn
    assert b"1950s" in drawn.content and b"1960s" not in drawn.content
    # comments are told as comments, not as people
    drawn = client.get("/catalogue/2026.2/about/changes/2026.1/charts/feedback_themes.svg")
    assert b"Comments (rounded)" in drawn.content and b"Parking" not in drawn.content
    told = json.loads(client.get("/api/catalogue/2026.2/about/changes/2026.1").content)
    assert {(one["table"], one["counts"]) for one in told} == {
        ("people_by_birth", "people"),
        ("feedback_themes", "comments"),
    }
    wrong = ("changes/2026.1/charts/people.svg", "changes/2025.1/charts/people_by_birth.svg")
    for missing in ("nobody/", "charts/about.svg", "charts/about.csv", "changes/2025.1/", *wrong):
        assert client.get(f"/catalogue/2026.2/about/{missing}").status_code == 404
