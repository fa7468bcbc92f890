"""Tables by contract: headers, rows, lines, faults, people, versions."""

from __future__ import annotations

import gzip
import shutil
from importlib import resources
from pathlib import Path

import pytest

from lockgate.capture import capture_table, capture_tables, contracts, status
from lockgate.capture.reasons import REASONS
from lockgate.capture.tabular import columns
from lockgate.capture.tabular.load import read_contract
from lockgate.capture.tabular.reader import TableReader, define_for
from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError
from lockgate.schema import staged_columns
from lockgate.site import Site

from .conftest import adds_up

HEADER = (
    "incident_id,reported_at,occurred_at,ward_code,nhs_number,hospital_number,category_code,category,harm,"
    "description,last_updated\n"
)
GOOD = '{id},2024-01-02T10:00:00,2024-01-02T09:00:00,W1,9434765919,H1,F,Fall,low,"Fell, twice",2024-07-02T10:00:00\n'


def csv(path: Path, *rows: str | bytes, header: str = HEADER) -> Path:
    body = b"".join(row if isinstance(row, bytes) else row.encode() for row in (header, *rows))
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def test_rows_their_people_and_their_lines(site: Site, tmp_path: Path, rows, faults) -> None:
    good = GOOD.format(id="I1").replace("Fell, twice", 'He ""fell"",\nthen\nrose')
    path = csv(
        tmp_path / "incidents.csv",
        good,
        GOOD.format(id="I2").replace("9434765919", "9434765918"),
        "\n",
        GOOD.format(id="I3").replace("2024-01-02T09", "2024-02-30T09"),
        GOOD.format(id="I4").replace("low", "awful"),
        GOOD.format(id="I5").replace("T09:00", "T19:00"),
        GOOD.format(id=""),
        "I6,too,short\n",
        GOOD.format(id="I7").encode().replace(b"Fall", b"\xff"),
        GOOD.format(id="I8").replace("9434765919,H1", ","),
        GOOD.format(id="I8").replace("9434765919,H1", ","),
        header="\ufeff" + HEADER,
    )
    result = capture_table(site, "incidents", path, actor="test")
    assert adds_up(result)
    assert (result.received, result.staged, result.quarantined, result.duplicates) == (10, 2, 7, 1)
    assert faults() == {
        ("incidents.csv", 5): "bad-nhs-number",
        ("incidents.csv", 7): "impossible-date",
        ("incidents.csv", 8): "bad-code",
        ("incidents.csv", 9): "impossible-date",
        ("incidents.csv", 10): "missing-required",
        ("incidents.csv", 11): "wrong-columns",
        ("incidents.csv", 12): "not-utf8",
    }
    # British summer time in the file; UTC in version_at.
    assert rows("incident", "record_id, patient_ref, version_at::VARCHAR, harm") == [
        ("I1", "H1", "2024-07-02 09:00:00", "low"),
        ("I8", None, "2024-07-02 09:00:00", "low"),
    ]
    assert rows("incident", "record_id, description")[0] == ("I1", 'He "fell",\nthen\nrose')
    assert rows("patient", "source, record_id, nhs_number, local_number") == [
        ("incidents", "H1", "9434765919", "H1")
    ]
    again = capture_table(site, "incidents", path, actor="test")
    assert (again.staged, again.duplicates) == (0, 10)


def test_a_wrong_header_is_refused_with_the_columns_named(site: Site, tmp_path: Path) -> None:
    path = csv(
        tmp_path / "incidents.csv", header=HEADER.replace("harm", "severity").replace("ward_code", "category")
    )
    with pytest.raises(Refused) as refused:
        capture_table(site, "incidents", path, actor="test")
    assert refused.value.reasons == [
        "missing column: ward_code",
        "column named twice: category",
        "columns the contract does not name: severity",
    ]
    assert status(site)["received"] == 0


def test_columns_may_come_in_any_order(site: Site, tmp_path: Path, rows) -> None:
    path = csv(tmp_path / "postcodes.csv.gz", "E01000001,ZZ1 1AA\n", header="lsoa21,pcds\n")
    assert capture_table(site, "postcodes", path, actor="test").staged == 1
    assert rows("postcode", "record_id, lsoa21_code") == [("ZZ1 1AA", "E01000001")]


