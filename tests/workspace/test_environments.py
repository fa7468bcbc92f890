"""Pinned environments: only wheels that the lock names, nothing run, and jobs see these packages and no others."""

from __future__ import annotations

import hashlib
import zipfile

import pytest

from lockgate.errors import Refused, UsageError
from lockgate.workspace import run_job
from lockgate.workspace.environments import build, environments, find
from lockgate.workspace.locks import read_lock, wheel_of


def wheel(folder, name="tidy", version="1.0", tag="py3-none-any", files=None):
    """A wheel of a package with one module; its SHA-256."""
    path = folder / f"{name}-{version}-{tag}.whl"
    content = {f"{name}.py": f"VERSION = {version!r}\n", f"{name}-{version}.dist-info/METADATA": "Name: x\n"}
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in (content | (files or {})).items():
            archive.writestr(place, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


def lock(tmp_path, text):
    path = tmp_path / "lock.txt"
    path.write_text(text)
    return path


def test_a_build_is_named_by_its_content(site, tmp_path, wheels):
    digest = wheel(wheels)
    path = lock(tmp_path, f"# made by hand\ntidy==1.0 \\\n    --hash=sha256:{digest}\n")
    one = build(site, "stats", path, "dev", wheels=wheels)
    again = build(site, "stats", path, "dev", wheels=wheels)
    assert again == one
    assert [entry.event for entry in site.audit.entries()].count("environment.built") == 1
    assert (one.mounted / "tidy.py").stat().st_mode & 0o777 == 0o444
    assert (site.path / "environments").stat().st_mode & 0o777 == 0o700
    digest = wheel(wheels, version="2.0")
    two = build(site, "stats", lock(tmp_path, f"tidy==2.0 --hash=sha256:{digest}"), "dev", wheels=wheels)
    assert [item.sha256 for item in environments(site)] in (
        [one.sha256, two.sha256],
        [two.sha256, one.sha256],
    )
    assert find(site, one.label) == one
    assert find(site, f"stats@{two.sha256[:8]}") == two
    for unknown in ("other", "stats@00000000"):
        with pytest.raises(UsageError, match="no environment"):
            find(site, unknown)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("tidy==1.0\n", "tidy has no hash", 1),
        ("\ntidy>=1.0 --hash=sha256:" + "0" * 64, "no package with one version", 2),
        ("--index-url https://elsewhere.example.org\n", "no package with one version", 1),
        ("-r other.txt\n", "no package with one version", 1),
        ("-e .\n", "no package with one version", 1),
        (
            "tidy @ https://elsewhere.example.org/x.whl --hash=sha256:" + "0" * 64,
            "no package with one version",
            1,
        ),
        ("tidy==1.0 --hash=md5:00", "not SHA-256", 1),
        ("tidy==1.0 ; __import__('os').system('x') --hash=sha256:" + "0" * 64, "condition", 1),
        ("a==1 --hash=sha256:" + "0" * 64 + "\nA==2 --hash=sha256:" + "0" * 64, "stands twice", 2),
        ("# nothing\n", "names no package", 0),
    ],
)
def test_a_lock_holds_pins_and_nothing_else(text, message, line):
    with pytest.raises(UsageError, match=message) as error:
        read_lock(text.encode(), "lock.txt")
    assert error.value.where == (f"lock.txt: line {line}" if line else "lock.txt")


def test_conditions_of_a_lock():
    hashed = " --hash=sha256:" + "0" * 64 + "\n"
    text = (
        "a==1 ; sys_platform == 'win32'" + hashed + "b==1 ; python_version >= '3.9' and os_name == 'posix'" + hashed
        + "c==1 ; (python_full_version < '3.9' or platform_system == 'Linux')" + hashed
        + "d==1 ; sys_platform not in 'linux darwin'" + hashed
    )  # fmt: skip
    assert [pin.name for pin in read_lock(text.encode(), "x")] == ["b", "c"]


def test_what_isnt_the_locks_is_refused(site, tmp_path, wheels):
    digest = wheel(wheels)
    with pytest.raises(Refused) as refusal:
        build(site, "stats", lock(tmp_path, f"tidy==1.0 --hash=sha256:{'0' * 64}"), "dev", wheels=wheels)
    assert "not the file that the lock names" in refusal.value.reasons[0]
    (wheels / "sourced-1.0.tar.gz").write_bytes(b"x")
    with pytest.raises(Refused) as refusal:
        build(site, "stats", lock(tmp_path, f"sourced==1.0 --hash=sha256:{digest}"), "dev", wheels=wheels)
    assert "source packages are not built" in refusal.value.reasons[0]
    digest = wheel(wheels, "older", tag="cp27-cp27m-win_amd64")
    with pytest.raises(Refused) as refusal:
        build(site, "stats", lock(tmp_path, f"older==1.0 --hash=sha256:{digest}"), "dev", wheels=wheels)
    assert "another Python or machine" in refusal.value.reasons[0]
    digest = wheel(wheels, "climber", files={"../../out.py": "x"})
    with pytest.raises(Refused, match="unpacked"):
        build(site, "stats", lock(tmp_path, f"climber==1.0 --hash=sha256:{digest}"), "dev", wheels=wheels)
    assert environments(site) == []
    assert not list(tmp_path.rglob("out.py"))
    digest = wheel(wheels)
    build(site, "stats", lock(tmp_path, f"tidy==1.0 --hash=sha256:{digest}"), "dev", wheels=wheels)
    assert not list((site.path / "environments" / "stats").glob(".*.partial"))
    with pytest.raises(UsageError, match="no name"):
        build(site, "../x", tmp_path / "lock.txt", "dev", wheels=wheels)


def test_names_of_wheels():
    found = wheel_of("NumPy_x-1.0-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    assert found is not None
    assert (found.name, found.version, found.pythons) == ("numpy-x", "1.0", ("cp311",))
    assert wheel_of("numpy-1.0.tar.gz") is None


@pytest.mark.sandbox
def test_a_job_sees_the_environments_packages_and_no_others(site, project, tmp_path, wheels):
    digest = wheel(wheels)
    made = build(site, "stats", lock(tmp_path, f"tidy==1.0 --hash=sha256:{digest}"), "dev", wheels=wheels)
    code = tmp_path / "main.py"
    code.write_text(
        "import tidy\nfrom lockgate import outputs\noutputs.text('about', 'Tidy.')\n"
        "for name in ('pandas', 'cryptography', 'django', 'lockgate.site'):\n"
        "    try:\n        __import__(name)\n    except ImportError:\n        continue\n    raise SystemExit(name)\n"
        "try:\n    open('/environment/x.py', 'w')\nexcept OSError:\n    raise SystemExit(0)\nraise SystemExit(5)\n"
    )
    result = run_job(site, "p0001", code=code, author="ada", environment="stats")
    assert result.status == "succeeded", result.log_file.read_text()
    assert result.details["environments"] == [made.label]
    without = run_job(site, "p0001", code=code, author="ada")
    assert "ModuleNotFoundError" in without.log
