"""Bad input of jobs, by real jobs from the code to the gate's verdict: each has its own clear answer."""

from __future__ import annotations

import textwrap

import pytest

from lockgate.disclosure import check_outputs
from lockgate.workspace import run_job

pytestmark = pytest.mark.sandbox

LIMITS = {"seconds": 20, "output_mb": 8, "file_mb": 4, "output_files": 30, "tmp_mb": 8}
WRITES = {
    "nothing": ("x = 1", "the job wrote no output"),
    "outside": ("open('/data/person.parquet', 'w')", "nothing but outputs and scratch space can be written"),
    "for ever": ("while True:\n    pass", "stopped after 2 seconds, its limit"),
    "without end": ("n = 0\nwhile True:\n    n += 1\n    open(f'/outputs/{n}', 'w').close()", "30 files in"),
    "two gigabytes": ("open('/outputs/a', 'wb').truncate(2 << 30)", "a file reached the limit for one file"),
    "a full scratch space": (
        "for n in range(9):\n    with open(f'/tmp/{n}', 'ab', 0) as f:\n        f.write(bytes(3 << 20))\n"
        "        f.write(b'x')",
        "the scratch space is full",
    ),
    "by a program that minds no signal": (
        "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('/outputs/a', 'wb').truncate(2 << 30)",
        "a file reached the limit for one file",
    ),
    "over the network": (
        "import socket\nsocket.create_connection(('203.0.113.1', 443), 2)",
        "there is no network here",
    ),
}
LEAVES = """
import os, socket, zipfile
os.chdir("/outputs")
os.symlink("/data/person.parquet", "link.csv")
os.link("/outputs/link.csv", "second.csv", follow_symlinks=False)
socket.socket(socket.AF_UNIX).bind("socket")
os.mkfifo("pipe")
open("sparse.bin", "wb").truncate(3 << 20)
open("bell\\a.csv", "w").close()
open(b"latin\\xe9.csv", "w").close()
open("not.csv", "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(100))
open("semicolons.csv", "w").write("a;b\\n1;2\\n")
open("ragged.csv", "w").write("a,b\\n1,2,3\\n4\\n")
sheet = "<worksheet><sheetData><row><c><f>SUM(A1:A9)</f><v>3</v></c></row></sheetData></worksheet>"
with zipfile.ZipFile("book.xlsx", "w") as book:
    book.writestr("xl/workbook.xml", "<workbook/>")
    book.writestr("xl/worksheets/sheet1.xml", sheet)
"""
REFUSED = {
    "link.csv": "symbolic link",
    "second.csv": "symbolic link",
    "socket": "socket",
    "pipe": "named pipe",
    "sparse.bin": "sparse",
    "bell\\x07.csv": "control or invisible characters",
    "latin\\udce9.csv": "not UTF-8",
}
VERDICTS = {
    "not.csv": "a PNG",
    "semicolons.csv": "something else than commas",
    "ragged.csv": "no entry of outputs.json describes it",
    "book.xlsx": "has formulas",
}


def test_a_job_that_writes_what_it_may_not(site, project, tmp_path):
    for what, (code, words) in WRITES.items():
        (tmp_path / "main.py").write_text(code)
        limits = LIMITS | ({"seconds": 2} if what == "for ever" else {})
        result = run_job(site, "p0001", code=tmp_path / "main.py", author="ada", limits=limits)
        assert words in f"{result.reason}\n{result.log}", (what, result.log)
        assert sum(item["size"] for item in result.outputs) == 0, what
        assert result.status == {"nothing": "succeeded", "for ever": "timed-out"}.get(what, "failed"), what


def test_what_a_job_leaves_has_its_answer_at_the_sweep_or_at_the_gate(site, project, tmp_path):
    (tmp_path / "main.py").write_text(textwrap.dedent(LEAVES))
    result = run_job(site, "p0001", code=tmp_path / "main.py", author="ada", limits=LIMITS)
    assert result.status == "succeeded", result.log_file.read_text()
    refused = {item["name"]: item["reason"] for item in result.refused_outputs}
    assert set(refused) == set(REFUSED)
    for name, words in REFUSED.items():
        assert words in refused[name], name
    verdicts = {
        verdict.file: " ".join(f"{item.where} {item.message}" for item in verdict.findings)
        for verdict in check_outputs(result.folder / "outputs")
    }
    assert "described" in verdicts.pop("outputs.json", "described")
    assert set(verdicts) == set(VERDICTS)
    for name, words in VERDICTS.items():
        assert words in verdicts[name], (name, verdicts[name])
    assert len(set(verdicts.values())) == len(verdicts)