def test_a_truncated_table_keeps_its_whole_rows(site: Site, tmp_path: Path) -> None:
    path = csv(
        tmp_path / "postcodes.csv.gz",
        *(f"ZZ{n} 1AA,E{n * 7919:08}\n" for n in range(5000)),
        header="pcds,lsoa21\n",
    )
    path.write_bytes(path.read_bytes()[:-2000])
    result = capture_table(site, "postcodes", path, actor="test")
    assert result.reasons == {"truncated-file": 1}
    assert result.staged > 1000


def test_dates_are_read_as_declared_and_never_guessed(site: Site, tmp_path: Path, rows) -> None:
    header = "response_id,received_on,ward_code,service,rating,comment\n"
    path = csv(tmp_path / "feedback.csv", "1,03/04/2024,W,s,1,\n", "2,04/13/2024,W,s,1,\n", header=header)
    assert capture_table(site, "feedback", path, actor="test").reasons == {"impossible-date": 1}
    assert rows("feedback", "received_on::VARCHAR") == [("2024-04-03",)]


def test_primary_care_becomes_three_tables(site: Site, tmp_path: Path, rows) -> None:
    header = (
        "event_id,nhs_number,birth_date,sex,practice_code,event_date,event_type,code_system,code,term,value,unit,"
        "updated_at\n"
    )
    person = "943 476 5919,1950-01-01,F,A81001,2024-01-01"
    path = csv(
        tmp_path / "primary_care.csv",
        f"1,{person},diagnosis,SNOMED,44054006,Diabetes,,,2024-01-02T00:00:00\n",
        f"2,{person},medication,dm+d,109081006,Metformin,500,mg,2024-01-02T00:00:00\n",
        f"3,{person},measurement,http://loinc.org,59261-8,HbA1c,<54,mmol/mol,2024-01-02T00:00:00\n",
        f"4,{person},measurement,LOINC,59261-8,HbA1c,54,furlong,2024-01-02T00:00:00\n",
        header=header,
    )
    assert capture_table(site, "primary_care", path, actor="test").reasons == {"unknown-unit": 1}
    assert rows("condition", "code_system, patient_ref", "NOT deleted") == [("SNOMED", "9434765919")]
    assert rows("medication", "code_system, kind", "NOT deleted") == [("dm+d", "prescribed")]
    assert rows("result", "code_system, value_number, value_operator, unit_code", "NOT deleted") == [
        ("LOINC", 54.0, "<", "mmol/mol")
    ]
    assert rows("patient", "record_id, sex, birth_date::VARCHAR") == [("9434765919", "F", "1950-01-01")]


