"""Zip archives of code: what may be in them, and what is refused."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.workspace.submission import take_in


def archive(path: Path, files: dict[str, bytes], **attributes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = attributes.get("mode", 0o644) << 16
            opened.writestr(entry, content)
    return path


def test_archive_is_taken_in_as_its_folder(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", {"main.py": b"print(1)", "data/codes.csv": b"code\n1\n"})
    main, _ = take_in(code, tmp_path / "code")
    assert main == "main.py"
    assert (tmp_path / "code/data/codes.csv").read_bytes() == b"code\n1\n"


def test_archive_of_one_folder_is_that_folder(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", {"study/main.sql": b"SELECT 1", "study/readme.md": b"x"})
    assert take_in(code, tmp_path / "code")[0] == "main.sql"


def test_same_content_has_the_same_hash_as_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "main.py").write_bytes(b"print(1)")
    code = archive(tmp_path / "a.zip", {"main.py": b"print(1)"})
    assert take_in(code, tmp_path / "one")[1] == take_in(folder, tmp_path / "two")[1]


@pytest.mark.parametrize("name", ["../main.py", "/main.py", "a/../../main.py", "..\\main.py", "C:main.py"])
def test_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused) as refusal:
        take_in(archive(tmp_path / "a.zip", {name: b"x"}), tmp_path / "code")
    assert "leads out of the archive" in refusal.value.reasons[0]
    assert not (tmp_path / "main.py").exists()
    assert not (tmp_path / "code").exists()


def test_link_is_refused(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", {"main.py": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(Refused) as refusal:
        take_in(code, tmp_path / "code")
    assert refusal.value.reasons == ["main.py is a link"]


def test_archive_that_explodes_is_refused_while_unpacking(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", {"main.py": bytes(64 << 20)})
    assert code.stat().st_size < 100_000
    with pytest.raises(Refused) as refusal:
        take_in(code, tmp_path / "code")
    assert "larger than 10 MB" in refusal.value.reasons[0]


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", {f"{number}.py": b"" for number in range(501)})
    with pytest.raises(Refused) as refusal:
        take_in(code, tmp_path / "code")
    assert refusal.value.reasons == ["it has more than 500 files"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(Refused, match="can't be read"):
        take_in(tmp_path / "a.zip", tmp_path / "code")


def test_empty_and_truncated_archives_are_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    zipfile.ZipFile(packed, "w").close()
    (tmp_path / "empty.zip").write_bytes(packed.getvalue())
    with pytest.raises(Refused, match="can't be taken in"):
        take_in(tmp_path / "empty.zip", tmp_path / "code")
    whole = archive(tmp_path / "a.zip", {"main.py": b"print(1)" * 1000}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refused, match="can't be read"):
        take_in(tmp_path / "cut.zip", tmp_path / "code")
