"""The page of a release's data quality: from what the catalogue published, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from lockgate.catalogue.build import catalogue_dir
from lockgate.site import Site

pytestmark = pytest.mark.django_db


def _publish(site: Site, number: str, quality: dict[str, Any] | None) -> None:
    folder = catalogue_dir(site) / number
    folder.mkdir(parents=True)
    facts = {
        "release": number,
        "created_at": "2026-11-22T09:00:00+00:00",
        "tables": [],
        "coverage": [],
        "quality": quality,
    }
    (folder / "catalogue.json").write_text(json.dumps(facts))


def _quality(failed: int) -> dict[str, Any]:
    counts = {"checks": 20, "passed": 12, "failed": failed, "not_applicable": 5, "error": 0}
    return {
        "source": "OHDSI Data Quality Dashboard 2.8.4",
        **counts,
        "kahn": [{"category": "Plausibility", "context": "Verification", **counts}],
        "tables": [{"table": "PERSON", **counts}],
        "failures": [
            {
                "check": "plausibleValueHigh",
                "table": "person",
                "field": "year_of_birth",
                "severity": "characterization",
                "category": "Plausibility",
                "description": "Born after today",
                "status": "failed",
                "violated": "<10",
                "rows": 1_000,
            }
        ],
    }


def test_the_page_shows_what_was_published(client: Client, hospital: Site) -> None:
    _publish(hospital, "2026.1", None)
    _publish(hospital, "2026.2", _quality(4))
    _publish(hospital, "2026.3", _quality(3))
    assert client.get("/catalogue/2026.1/quality/").status_code == 404
    page = client.get("/catalogue/2026.3/quality/").content.decode()
    for text in (
        "12 passed, 3 failed",
        "Plausibility, verification",
        "year_of_birth",
        "&lt;10",
        "1,000",
        "2026.2",
    ):
        assert text in page


def test_trends_are_charts_of_what_was_published_with_their_tables(client: Client, hospital: Site) -> None:
    _publish(hospital, "2026.1", None)
    _publish(hospital, "2026.2", _quality(4))
    page = client.get("/catalogue/2026.2/quality/trend/").content.decode()
    assert "nothing to compare" in page
    later = _quality(2)
    later["failures"][0]["violated"] = 120
    later["failures"].append({**later["failures"][0], "table": "measurement", "violated": "nearly all"})
    _publish(hospital, "2026.10", later)
    _publish(hospital, "2026.11", _quality(1) | {"failures": []})
    page = client.get("/catalogue/2026.11/quality/trend/").content.decode()
    for text in ("failed_by_category.svg", "rows_by_check.svg", "12 %", "[c]", "not failed"):
        assert text in page
    assert page.index("2026.2") < page.index("2026.10")
    began, ceased = page.index("Began to fail: "), page.index("Ceased to fail: ")
    assert ceased < began  # the newest first: what failed in 2026.10 no longer does
    told = client.get("/api/catalogue/2026.10/quality/trend").json()
    assert [one["name"] for one in told] == ["failed_by_category", "rows_by_check"]
    assert told[0]["rows"] == [["2026.2", "0", "0", "4"], ["2026.10", "0", "0", "2"]]
    assert "2026.11" not in str(told)
    drawn = client.get("/catalogue/2026.11/quality/charts/rows_by_check.svg")
    assert drawn["Content-Type"] == "image/svg+xml" and b"Rows that fail a check" in drawn.content
    assert client.get("/catalogue/2026.11/quality/charts/nothing.svg").status_code == 404
    assert client.get("/catalogue/2026.1/quality/trend/").status_code == 404
