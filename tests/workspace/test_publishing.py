"""What is published is what was reviewed, byte by byte, or nothing is."""

from __future__ import annotations

import json
import stat

import pytest

from lockgate.errors import Refused, UsageError
from lockgate.site.files import sha256_file
from lockgate.workspace import publish


@pytest.fixture
def reviewed(tmp_path):
    """Two files and the record of their review."""
    folder = tmp_path / "reviewed"
    folder.mkdir()
    (folder / "table.csv").write_text("decile,people\n1,20\n")
    (folder / "chart.svg").write_text("<svg/>")
    files = sorted(folder.iterdir())
    record = {
        "title": "Counts",
        "files": [{"name": path.name, "sha256": sha256_file(path)} for path in files],
    }
    return files, record


def test_the_reviewed_bytes_come_out_twice(site, reviewed):
    files, record = reviewed
    private = publish(site, "p0001", "R-1", files, record)
    public = site.register / "results" / "p0001" / "R-1"
    assert private == site.projects / "p0001" / "released" / "R-1"
    for folder in (private, public):
        assert (folder / "table.csv").read_bytes() == files[1].read_bytes()
        body = (folder / "release-record.json").read_bytes()
        written = json.loads(body)
        assert (written["schema"], written["request_id"], written["files"]) == (
            "lockgate.result/1",
            "R-1",
            record["files"],
        )
        signature = json.loads((folder / "release-record.json.sig").read_text())
        assert site.verify(body, bytes.fromhex(signature["signature"]))
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    for folder in (public, public.parent, public.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [entry.event for entry in site.audit.entries()].count("result.published") == 1
    publish(site, "p0001", "R-1", files, record)
    assert [entry.event for entry in site.audit.entries()].count("result.published") == 1


def refused(site, files, record, word):
    with pytest.raises(Refused) as refusal:
        publish(site, "p0001", "R-1", files, record)
    assert word in " ".join(refusal.value.reasons)
    assert not (site.register / "results" / "p0001" / "R-1").exists()
    assert not list((site.projects / "p0001").glob("released/*"))


def test_a_file_that_changed_after_review(site, reviewed):
    files, record = reviewed
    files[1].write_text("decile,people\n1,3\n")
    refused(site, files, record, "table.csv changed after it was reviewed")


def test_files_and_review_must_be_the_same(site, reviewed, tmp_path):
    files, record = reviewed
    refused(site, files[:1], record, "table.csv was reviewed but is not there")
    extra = tmp_path / "extra.csv"
    extra.write_text("x")
    refused(site, [*files, extra], record, "extra.csv was not reviewed")
    refused(site, [], {"files": []}, "nothing to publish")
    refused(site, files, {"title": "no files"}, "was not reviewed")


def test_links_are_not_followed(site, reviewed, tmp_path):
    files, record = reviewed
    target = tmp_path / "elsewhere.csv"
    files[1].rename(target)
    files[1].symlink_to(target)
    refused(site, files, record, "table.csv is no plain file")


def test_another_review_can_not_write_over_a_published_result(site, reviewed):
    files, record = reviewed
    publish(site, "p0001", "R-1", files, record)
    files[1].write_text("other")
    record["files"][1]["sha256"] = sha256_file(files[1])
    with pytest.raises(Refused):
        publish(site, "p0001", "R-1", files, record)
    with pytest.raises(UsageError):
        publish(site, "p0001", "../R-2", files, record)


def test_a_crash_between_the_two_folders_is_mended_by_doing_it_again(site, reviewed, monkeypatch):
    files, record = reviewed
    publish(site, "p0001", "R-1", files, record)
    public = site.register / "results" / "p0001" / "R-1"
    for path in public.iterdir():
        path.unlink()
    public.rmdir()
    publish(site, "p0001", "R-1", files, record)
    assert (public / "table.csv").exists()


def test_a_crash_before_the_audit_entry_is_mended_by_doing_it_again(site, reviewed, monkeypatch):
    files, record = reviewed
    with monkeypatch.context() as patch:
        patch.setattr(type(site.audit), "append", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(site, "p0001", "R-1", files, record)
    for _ in range(2):
        publish(site, "p0001", "R-1", files, record)
    assert len(list(site.audit.entries("result.published"))) == 1