def test_a_folder_is_checked_before_anything_is_captured(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    csv(folder / "incidents.csv", GOOD.format(id="1"))
    csv(folder / "postcodes.csv", "x\n", header="pcds\n")
    with pytest.raises(Refused, match="postcodes"):
        capture_tables(site, folder, actor="test")
    csv(folder / "postcodes.csv", "ZZ1 1AA,E01000001\n", header="pcds,lsoa21\n")
    (folder / "surprise.csv").write_text("a\n")
    with pytest.raises(UsageError, match="surprise"):
        capture_tables(site, folder, actor="test")
    assert status(site)["received"] == 0
    (folder / "surprise.csv").unlink()
    assert [result.staged for result in capture_tables(site, folder, actor="test")] == [1, 1]


@pytest.mark.parametrize("name", contracts())
def test_every_contract_fits_the_staged_model(name: str) -> None:
    loaded = contracts()[name]
    reader = TableReader(loaded)
    assert {reason for _, reason, _ in reader.faults} <= set(REASONS)
    assert {rule.reason for rule in loaded.contract.rules} <= set(REASONS)
    with Engine(threads=1) as engine:
        received = "TIMESTAMP '2026-01-01'"
        define_for(engine, received, "Europe/London")
        engine.execute(
            "CREATE TABLE fault (item_hash VARCHAR, reason VARCHAR, detail VARCHAR, waits_for VARCHAR)"
        )
        engine.execute(
            "CREATE TEMP TABLE shaped AS "
            + columns.sent_rows(loaded.contract, "SELECT 'h' AS item_hash, 'k' AS record_id, '{}' AS raw")
        )
        reader.type_rows(engine, "s", "b", received)
        for table, selects in loaded.tables().items():
            listed = ", ".join(f"{quote(column.name)} {column.type}" for column in staged_columns(table))
            engine.execute(f"CREATE TABLE {quote('staged_' + table)} ({listed})")
            for select in selects:
                engine.execute(f"INSERT INTO {quote('staged_' + table)} BY NAME {select}")


def test_a_broken_contract_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such contract"):
        read_contract(tmp_path)
    (tmp_path / "contract.yaml").write_text("contract: lockgate.contract/1\nname: x\n")
    with pytest.raises(UsageError, match="title"):
        read_contract(tmp_path)
    text = "contract: lockgate.contract/1\nname: x\ntitle: X\nowner: o\nlegal_basis: l\nkey: [id]\ncolumns: {a: {}}\n"
    (tmp_path / "contract.yaml").write_text(text)
    with pytest.raises(UsageError, match="does not define: id"):
        read_contract(tmp_path)
    (tmp_path / "contract.yaml").write_text(text.replace("[id]", "[a]"))
    with pytest.raises(UsageError, match="no SELECT"):
        read_contract(tmp_path)
    (tmp_path / "nonsense.sql").write_text("SELECT 1")
    with pytest.raises(UsageError, match="no staged table is called nonsense"):
        read_contract(tmp_path)


def test_a_file_without_its_header_is_refused_without_its_values(site: Site, tmp_path: Path) -> None:
    record = "I1,2024-01-02,2024-01-01,W1,9990000018,H1,c,c,low,fell,Smith\n"
    path = csv(tmp_path / "incidents.csv", header=record)
    with pytest.raises(Refused, match="no column name") as refusal:
        capture_table(site, "incidents", path, actor="test")
    said = str(refusal.value) + refusal.value.remedy + " ".join(refusal.value.reasons)
    assert not any(value in said for value in ("9990000018", "Smith", "H1", "2024"))


def test_a_column_named_like_a_value_is_not_repeated(site: Site, tmp_path: Path) -> None:
    path = csv(tmp_path / "postcodes.csv", "ZZ1 1AA,E01000001,x\n", header="pcds,lsoa21,9990000018\n")
    result = capture_table(site, "postcodes", path, actor="test")
    assert result.warnings == [
        "columns that the contract postcodes does not name, kept raw and not staged: 1 whose names look like values"
    ]


EMPTY_FILES = {
    "nothing": (b"", "not even a header"),
    "blank lines": (b"\xef\xbb\xbf\r\n\n", "not even a header"),
    "packed nothing": (gzip.compress(b""), "not even a header"),
    "a header": (HEADER.encode(), "a header and no row"),
    "a header and blank lines": (HEADER.strip().encode() + b"\r\n\r\n", "a header and no row"),
}


@pytest.mark.parametrize("kind", EMPTY_FILES)
def test_an_empty_delivery_is_said_and_shown_in_the_status(site: Site, tmp_path: Path, kind: str) -> None:
    content, said = EMPTY_FILES[kind]
    path = tmp_path / ("incidents.csv.gz" if kind == "packed nothing" else "incidents.csv")
    path.write_bytes(content)
    result = capture_table(site, "incidents", path, actor="test")
    assert result.received == 0
    (warning,) = [warning for warning in result.warnings if "empty delivery" in warning]
    assert said in warning
    assert status(site)["empty"] == [{"batch": result.batch_id, "source": "incidents"}]
    assert status(site)["adds_up"]


@pytest.mark.parametrize("rule", ["allow", "refuse"])
def test_a_contract_says_whether_a_delivery_may_be_empty(site: Site, tmp_path: Path, rule: str) -> None:
    folder = site.path / "contracts" / "incidents"
    shutil.copytree(Path(str(resources.files("lockgate.capture").joinpath("contracts/incidents"))), folder)
    file = folder / "contract.yaml"
    file.write_text(file.read_text() + f"empty: {rule}\n")
    path = csv(tmp_path / "incidents.csv")
    if rule == "refuse":
        with pytest.raises(Refused, match="delivery is empty"):
            capture_table(site, "incidents", path, actor="test")
        assert status(site)["batches"] == []
    else:
        assert capture_table(site, "incidents", path, actor="test").warnings == []
        assert status(site)["empty"] == []


def test_an_unknown_contract_brings_the_nearest_names_to_mind(site: Site, tmp_path: Path) -> None:
    path = csv(tmp_path / "incident.csv", GOOD.format(id="I1"))
    for capture in (
        lambda: capture_table(site, "incident", path, actor="test"),
        lambda: capture_tables(site, tmp_path, actor="test"),
    ):
        with pytest.raises(UsageError) as error:
            capture()
        assert "is it incidents" in str(error.value.remedy)
        assert "contract list" in str(error.value.remedy)
        assert len(str(error.value.remedy)) < 200
