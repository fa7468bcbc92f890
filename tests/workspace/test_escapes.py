"""Escape attempts and bad outputs as jobs: each fails, is told with its own reason, and leaves the site well.

What a job could try of the host (network, files, processes, keyrings, mounts, privileges) is in the self-test, which
``test_sandbox`` runs as root and as an ordinary user under both isolations; here is what the author and the site see.
"""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.workspace import run_job
from lockgate.workspace.readiness import quick_checks

pytestmark = pytest.mark.sandbox

SMALL = {
    "seconds": 20,
    "memory_mb": 300,
    "processes": 24,
    "output_mb": 8,
    "file_mb": 4,
    "output_files": 20,
    "tmp_mb": 8,
}
# what is tried -> (code, status, words that its reason or log must hold)
ATTEMPTS = {
    "tcp": ("import socket\nsocket.create_connection(('127.0.0.1', 22), 2)", "failed", "Error"),
    "dns": ("import socket\nsocket.getaddrinfo('example.org', 80)", "failed", "Error"),
    "unix socket": (
        "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "failed",
        "FileNotFoundError",
    ),
    "host files": ("open('/etc/shadow').read()", "failed", "FileNotFoundError"),
    "another project": ("import os\nos.listdir('/data/../../p0002')", "failed", "FileNotFoundError"),
    "its own log": ("open('/outputs/../log.txt', 'w')", "failed", "OSError"),
    "a process of the host": ("open('/proc/1/mem', 'rb').read(1)", "failed", "Error"),
    "a fork bomb": ("import os\nwhile True:\n    os.fork()", "failed", ""),
    "threads without end": (
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(2,)).start()",
        "failed",
        "RuntimeError",
    ),
    "memory in several processes": (
        "import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        break\n"
        "x = bytearray(150 << 20)\nfor i in range(0, len(x), 4096):\n    x[i] = 1\ntime.sleep(60)",
        "failed",
        "300 MB of memory",
    ),
    "outputs without end": (
        "n = 0\nwhile True:\n    n += 1\n    open(f'/outputs/{n}', 'wb').write(b'x' * (1 << 20))",
        "failed",
        "in /outputs, its limit",
    ),
    "names without end": (
        "n = 0\nimport time\nwhile True:\n    n += 1\n    open(f'/outputs/{n}', 'w').close()\n    time.sleep(0.001)",
        "failed",
        "in /outputs, its limit",
    ),
    "one file without end": (
        "with open('/outputs/one', 'wb') as f:\n    while True:\n        f.write(b'x' * 65536)",
        "failed",
        "",
    ),
    "scratch without end": (
        "with open('/tmp/one', 'wb') as f:\n    while f.write(b'x' * 65536):\n        f.flush()",
        "failed",
        "OSError",
    ),
    "two gigabytes": ("open('/outputs/big', 'wb').truncate(2 << 30)", "failed", ""),
    "a sleep in a session of its own": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n",
        "succeeded",
        "no output",
    ),
    "words without end": (
        "import sys\nfor _ in range(3000):\n    sys.stdout.write('x' * 1000)\nraise SystemExit(4)",
        "failed",
        "exit code 4",
    ),
}


def test_each_attempt_fails_is_told_and_leaves_the_site_well(site, project, tmp_path):
    path = tmp_path / "main.py"
    for attempt, (code, status, words) in ATTEMPTS.items():
        path.write_text(code)
        result = run_job(site, "p0001", code=path, author="ada", limits=SMALL)
        assert result.status == status, f"{attempt}: {result.log_file.read_text()[-2000:]}"
        assert words in f"{result.reason}\n{result.log}", attempt
        assert sum(item["size"] for item in result.outputs) <= SMALL["output_mb"] << 20, attempt
        assert result.seconds < 20, attempt
        assert not list(result.folder.rglob("*.partial")), attempt
        deadline = time.monotonic() + 5
        while _inside(result.folder):  # nothing of it is left
            assert time.monotonic() < deadline, attempt
            time.sleep(0.05)
    assert [check.name for check in quick_checks(site) if not check.ok] == []
    assert site.audit.verify() == []
    assert len(list(project.jobs.glob("*/job.json"))) == len(ATTEMPTS)


def _inside(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder) in (process / "mountinfo").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


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
