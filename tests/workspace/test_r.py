"""Jobs in R, on a machine that has it: tables come without loss, results leave with their evidence, errors by line."""

from __future__ import annotations

import json
import textwrap

import pytest

from lockgate.errors import Refused
from lockgate.workspace import run_job, steps
from lockgate.workspace.steps import r_program

pytestmark = pytest.mark.sandbox
needs_r = pytest.mark.skipif(not r_program(), reason="R is not installed here (apt install r-base-core)")


@pytest.fixture
def run(site, project, tmp_path):
    """Run files as a job of ada."""

    def go(**files: str):
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(textwrap.dedent(text))
        return run_job(site, "p0001", code=folder, author="ada")

    return go


@needs_r
def test_r_reads_tables_and_its_results_come_out_with_their_evidence(run):
    result = run(
        main__R="""
        people <- lockgate_table("person")
        stopifnot(nrow(people) == 40, is.character(people$person_id), is.numeric(people$year_of_birth))
        visits <- lockgate_table("visit_occurrence")
        stopifnot(inherits(visits$visit_start_date, "Date"), inherits(visits$visit_start_datetime, "POSIXct"))
        stopifnot(setequal(visits$person_id, people$person_id))
        odd <- lockgate_sql("SELECT * FROM (VALUES (1::BIGINT, NULL, '', true, 1.5),
                             (9007199254740993, 'a,\\"b\\"', 'é', NULL, 2)) AS t(id, a, b, c, d)")
        stopifnot(odd$id[2] == "9007199254740993", is.na(odd$a[1]), odd$b[1] == "", odd$a[2] == 'a,"b"')
        stopifnot(odd$b[2] == "\\u00e9", is.logical(odd$c), is.na(odd$c[2]), odd$d[2] == 2)
        sexes <- aggregate(list(n = people$person_id), by = list(sex = people$gender_concept_id), FUN = length)
        lockgate_output(sexes, 'by_sex dimensions=sex counts=n title="People by sex"')
        lockgate_output(people, 'counted unit=person_id by=gender_concept_id title="People by sex, counted here"')
        fit <- lm(year_of_birth ~ factor(gender_concept_id), data = people)
        write.csv(round(coef(summary(fit)), 3), "/outputs/model.csv")
        print(commandArgs(trailingOnly = TRUE))
        cat("the secret is", people$person_id[1], "\\n")
    """
    )
    assert result.status == "succeeded", result.log_file.read_text()
    outputs = result.folder / "outputs"
    assert (outputs / "by_sex.csv").read_text() == "sex,n\n8507,20\n8532,20\n"
    assert "8507,20" in (outputs / "counted.csv").read_text()
    assert (outputs / "model.csv").exists()
    described = json.loads((outputs / "outputs.json").read_text())["outputs"]
    assert [entry["name"] for entry in described] == ["by_sex", "counted"]
    assert "secret" not in result.log
    assert "secret" in result.log_file.read_text()


@needs_r
def test_an_error_in_r_is_told_by_its_line_and_never_by_its_words(run):
    result = run(main__R='one <- 1\n\nlook <- function(x) {\n  stop("person ", x)\n}\nlook(943)\n')
    assert result.status == "failed"
    assert "Error: an error, in the expression that begins on line 6" in result.log
    assert "943" not in result.log
    assert "person 943" in result.log_file.read_text()
    assert "SyntaxError, in the expression that begins on line 2" in run(main__R="one <- 1\ntwo <- )\n").log
    assert "on line 1" in run(main__R='lockgate_table("nothing")\n').log
    assert "on line 1" in run(main__R='readLines("/etc/shadow")\n').log
    assert "on line 1" in run(main__R='url("http://203.0.113.1/", open = "r")\n').log


@needs_r
def test_r_is_a_step_among_others_and_runs_again_when_its_packages_change(run, monkeypatch):
    files = {
        "project__yaml": """
            actions:
              cohort:
                run: sql cohort.sql
                outputs:
                  highly_sensitive: {rows: rows.csv}
              model:
                run: r model.R 2
                needs: [cohort]
                outputs:
                  moderately_sensitive: {table: by_sex.csv}
            """,
        "cohort__sql": "-- output: rows dimensions=sex counts=n title=Rows\n"
        "SELECT gender_concept_id AS sex, count(*) AS n FROM person GROUP BY 1 ORDER BY 1;",
        "model__R": """
            factor <- as.integer(commandArgs(trailingOnly = TRUE)[1])
            rows <- read.csv("/inputs/cohort/rows.csv")
            stopifnot(all(rows$n == lockgate_table("cohort.rows")$n))
            lockgate_output(data.frame(sex = rows$sex, n = rows$n / factor), 'by_sex dimensions=sex counts=n')
            """,
    }
    result = run(**files)
    assert result.status == "succeeded", result.log_file.read_text()
    assert (result.folder / "outputs" / "by_sex.csv").read_text() == "sex,n\n8507,10\n8532,10\n"

    def reused(result):
        told = json.loads((result.folder / "job.json").read_bytes())["steps"]
        return {step["name"]: bool(step["reused_from"]) for step in told}

    assert reused(run()) == {"cohort": True, "model": True}
    monkeypatch.setattr(steps, "r_sha256", lambda: "others")
    assert reused(run()) == {"cohort": True, "model": False}


def test_without_r_a_step_in_r_is_refused_before_anything_runs(run, project, monkeypatch):
    monkeypatch.setattr(steps, "r_program", lambda: "")
    with pytest.raises(Refused) as refusal:
        run(main__R="1")
    assert "there is no Rscript" in refusal.value.reasons[0]
    assert "r-base-core" in refusal.value.remedy
    assert not list(project.jobs.glob("*"))
