"""The library: versions that never change, code lists by their codes only, imports, search."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.cli import run
from lockgate.cohorts.codelists import Code, read_codelist
from lockgate.cohorts.definition import CodeItem
from lockgate.cohorts.library import Library, New
from lockgate.cohorts.library_import import entry_name, read_folder
from lockgate.cohorts.library_search import near_words, search
from lockgate.errors import Refused, UsageError
from lockgate.schema import OMOP
from lockgate.site import Site
from lockgate.terminology.store import load
from lockgate.terminology.synonyms import meanings

LIST = (
    b"\xef\xbb\xbfDisease,ICD10code,ICD10codeDescr,Category\r\nFlu,J10+,Its words,Diagnosis\r\n,,,\r\n"
    b"Flu,j101,Words,Diagnosis\r\nFlu,J10,x,Diagnosis\r\n"
)


def atlas(name: str = "sugar", concept: int = 201826, days: int = 0) -> bytes:
    told = {"CONCEPT_ID": concept, "CONCEPT_CODE": "44054006", "VOCABULARY_ID": "SNOMED", "CONCEPT_NAME": "x"}
    return json.dumps(
        {
            "ConceptSets": [{"id": 0, "name": name, "expression": {"items": [{"concept": told}]}}],
            "PrimaryCriteria": {
                "CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0}}],
                "ObservationWindow": {"PriorDays": days, "PostDays": 0},
                "PrimaryCriteriaLimit": {"Type": "All"},
            },
        }
    ).encode()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(Site.init(tmp_path / "site", name="A site", seed="library"))


def test_a_code_list_is_read_for_its_codes() -> None:
    found = read_codelist(LIST, "kuan_flu_ICD10.csv")
    assert found.title == "Flu"
    assert found.codes == (Code("ICD10", "J10", "Diagnosis"), Code("ICD10", "J10.1", "Diagnosis"))
    assert found.concept_set()[0] == CodeItem("ICD10", "J10", descendants=True)
    assert len(found.notes) == 3  # a blank row, a dagger, a code again
    told = read_codelist(b"terminology,code,term\nOPCS4,K401,x\nSNOMEDCT,22298006,y\n", "any.csv")
    assert [(code.vocabulary, code.code) for code in told.codes] == [
        ("OPCS4", "K40.1"),
        ("SNOMED", "22298006"),
    ]


@pytest.mark.parametrize(
    ("raw", "name", "where", "reason"),
    [
        (b"", "a_ICD10.csv", "line 1", "empty"),
        (b"icd10code\n", "a_ICD10.csv", "line 1", "no code in it"),
        (b"name,term\nx,y\n", "a_ICD10.csv", "line 1", "none of its columns"),
        (b"icd10code,term\nI21,a,b\n", "a_ICD10.csv", "line 2", "3 fields"),
        (b"icd10code,term\nI21,a\n,words\n", "a_ICD10.csv", "line 3", "no code of ICD10"),
        (b"icd10code\nA00-A09\n", "a_ICD10.csv", "line 2", "no code of ICD10"),
        (b"code\nI21\n", "a.csv", "line 2", "which vocabulary"),
        (b"code,code\nI21,I22\n", "a_ICD10.csv", "line 1", "two columns"),
        (b"icd10code\nI21\n\xff\xfe\n", "a_ICD10.csv", "line 3", "UTF-8"),
        (b'icd10code,term\nI21,"open\n', "a_ICD10.csv", "line 2", "CSV"),
    ],
)
def test_a_bad_code_list_is_refused_with_its_place(raw: bytes, name: str, where: str, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_codelist(raw, name)
    assert where in str(refused.value.where) and reason in refused.value.message


def test_versions_stay_as_they_were_added(library: Library) -> None:
    first, fresh = library.add(New("t2dm", "t2dm.json", atlas()), owner="A. Person", actor="os:test")
    assert fresh and (first.version, first.title, first.status) == (1, "sugar", "draft")
    again, fresh = library.add(New("t2dm", "t2dm.json", atlas()), owner="A. Person", actor="os:test")
    assert not fresh and again == first
    second, fresh = library.add(New("t2dm", "t2dm.json", atlas(days=365)), owner="A. Person", actor="os:test")
    assert fresh and second.version == 2 and second.definition.days_before == 365
    library.set_status("t2dm@1", "retired", actor="os:test")
    assert library.read("t2dm", 1).definition.days_before == 0
    assert [entry.status for entry in library.entries(every=True)] == ["retired", "draft"]
    assert [entry.version for entry in library.entries()] == [2]
    path = library.folder / "t2dm" / "1.json"
    path.write_bytes(path.read_bytes().replace(b"201826", b"201827"))
    with pytest.raises(Refused, match="changed after it was added"):
        library.read("t2dm", 1)
    assert library.read("t2dm").version == 2


def test_what_cant_be_a_name_or_a_version_is_refused(library: Library) -> None:
    for name in ("Diabetes", "../keys", "", "a" * 81):
        with pytest.raises(UsageError):
            library.add(New(name, "x.json", atlas()), owner="A. Person", actor="os:test")
    with pytest.raises(UsageError, match="owner"):
        library.add(New("x", "x.json", atlas()), owner=" ", actor="os:test")
    library.add(New("x", "x.json", atlas()), owner="A. Person", actor="os:test")
    with pytest.raises(UsageError, match="name of a definition"):
        library.add(New("x", "x_ICD10.csv", b"code\nI21\n"), owner="A. Person", actor="os:test")
    for reference in ("nothing", "x@2", "x@0", "x@two", "../keys"):
        with pytest.raises(UsageError):
            library.resolve(reference)


def test_search(library: Library) -> None:
    library.add(New("t2dm", "t2dm.json", atlas("Type 2 diabetes")), owner="A. Person", actor="os:test")
    library.add(New("flu", "kuan_flu_ICD10.csv", LIST), owner="A. Person", actor="os:test")

    def names(**asked: object) -> list[str]:
        return [hit.entry.name for hit in search(library.entries(), **asked)]  # type: ignore[arg-type]

    assert names(words="DIABETES type") == ["t2dm"]
    assert names(words="diabetes flu") == []
    assert names(concept=201826) == ["t2dm"]
    assert names(code="44054006") == ["t2dm"]
    assert names(code="SNOMED:44054006") == ["t2dm"]
    assert names(code="ICD10:44054006") == []
    assert names(code="J10.8") == ["flu"]  # below J10
    assert names(code="J1") == []
    assert names(code="J101", words="flu") == ["flu"]
    title = next(iter(library.entries())).title.lower().split()[0]
    assert near_words(library.entries(), f"{title[:-2]}{title[-1]}{title[-2]}") == title
    assert near_words(library.entries(), title) == near_words(library.entries(), "zzzzzz") == ""


def test_search_finds_what_the_vocabulary_calls_otherwise(library: Library, tmp_path: Path) -> None:
    """Names, concepts below and codes of a phrase that is a synonym in the site's own vocabulary; nothing else."""
    concepts = {
        "concept_id": [1, 2, 3, 4, 5],
        "concept_name": [
            "Myocardial infarction",
            "Infarct of apex",
            "Fear of it",
            "Aortic stenosis",
            "Old code",
        ],
        "vocabulary_id": ["SNOMED"] * 4 + ["ICD10"],
        "concept_code": ["22298006", "70422006", "48694002", "60573004", "I21"],
        "standard_concept": ["S"] * 4 + [None],
    }
    same = {
        "domain_id": "Condition", "concept_class_id": "Disorder", "valid_start_date": date(1970, 1, 1),
        "valid_end_date": date(2099, 12, 31), "invalid_reason": None,
    }  # fmt: skip
    folder = tmp_path / "vocabulary"
    folder.mkdir()
    rows = [dict(zip(concepts, row, strict=True)) | same for row in zip(*concepts.values(), strict=True)]
    pq.write_table(pa.Table.from_pylist(rows, _schema("concept")), folder / "concept.parquet")
    told = {
        "concept_synonym": [(1, "Heart attack (disorder)", 0), (5, "Coronary stroke", 0), (4, "AS", 0)],
        "concept_ancestor": [(1, 1, 0, 0), (1, 2, 1, 1)],
        "concept_relationship": [(5, 1, "Maps to", date(1970, 1, 1), date(2099, 12, 31), None)],
        "vocabulary": [("SNOMED", "SNOMED", "x", "v1", 0)],
    }
    for table, content in told.items():
        schema = _schema(table)
        made = [dict(zip(schema.names, row, strict=True)) for row in content]
        pq.write_table(pa.Table.from_pylist(made, schema), folder / f"{table}.parquet")
    site = library._site
    load(site, folder, actor="os:test")
    lists = {
        "codes-only": b"terminology,code\nSNOMED,70422006\n",
        "fears": b"terminology,code\nSNOMED,48694002\n",
    }
    for name, raw in lists.items():
        library.add(New(name, f"{name}.csv", raw), owner="A. Person", actor="os:test")
    for name, words, concept in (
        ("direct", "Heart attack", 9), ("named", "Acute Myocardial Infarction in women", 9),
        ("below", "an apex", 2), ("other", "as soon as it is told", 9),
    ):  # fmt: skip
        raw = atlas(words, concept).replace(b"44054006", b"0")
        library.add(New(name, f"{name}.json", raw), owner="A. Person", actor="os:test")

    def names(words: str) -> list[str]:
        return [hit.entry.name for hit in search(library.entries(), words, meanings=meanings(site, words))]

    assert names("HEART attack") == ["direct", "named", "below", "codes-only"]
    assert names("heart attack women") == ["named"]
    assert names("coronary stroke") == ["direct", "named", "below", "codes-only"]  # by what it maps to
    assert names("aortic stenosis") == names("attack heart of") == names("attack of") == []
    assert [one.phrase for one in meanings(site, "women heart attack aortic stenosis")] == [
        "heart attack",
        "aortic stenosis",
    ]
    hit = search(library.entries(), "heart attack", meanings=meanings(site, "heart attack"))[1]
    assert hit.because == "the vocabulary, 'myocardial infarction' in its title for 'heart attack'"
    assert meanings(site, "") == meanings(site, "no such 'words") == []


