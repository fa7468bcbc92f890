"""Real FHIR folders: everything staged that is sound, and a second capture stages nothing."""

from __future__ import annotations

from pathlib import Path

from lockgate.capture import capture_fhir
from lockgate.site import Site

from .conftest import adds_up


def test_tietai(site: Site, shared_data: Path, rows) -> None:
    folder = shared_data / "fhir" / "tietai-20-patients"
    result = capture_fhir(site, folder, actor="test")
    assert adds_up(result)
    assert (result.received, result.staged, result.quarantined) == (28_488, 28_488, 0)
    assert result.by_type["Observation"]["staged"] == 20_396
    assert rows("result", "count(*), count(parent_ref)") == [(21_062, 1_332)]
    again = capture_fhir(site, folder, actor="test")
    assert (again.staged, again.duplicates) == (0, 28_488)


def test_synthea(site: Site, shared_data: Path, rows) -> None:
    result = capture_fhir(site, shared_data / "fhir" / "synthea-10-patients", actor="test")
    assert adds_up(result)
    assert result.reasons == {"no-resource-type": 4}
    assert result.staged == result.received - 4
    assert rows("encounter", "count(*) FILTER (contains(practitioner_ref, '?'))") == [(0,)]
    assert rows("document", "count(*) FILTER (text IS NULL)") == [(0,)]
