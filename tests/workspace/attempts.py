"""What a job's code tries of the machine, the site and its limits, and what came of it.

``run_all`` runs every attempt as a job of p0001 and says how each ended. As a program (``attempts.py SITE``) it does so
for whoever runs it, and prints that as JSON: an ordinary user, see ``ordinary.py``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lockgate.site import Site
from lockgate.workspace import run_job
from lockgate.workspace.readiness import quick_checks

SMALL = {
    "seconds": 20,
    "memory_mb": 300,
    "processes": 24,
    "output_mb": 8,
    "file_mb": 4,
    "output_files": 20,
    "tmp_mb": 8,
}
CANARY = "LOCKGATE_ATTEMPTS_CANARY"
_LIBC = (
    "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(name, *words):\n    if getattr(libc, name)(*words) == -1:\n"
    "        raise OSError(ctypes.get_errno(), name)\n"
)
# what is tried -> (code, status, words that its reason or log must hold)
ATTEMPTS = {
    "tcp": ("import socket\nsocket.create_connection(('127.0.0.1', 22), 2)", "failed", "Error"),
    "udp": (
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.1', 53))",
        "failed",
        "OSError",
    ),
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
    "the caller's environment": (
        "import glob, os\nfound = [dict(os.environ)]\n"
        "for path in glob.glob('/proc/[0-9]*/environ'):\n    try:\n        found.append(open(path, 'rb').read())\n"
        f"    except OSError:\n        pass\nassert {CANARY!r} in str(found)",
        "failed",
        "AssertionError",
    ),
    "ptrace": (
        _LIBC
        + "call('ptrace', ctypes.c_long(16), ctypes.c_long(os.getppid()), None, None)  # PTRACE_ATTACH to process 1",
        "failed",
        "PermissionError",
    ),
    "keyrings": (
        _LIBC + "number = {'x86_64': 248, 'aarch64': 217}[os.uname().machine]\n"
        "call('syscall', ctypes.c_long(number), b'user', b'escape', b'x', 1, ctypes.c_int(-3))",
        "failed",
        "PermissionError",
    ),
    "mount": (
        _LIBC + "call('mount', b'proc', b'/tmp', b'proc', ctypes.c_ulong(0), None)",
        "failed",
        "PermissionError",
    ),
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
    "a long sleep": ("import time\ntime.sleep(600)", "timed-out", "stopped after 2 seconds"),
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
    "links, a socket and a sparse file": (
        "import os, socket\nos.chdir('/outputs')\nos.symlink('/data/person.parquet', 'link')\n"
        "open('one', 'w').close()\nos.link('one', 'hard')\nos.mkfifo('pipe')\n"
        "socket.socket(socket.AF_UNIX).bind('socket')\nopen('sparse', 'wb').truncate(3 << 20)\n",
        "succeeded",
        "none of what the job wrote may be an output",
    ),
}


def run_all(site: Site) -> dict[str, Any]:
    """Each attempt by name: status, what its author is told, and what it left; then the site's health."""
    os.environ[CANARY] = "do-not-tell"
    folder = site.path.parent / "attempts"
    folder.mkdir()
    told = {}
    for name, (code, status, _) in ATTEMPTS.items():
        (folder / "main.py").write_text(code)
        limits = SMALL | ({"seconds": 2} if status == "timed-out" else {})
        result = run_job(site, "p0001", code=folder / "main.py", author="ada", limits=limits)
        deadline = time.monotonic() + 5
        while (left := _inside(result.folder)) and time.monotonic() < deadline:
            time.sleep(0.05)
        told[name] = {
            "status": result.status,
            "told": f"{result.reason}\n{result.log}",
            "said": result.log_file.read_text(errors="replace")[-2000:],
            "kept": sum(item["size"] for item in result.outputs),
            "seconds": result.seconds,
            "partial": len(list(result.folder.rglob("*.partial"))),
            "processes": left,
        }
    return {
        "user": os.geteuid(),
        "attempts": told,
        "unwell": [check.name for check in quick_checks(site) if not check.ok],
        "audit": [problem.message for problem in site.audit.verify()],
        "jobs": len(list((site.projects / "p0001" / "jobs").glob("*/job.json"))),
    }


def _inside(folder: Path) -> list[str]:
    """Processes that still see a job's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder) in (process / "mountinfo").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_all(Site.open(sys.argv[1]))))