def _schema(table: str) -> pa.Schema:
    kinds = {"BIGINT": pa.int64(), "VARCHAR": pa.string(), "DATE": pa.date32(), "DOUBLE": pa.float64()}
    return pa.schema([(column.name, kinds[column.type]) for column in OMOP[table]])


def test_a_concept_is_found_by_the_name_that_atlas_wrote(library: Library) -> None:
    raw = atlas("sugar").replace(b'"CONCEPT_NAME": "x"', b'"CONCEPT_NAME": "Type 2 \\"diabetes\\""')
    library.add(New("t2dm", "t2dm.json", raw), owner="A. Person", actor="os:test")
    (hit,) = search(library.entries(), "diabetes type")
    assert hit.entry.concept_names == ('Type 2 "diabetes"',) and "concept" in hit.because


def test_an_import_names_what_it_refuses(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "others"
    (folder / "lists").mkdir(parents=True)
    (folder / "71.json").write_bytes(atlas())
    (folder / "72.json").write_bytes(atlas().replace(b"CodesetId", b"CodeSetId"))
    (folder / "Cohorts.csv").write_text("cohortId,cohortName,status\n71,Diabetes events,Accepted\n")
    (folder / "lists" / "kuan_flu_ICD10.csv").write_bytes(LIST)
    (folder / "lists" / "LICENSE").write_text("\nAttribution 4.0 International\n")
    (folder / "flu.md").write_text(
        "---\ntitle: Influenza\nauthor:\n - A\n - B\ncodelists:\n - kuan_flu_ICD10.csv\n---\n"
    )
    many, notes = read_folder(folder, "x")
    added, there, refused = library.add_many(many, owner="Others", actor="os:test")
    assert notes == [] and there == []
    assert {entry.name: entry.title for entry in added} == {
        "x-71": "Diabetes events",
        "x-kuan-flu-icd10": "Influenza",
    }
    assert library.read("x-71").provenance["upstream_status"] == "Accepted"
    provenance = library.read("x-kuan-flu-icd10").provenance
    assert (provenance["author"], provenance["licence"]) == ("A; B", "Attribution 4.0 International")
    (error,) = refused
    assert "72.json" in str(error) and "CodeSetId" in str(error)
    assert b"Its words" not in (library.folder / "x-kuan-flu-icd10" / "1.json").read_bytes()
    assert library.add_many(many, owner="Others", actor="os:test")[0] == []
    with pytest.raises(UsageError):
        read_folder(tmp_path / "site")
    assert entry_name("A list_of (things)") == "a-list-of-things"
    assert len(entry_name("long" * 40)) == 80


def test_the_hdr_code_lists(library: Library, shared_data: Path) -> None:
    many, _ = read_folder(shared_data / "analytics" / "codelists", "hdr")
    assert len(many) == 393
    read = [new for new in many if "obesity" not in new.name]
    for new in read[::20]:
        found = read_codelist(new.raw, new.file)
        assert all(code.vocabulary == "ICD10" for code in found.codes)
    odd = next(new for new in many if new.name.endswith("ccu000-england-obesity-icd10"))
    with pytest.raises(UsageError, match="4 fields where the header has 3"):
        read_codelist(odd.raw, odd.file)
    aneurysm = next(new for new in many if "kuan-aaa" in new.name)
    assert aneurysm.title == "Abdominal aortic aneurysm"
    assert aneurysm.provenance["author"].startswith("Kuan V; Denaxas S")


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    Site.init(site, name="A site", seed="library")
    (tmp_path / "t2dm.json").write_bytes(atlas())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad_ICD10.csv").write_text("icd10code\nnonsense\n")

    def told(*arguments: str, code: int = 0) -> dict[str, object]:
        assert run(["--site", str(site), *arguments, "--json"]) == code
        said: dict[str, object] = json.loads(capsys.readouterr().out)
        return said

    assert (
        told("library", "add", str(tmp_path / "t2dm.json"), "--owner", "Me", "--source", "a paper")["version"]
        == 1
    )
    assert told("library", "import", str(tmp_path / "in"), "--owner", "Me", code=1)["added"] == []
    assert told("library", "status", "t2dm", "reviewed")["status"] == "reviewed"
    assert len(told("library", "list", "--status", "reviewed")["entries"]) == 1  # type: ignore[arg-type]
    shown = told("library", "show", "t2dm@1")
    assert shown["provenance"]["source"] == "a paper"  # type: ignore[index]
    assert 'a condition in "sugar"' in str(shown["text"])
    assert told("library", "search", "sugar")["found"][0]["because"] == "title"  # type: ignore[index]
    told("library", "search", code=2)
    out = tmp_path / "out.json"
    told("library", "export", "t2dm", "--out", str(out))
    assert out.read_bytes() == atlas()
    assert "sugar" in str(told("cohort", "explain", "library:t2dm@1")["text"])
    events = [entry.event for entry in Site.open(site).audit.entries()]
    assert "library.added" in events and "library.status" in events
