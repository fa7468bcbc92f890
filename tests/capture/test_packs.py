"""Many small batches: what earlier ones hold is found in few files, and the same is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lockgate.capture import batches, capture_hl7v2, latest_view, packs, status
from lockgate.engine import Engine
from lockgate.site import Site


def _message(number: int, patient: int) -> str:
    event = "A01" if number < 3 else "A08"
    at = f"202403{number + 1:02d}120000"
    return "\r".join(
        [
            f"MSH|^~\\&|X|RXX|||{at}||ADT^{event}|{number}|P|2.5",
            f"EVN|{event}|{at}",
            f"PID|1||{patient}^^^RXX^MR||DOE^N{number}||19700101|F",
            f"PV1|1|I|W{number}||||||||||||||||V{patient}",
        ]
    )


def _capture(site: Site, tmp_path: Path, *messages: str) -> None:
    path = tmp_path / "feed.hl7"
    path.write_text("\r".join(messages), newline="")
    capture_hl7v2(site, path, source="x", actor="test")


def _people(site: Site) -> list[tuple[object, ...]]:
    with Engine() as engine:
        view = latest_view(engine, site, "patient")
        return engine.rows(f"SELECT record_id, given_name, version_at FROM {view} ORDER BY ALL")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "FEW", 3)


def test_small_batches_are_packed_and_say_the_same(site: Site, tmp_path: Path, few: None) -> None:
    messages = [_message(number, number % 3) for number in range(10)]
    for text in messages:
        _capture(site, tmp_path, text)
    folder = next((site.staged / ".packs").iterdir())
    assert len(batches(site)) == 10
    assert len(list(folder.iterdir())) <= packs.FEW

    once = Site.init(tmp_path / "once", name="Once")
    _capture(once, tmp_path, *messages)
    assert _people(site) == _people(once)

    # A message that was packed away is still known as seen.
    _capture(site, tmp_path, messages[0])
    assert batches(site)[-1].facts["duplicates"] == 1
    assert status(site)["adds_up"]


def test_packs_are_copies_that_may_be_lost_or_stale(site: Site, tmp_path: Path, few: None) -> None:
    for number in range(7):
        _capture(site, tmp_path, _message(number, 1))
    (folder,) = (site.staged / ".packs").iterdir()
    before = _people(site)
    shutil.rmtree(folder)
    _capture(site, tmp_path, _message(0, 1))
    assert batches(site)[-1].facts["duplicates"] == 1
    assert _people(site) == before

    # One that names a batch that isn't there (restored from a backup) is thrown away.
    gone = batches(site)[0]
    shutil.rmtree(gone.folder)
    _capture(site, tmp_path, _message(0, 1))
    assert batches(site)[-1].facts["staged"] == 1
    assert all(gone.batch_id not in (pack / "pack.json").read_text() for pack in folder.iterdir())


def test_what_reads_earlier_batches_opens_few_files(site: Site, tmp_path: Path, few: None) -> None:
    for number in range(12):
        _capture(site, tmp_path, _message(number, 1))
    with Engine() as engine:
        made = packs.Packs(engine, site, "x", batches(site, "x"))
        assert len(made.files("adt_event")) < packs.FEW
        seen = sum(table.num_rows for table in made.came())
    assert seen == 12
