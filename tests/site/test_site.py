"""A site folder: its modes, its keys, and what a broken one says."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError, UsageError
from lockgate.site import PRIVATE_ZONES, Site
from lockgate.site.files import atomic_dir, make_dir, put_in_place, remove_leftovers, write_atomic


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_private_zones_and_keys_have_private_modes(site: Site) -> None:
    assert {mode(site.path / zone) for zone in PRIVATE_ZONES} == {0o700}
    assert {mode(key) for key in site.keys.iterdir()} == {0o600}
    assert mode(site.register) == 0o755
    assert mode(site.audit.chain) == 0o600


def test_keys_differ_by_site_and_purpose_and_last(site: Site, tmp_path: Path) -> None:
    other = Site.init(tmp_path / "other", name="Other")
    assert site.key("project/a") == Site.open(site.path).key("project/a")
    assert len({site.key("project/a"), site.key("project/b"), other.key("project/a")}) == 3


def test_signature_holds_only_for_its_message_and_site(site: Site, tmp_path: Path) -> None:
    other = Site.init(tmp_path / "other", name="Other")
    signature = site.sign(b"message")
    assert site.verify(b"message", signature)
    assert not site.verify(b"massage", signature)
    assert not other.verify(b"message", signature)
    assert not site.verify(b"message", b"short")


def test_second_init_is_refused(site: Site) -> None:
    with pytest.raises(UsageError, match="site already"):
        Site.init(site.path, name="Again")


def test_folder_that_is_no_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no site\.toml.*lockgate init"):
        Site.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("[site\nname = 'x'", "is not TOML"),
        ("[site]\nname = 'x'\ncolour = 'red'", "[site.colour]"),
        ("[site]\n", "[site.name]"),
        ("[site]\nname = 'x'\ntimezone = 'Mars/Base'", "[site.timezone]"),
        ("[site]\nname = 'x'\n[disclosure]\nthreshold = 1", "[disclosure.threshold]"),
        ("[site]\nname = 'x'\n[sandbox]\nstrategy = 'none'", "[sandbox.strategy]"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_broken_site_toml_names_the_place(site: Site, content: str | bytes, place: str) -> None:
    (site.path / "site.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        Site.open(site.path)
    assert place in str(caught.value)
    assert "site.toml" in caught.value.where
    assert caught.value.remedy


def test_lost_or_damaged_key_names_the_remedy(site: Site) -> None:
    (site.keys / "root.key").write_bytes(b"short")
    with pytest.raises(LockgateError, match="backup"):
        Site.open(site.path).key("x")
    (site.keys / "root.key").unlink()
    with pytest.raises(LockgateError, match="backup"):
        Site.open(site.path).key("x")


def test_name_with_quotes_survives(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s", name='St "Mary\'s" \\ Ünder')
    assert Site.open(site.path).config.site.name == 'St "Mary\'s" \\ Ünder'


def test_atomic_dir_leaves_nothing_behind_on_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_dir(tmp_path / "release") as partial:
        (partial / "a").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_atomic_dir_never_writes_over(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    with pytest.raises(FileExistsError), atomic_dir(tmp_path / "release"):
        pass


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".release.ab12.partial").mkdir()
    (tmp_path / ".file.ab12.partial").write_text("half")
    write_atomic(tmp_path / "file", b"whole")
    assert remove_leftovers(tmp_path) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is flushed and renamed, in order: (call, name)."""
    calls: list[tuple[str, str]] = []
    flush, rename, replace = os.fsync, os.rename, os.replace

    def fsync(handle: int) -> None:
        calls.append(("fsync", Path(f"/proc/self/fd/{handle}").readlink().name.partition(".partial")[0]))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    for name, real in (("rename", rename), ("replace", replace)):

        def moved(source: Path, target: Path, real: Any = real) -> None:
            calls.append(("rename", Path(target).name))
            real(source, target)

        monkeypatch.setattr(os, name, moved)
    return calls


def _hidden(name: str) -> str:
    """A hidden name without its random part."""
    return name.rpartition(".")[0] if name.startswith(".") else name


def test_a_power_cut_finds_files_flushed_before_their_names_change(
    tmp_path: Path, disk: list[tuple[str, str]]
) -> None:
    """Content, then the folder that lists it, then the new name, then the folder that lists the name."""
    write_atomic(tmp_path / "a.json", b"{}")
    assert [(call, _hidden(name)) for call, name in disk] == [
        ("fsync", ".a.json"),
        ("rename", "a.json"),
        ("fsync", tmp_path.name),
    ]
    disk.clear()
    with atomic_dir(tmp_path / "batch") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "t.parquet").write_bytes(b"rows")
    assert [(call, _hidden(name)) for call, name in disk] == [
        ("fsync", tmp_path.name),
        ("fsync", "inner"),
        ("fsync", "t.parquet"),
        ("fsync", ".batch"),
        ("rename", "batch"),
        ("fsync", tmp_path.name),
    ]
    disk.clear()
    (tmp_path / "fresh").write_bytes(b"new")
    put_in_place(tmp_path / "fresh", tmp_path / "a.json")
    assert disk == [("fsync", "fresh"), ("rename", "a.json"), ("fsync", tmp_path.name)]
    disk.clear()
    make_dir(tmp_path / "zone" / "below")
    assert disk == [("fsync", "zone"), ("fsync", tmp_path.name)]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Results are written where the user says, which may be a folder of many people, such as /tmp."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    make_dir(shared)
    with atomic_dir(shared / "fresh") as fresh:
        (fresh / "file").write_text("x")
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert (shared / "fresh").stat().st_mode & 0o7777 == 0o700
    assert make_dir(tmp_path / "ours").stat().st_mode & 0o7777 == 0o700
    chosen = tmp_path / "site"
    chosen.mkdir(mode=0o700)
    Site.init(chosen, name="Invented", ods_code="RXX")
    assert chosen.stat().st_mode & 0o7777 == 0o700


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(tmp_path / "a.json", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.json", b"old")]
