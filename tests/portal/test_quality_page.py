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
