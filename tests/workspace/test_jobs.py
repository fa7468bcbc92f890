"""Jobs: what they see, what comes out, and what stops them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lockgate.errors import Refused, UsageError
from lockgate.workspace import jobs, run_job
from lockgate.workspace.jobs import list_jobs, show_job
from lockgate.workspace.sandbox import gate
from lockgate.workspace.sandbox.model import Outcome, Probe
from lockgate.workspace.scope import revoke

pytestmark = pytest.mark.sandbox


@pytest.fixture
def run(site, project, tmp_path):
    """Run some code as ada."""

    def go(code: str, name: str = "main.py", **options):
        path = tmp_path / name
        path.write_text(textwrap.dedent(code))
        return run_job(site, "p0001", code=path, author="ada", **options)

    return go


def test_python_reads_the_data_and_its_results_come_out(run, site):
    result = run("""
        import os, duckdb, polars
        from lockgate import outputs
        data = os.environ["LOCKGATE_DATA"]
        people = polars.read_parquet(f"{data}/person.parquet")
        table = duckdb.sql(f"SELECT gender_concept_id::VARCHAR sex, count(*) n FROM '{data}/person.parquet' GROUP BY 1")
        outputs.table(table, "by_sex", title="People by sex", dimensions=["sex"], counts=["n"])
        print("the secret is", people["person_id"][0])
    """)
    assert result.status == "succeeded", result.log_file.read_text()
    assert [item["name"] for item in result.outputs] == ["by_sex.csv", "outputs.json"]
    assert "8507,20" in (result.folder / "outputs" / "by_sex.csv").read_text()
    assert "secret" in result.log_file.read_text()
    assert "secret" not in result.log
    record = json.loads((result.folder / "job.json").read_bytes())
    assert record["state"] == "succeeded"
    assert record["scope_id"] == "p0001-v1"
    assert [entry.event for entry in site.audit.entries()][-2:] == ["job.started", "job.finished"]


def test_sql_writes_declared_tables(run):
    result = run(
        """
        -- how many; a semicolon; in a comment
        CREATE TABLE firsts AS SELECT person_id, min(condition_start_date) AS day FROM condition_occurrence GROUP BY 1;
        -- output: by_year dimensions=year counts=people title="People by year of first condition"
        SELECT year(day) AS year, count(DISTINCT person_id) AS people FROM firsts GROUP BY 1;
        /* the last one */ SELECT ';' AS mark, count(*) AS n FROM person;
        """,
        "main.sql",
    )
    assert result.status == "succeeded", result.log_file.read_text()
    assert (result.folder / "outputs" / "by_year.csv").read_text() == "year,people\n2019,40\n"
    described = json.loads((result.folder / "outputs" / "outputs.json").read_text())["outputs"]
    assert [item["name"] for item in described] == ["by_year"]
    assert (result.folder / "outputs" / "result.csv").read_text() == "mark,n\n;,40\n"


def test_an_error_is_told_by_its_place_and_never_by_its_values(run, site):
    result = run("""
        content = open("/data/person.parquet", "rb").read()
        def look(content):
            raise ValueError(f"person {content[4:12]}")
        look(content)
    """)
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "Error: ValueError, at\n  main.py, line 5\n  main.py, line 4" in result.log
    assert "person " in result.log_file.read_text()
    assert "person " not in result.log
    own = run("""
        name = f"Person{sum(open('/data/person.parquet', 'rb').read())}"
        raise type(name, (Exception,), {})()
    """)
    assert "an error of its own" in own.log
    assert "Person" not in own.log
    sql = run("SELECT 1;\n\nSELECT nothing FROM person", "main.sql")
    assert "BinderException, in statement 2, which begins on line 3" in sql.log
    assert "ImportError" not in run("def broken(:\n  pass").log
    assert "SyntaxError" in run("x = 1\ndef broken(:\n  pass").log


def test_the_network_is_not_there(run):
    result = run("""
        import socket
        socket.create_connection(("198.51.100.1", 443), timeout=2)
    """)
    assert result.status == "failed"
    assert "Network is unreachable" in result.log_file.read_text()


def test_data_and_code_can_not_be_written_and_scopes_not_read(run, site):
    result = run(f"""
        import os
        from pathlib import Path
        for attempt in (lambda: Path("/data/person.parquet").write_bytes(b""), lambda: Path("/code/x").write_text(""),
                        lambda: os.listdir({str(site.projects)!r}),
                        lambda: Path("/data/../workspace.json").read_text()):
            try:
                attempt()
            except OSError as error:
                print(type(error).__name__)
            else:
                raise SystemExit(3)
        Path("/outputs/note.txt").write_text("held")
    """)
    assert result.exit_code == 0, result.log_file.read_text()


def test_limits(run):
    slow = run("import time; time.sleep(60)", limits={"seconds": 1})
    assert slow.status == "timed-out"
    assert slow.seconds < 10
    assert "1 seconds" in slow.log
    with pytest.raises(UsageError, match="limit"):
        run("", limits={"seconds": 10**6})
    with pytest.raises(UsageError, match="no limit named"):
        run("", limits={"patience": 1})
    hungry = run(
        "x = bytearray(900 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(20)",
        limits={"memory_mb": 300},
    )
    assert (hungry.status, hungry.reason) == ("failed", "stopped at 300 MB of memory, its limit")


def test_odd_outputs_are_refused_by_name_and_the_rest_kept(run):
    result = run("""
        import os
        from pathlib import Path
        out = Path("/outputs")
        (out / "good.txt").write_text("good")
        (out / "link.txt").symlink_to("/data/person.parquet")
        os.mkfifo(out / "pipe")
        (out / "bad\\x1bname").write_text("x")
        (out / "folder").mkdir()
        (out / "folder" / "deep.txt").write_text("deep")
    """)
    assert result.status == "succeeded"
    assert [item["name"] for item in result.outputs] == ["folder/deep.txt", "good.txt"]
    assert {item["name"] for item in result.refused_outputs} == {"link.txt", "pipe", "bad\\x1bname"}
    assert "link.txt: it is a symbolic link" in result.log
    assert not (result.folder / "outputs.partial").exists()


def test_names_that_the_code_makes_up_are_not_told(run):
    result = run("""
        secret = "57-people"
        open(f"/outputs/n-{secret}.csv", "w").write("a")
        open(f"/outputs/.n-{secret}", "w").write("a")
        __import__("os").mkfifo(f"/outputs/pipe-{secret}")
        __import__("os").mkfifo("/outputs/pipe")
    """)
    assert result.status == "succeeded"
    assert "57" not in result.log
    assert "Not taken: pipe: it is a named pipe." in result.log
    assert "whose names are not in the code" in result.log


def test_the_last_words_of_a_job_are_not_told_when_the_sandbox_dies(run, monkeypatch):
    ended = Outcome(None, "setup", "57 people", 0.1, b"57 people\n", 1)
    monkeypatch.setattr(jobs, "start", lambda *_, **__: ended)
    result = run("print('57 people')")
    assert result.status == "failed"
    assert "57" not in result.reason + result.log


def test_a_job_that_writes_nothing_says_so(run):
    result = run("print('hello')")
    assert (result.status, result.reason) == ("succeeded", "the job wrote no output")


def test_a_folder_of_code(site, project, tmp_path):
    folder = tmp_path / "study"
    (folder / "lib").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / "main.py").write_text("from lib.more import write\nwrite()\n")
    (folder / "lib" / "more.py").write_text("def write():\n    open('/outputs/a.txt', 'w').write('a')\n")
    result = run_job(site, "p0001", code=folder, author="ada")
    assert [item["name"] for item in result.outputs] == ["a.txt"]
    assert not (result.folder / "code" / ".git").exists()
    (folder / "link.py").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="links"):
        run_job(site, "p0001", code=folder, author="ada")
    with pytest.raises(UsageError, match=r"\.py or \.sql"):
        run_job(site, "p0001", code=tmp_path / "x.sh", author="ada") if (tmp_path / "x.sh").write_text(
            "ls"
        ) else None


def test_refused_and_audited(site, project, run, monkeypatch):
    with pytest.raises(Refused) as refusal:
        run_job(site, "p0001", code=Path(__file__), author="mallory")
    assert "mallory is not named" in refusal.value.reasons[0]
    assert [entry.event for entry in site.audit.entries()][-1] == "job.refused"
    failing = gate.Isolation(
        "bubblewrap", (Probe("network: tcp", False, "connect", "WORKED: 127.0.0.1"),), 0.0
    )
    (site.projects / ".isolation.json").unlink()
    monkeypatch.setattr(gate, "probe_isolation", lambda *_: failing)
    with pytest.raises(Refused) as refusal:
        run("print(1)")
    assert "network: tcp" in refusal.value.reasons[0]
    monkeypatch.undo()
    revoke(site, "p0001-v1", "dev", "stop")
    with pytest.raises(Refused) as refusal:
        run("print(1)")
    assert "revoked" in refusal.value.reasons[0]
    assert not list((project.path / "jobs").glob("*"))


def test_who_opts_out_is_gone_before_the_next_job(site, project, run, monkeypatch):
    from lockgate.workspace import leftout

    code = "import duckdb\nduckdb.sql(\"SELECT count(*) n FROM '/data/person.parquet'\").write_csv('/outputs/n.csv')"
    assert (run(code).folder / "outputs" / "n.csv").read_text() == "n\n40\n"
    monkeypatch.setattr(leftout, "opted_out", lambda *_, **__: {7})
    (project.path / "opt-outs.json").unlink()  # as a new batch, index or day would
    assert (run(code).folder / "outputs" / "n.csv").read_text() == "n\n39\n"


def test_a_job_whose_worker_was_killed_is_marked_as_failed(site, project, tmp_path):
    code = tmp_path / "main.py"
    code.write_text("import time; open('/outputs/x', 'w').write('x'); time.sleep(60)")
    program = (
        "import sys; from pathlib import Path; from lockgate.site import Site; from lockgate.workspace import run_job; "
        "run_job(Site.open(sys.argv[1]), 'p0001', code=Path(sys.argv[2]), author='ada')"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, str(site.path), str(code)])
    deadline = time.monotonic() + 30
    while not list(project.jobs.glob("*/outputs.partial/x")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [job.status for job in list_jobs(site, "p0001")] == ["running"]
    worker.kill()
    worker.wait()
    (job,) = list_jobs(site, "p0001")
    assert job.status == "failed"
    assert "worker ended" in job.reason
    assert not list(project.jobs.glob("*/outputs.partial"))
    deadline = time.monotonic() + 5
    while str(project.jobs / job.job_id) in _mounts():  # the sandbox ends with its worker
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert show_job(site, "p0001", job.job_id).status == "failed"


def _mounts() -> str:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "mountinfo").read_text())
        except OSError:
            continue
    return "".join(found)


def test_states_are_those_of_the_contract():
    assert set(jobs.STATES) == {"running", "succeeded", "failed", "timed-out", "cancelled", "refused"}
