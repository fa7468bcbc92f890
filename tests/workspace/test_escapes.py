"""Escape attempts and bad outputs as jobs: each fails, is told with its own reason, and leaves the site well.

Run as whoever runs the tests and, where that is root, as an ordinary user too. The self-test tries more of the host,
with things planted to find: ``test_sandbox`` runs it, and so does the first job here of such a user. Here is what a
job's author and the site see.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import lockgate
from lockgate.errors import Refused
from lockgate.workspace import run_job
from lockgate.workspace.sandbox.run import STRATEGIES, own_uid

pytestmark = pytest.mark.sandbox

HERE = Path(__file__).parent


def program(name: str):
    """A program of this folder, as a module."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


attempts = program("attempts")
SMALL = attempts.SMALL


@pytest.fixture
def as_ordinary(tmp_path):
    """Run a Python program as an ordinary user, whose own the test's folder becomes."""

    def run(*words: str, forbid: bool = False) -> subprocess.CompletedProcess[str]:
        uid = own_uid()
        if uid is None:
            pytest.skip("only root can become an ordinary user; the other tests here ran as one")
        for path in [tmp_path, *tmp_path.rglob("*")]:
            os.chown(path, uid, uid, follow_symlinks=False)
        needs = [sys.prefix, sys.base_prefix, Path(lockgate.__file__).parents[1], HERE, tmp_path]
        asked = {
            "uid": uid,
            "needs": [str(path) for path in needs],
            "forbid": forbid,
            "argv": [sys.executable, *words],
        }
        ran = subprocess.run(
            [sys.executable, str(HERE / "ordinary.py"), json.dumps(asked)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(needs[2]), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    return run


LOCKGATE = "import sys; from lockgate.cli import run; sys.exit(run(sys.argv[1:]))"


@pytest.mark.parametrize("who", ["as whoever runs this", "as an ordinary user"])
def test_each_attempt_fails_is_told_and_leaves_the_site_well(site, project, who, request):
    if who == "as an ordinary user":
        ran = request.getfixturevalue("as_ordinary")(str(HERE / "attempts.py"), str(site.path))
        found = json.loads(ran.stdout)
        assert found["user"] != 0
    else:
        found = attempts.run_all(site)
        assert found["user"] == os.geteuid()
    assert list(found["attempts"]) == list(attempts.ATTEMPTS)
    for name, (_, status, words) in attempts.ATTEMPTS.items():
        came = found["attempts"][name]
        assert came["status"] == status, (name, came)
        assert words in came["told"], (name, came)
        assert "do-not-tell" not in came["said"], name
        assert came["kept"] <= SMALL["output_mb"] << 20, (name, came)
        assert came["seconds"] < 20, (name, came)
        assert (came["partial"], came["processes"]) == (0, []), (name, came)
    assert (found["unwell"], found["audit"], found["jobs"]) == ([], [], len(attempts.ATTEMPTS))


def test_an_ordinary_users_jobs_run_under_the_other_isolation_too(site, project, tmp_path, as_ordinary):
    """The self-test is not known to have passed for that user: every probe runs first."""
    strategy = next(
        name
        for name in STRATEGIES
        if name != json.loads((site.projects / ".isolation.json").read_bytes())["strategy"]
    )
    toml = site.path / "site.toml"
    toml.write_text(
        re.sub(r"^strategy = .*$", f'strategy = "{strategy}"', toml.read_text(), flags=re.MULTILINE)
    )
    (tmp_path / "main.sql").write_text(
        "-- output: by_sex dimensions=sex counts=n title=Sex\n"
        "SELECT gender_concept_id AS sex, count(*) AS n FROM person GROUP BY 1;"
    )
    ran = as_ordinary(
        "-c", LOCKGATE, "--site", str(site.path), "--json", "job", "run", "p0001", str(tmp_path / "main.sql"),
        "--author", "ada",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (folder,) = project.jobs.iterdir()
    told = json.loads((folder / "job.json").read_bytes())
    assert (told["state"], told["strategy"]) == ("succeeded", strategy)
    assert "8507,20" in (folder / "outputs" / "by_sex.csv").read_text()
    assert folder.stat().st_uid not in (0, os.geteuid())


def test_where_the_kernel_forbids_user_namespaces_the_doctor_says_so_and_nothing_runs(
    site, project, tmp_path, as_ordinary
):
    ran = as_ordinary("-c", LOCKGATE, "--site", str(site.path), "doctor", "--json", forbid=True)
    answer = json.loads(ran.stdout)
    failed = [check for check in answer["checks"] if not check["ok"]]
    assert ran.returncode == 1
    assert failed
    assert {check["name"].partition(": ")[2] for check in failed} == {"work"}
    assert all("forbids user namespaces to ordinary users" in check["found"] for check in failed)
    assert all("sysctl user.max_user_namespaces" in check["remedy"] for check in failed)
    (tmp_path / "main.py").write_text("print('ran')")
    ran = as_ordinary(
        "-c", LOCKGATE, "--site", str(site.path), "job", "run", "p0001", str(tmp_path / "main.py"),
        "--author", "ada", forbid=True,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "no job may see real data" in ran.stderr
    assert "forbids user namespaces" in ran.stderr
    assert not list(project.jobs.glob("*"))


def test_bad_outputs_are_refused_each_with_its_reason(site, project, tmp_path):
    path = tmp_path / "main.py"
    path.write_text(
        "import os, socket\nfrom pathlib import Path\nout = Path('/outputs')\n"
        "(out / 'fine.csv').write_text('a')\n(out / 'link').symlink_to('/data/person.parquet')\n"
        "(out / 'up').symlink_to('..')\nos.link(out / 'fine.csv', out / 'hard')\nos.mkfifo(out / 'pipe')\n"
        "s = socket.socket(socket.AF_UNIX)\ns.bind('/outputs/socket')\n"
        "(out / 'sparse').open('wb').truncate(3 << 20)\n(out / 'e\\x1b[2Jvil').write_text('x')\n"
        "(out / 'r\\u202efdp.exe').write_text('x')\n(out / 'good.csv').write_text('b')\n"
        "(out / 'deep').mkdir()\n(out / 'deep').chmod(0)\n"
    )
    result = run_job(site, "p0001", code=path, author="ada", limits=SMALL)
    told = {item["name"]: item["reason"] for item in result.refused_outputs}
    assert [item["name"] for item in result.outputs] == ["good.csv"]
    assert "symbolic link" in told["link"]
    assert "symbolic link" in told["up"]
    assert "hard link" in told["fine.csv"]
    assert "named pipe" in told["pipe"]
    assert "socket" in told["socket"]
    assert "sparse" in told["sparse"]
    assert "control" in told["e\\x1b[2Jvil"]
    assert "invisible" in told["r\\u202efdp.exe"]


def archive(entries: dict[str, bytes], claim: int | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    content = stream.getvalue()
    if claim is not None:  # the archive lies about the size of its one file
        size = len(next(iter(entries.values()))).to_bytes(4, "little")
        content = content.replace(size, claim.to_bytes(4, "little"))
    return content


EXPLODING = {
    "explodes": (archive({"main.py": b"", "zeros": bytes(64 << 20)}), "unpacked it is larger than 10 MB"),
    "lies about its size": (archive({"main.py": bytes(64 << 20)}, claim=100), ""),
    "many": (archive({f"{n}.py": b"" for n in range(600)}), "more than 500 files"),
    "climbs": (archive({"../main.py": b""}), "leads out"),
    "is broken": (b"PK\x03\x04nothing", "damaged"),
}


def test_an_archive_that_explodes_is_refused(site, project, tmp_path):
    path = tmp_path / "code.zip"
    for what, (content, reason) in EXPLODING.items():
        path.write_bytes(content)
        with pytest.raises(Refused) as refusal:
            run_job(site, "p0001", code=path, author="ada")
        assert any(reason in item for item in refusal.value.reasons), what
        assert not list(project.jobs.glob("*")), what
