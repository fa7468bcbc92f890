"""Every call that the portal makes to the data plane about cohorts: their definitions, counts, library and vocabulary.

Values come back as plain data, as from ``plane.py``.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from lockgate.errors import UsageError
from lockgate.portal.plane import plain, rules_of
from lockgate.site import Site

COUNT_SECONDS = 30.0


def search_concepts(site: Site, text: str, **choice: Any) -> list[dict[str, Any]]:
    """The concepts that a text means, best first, with how many stand below each; no count of people."""
    from lockgate.terminology.search import search_concepts as search

    return [plain(found) for found in search(site, text, **choice)]


def concepts(site: Site, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The concepts of these ids."""
    from lockgate.terminology.search import concepts_by_id

    return {number: plain(found) for number, found in concepts_by_id(site, ids).items()}


def read_cohort(site: Site, content: bytes) -> tuple[dict[str, Any], str, list[str]]:
    """A cohort in Circe JSON or YAML as a Circe expression, its name, and what was done to it in reading.

    UsageError names the place of what can't be understood.
    Codes of the YAML become the concepts that the site's vocabulary has under them.
    """
    from lockgate.cohorts.authored import read_yaml
    from lockgate.cohorts.circe import read_circe

    where = "definition"
    if not content.lstrip().startswith(b"{"):
        return _as_circe(site, read_yaml(content, where))
    definition = read_circe(content, where)
    told = json.loads(content)
    if "PrimaryCriteria" not in told:
        told = told["expression"]
        told = json.loads(told) if isinstance(told, str) else told
    return told, definition.name, []


def _as_circe(site: Site, definition: Any) -> tuple[dict[str, Any], str, list[str]]:
    from lockgate.cohorts.circe_write import write_circe
    from lockgate.cohorts.coded import with_concepts
    from lockgate.engine import Engine
    from lockgate.terminology.store import vocabulary_view

    with Engine(threads=2) as engine:
        definition, found = with_concepts(engine, vocabulary_view(engine, site)["concept"], definition)
    told = json.loads(write_circe(definition, ours=True))
    _name_concepts(site, told)
    notes = []
    if found:
        ids = {number for each in found.values() for number in each}
        notes.append(
            f"{len(found):,} codes were read as the {len(ids):,} concepts that the vocabulary has under them."
        )
    return told, definition.name, notes


def _name_concepts(site: Site, told: dict[str, Any]) -> None:
    """Put names and codes beside the concept ids of an expression's sets."""
    lines = [item["concept"] for one in told["ConceptSets"] for item in one["expression"]["items"]]
    known = concepts(site, {line["CONCEPT_ID"] for line in lines})
    for line in lines:
        if (concept := known.get(line["CONCEPT_ID"])) is not None:
            line |= {
                "CONCEPT_NAME": concept["name"],
                "CONCEPT_CODE": concept["code"],
                "DOMAIN_ID": concept["domain"],
                "VOCABULARY_ID": concept["vocabulary"],
                "STANDARD_CONCEPT": "S" if concept["standard"] else "N",
            }


def coded_concepts(site: Site, codes: Any) -> dict[int, dict[str, Any]]:
    """The concepts that the site's vocabulary has under codes (pairs of a vocabulary and a code, with all below)."""
    from lockgate.cohorts.coded import concepts_of_codes
    from lockgate.cohorts.definition import CodeItem
    from lockgate.engine import Engine
    from lockgate.terminology.store import vocabulary_view

    items = [CodeItem(vocabulary, code, descendants=True) for vocabulary, code in codes]
    with Engine(threads=2) as engine:
        found = concepts_of_codes(engine, vocabulary_view(engine, site)["concept"], items)
    return concepts(site, {number for each in found.values() for number in each})


def write_cohort(definition: Any, form: str, *, names: dict[int, str]) -> str:
    """A definition as our own YAML, as a script of SQL, or told in English (Markdown)."""
    if form == "yaml":
        from lockgate.cohorts.authored_write import write_yaml

        return write_yaml(definition)
    if form == "sql":
        from lockgate.cohorts.explain.sql import sql_script

        return sql_script(definition)
    from lockgate.cohorts.explain import text_of

    return text_of(definition, names)


def explored_release(site: Site) -> str | None:
    """The release that questions are answered from: the latest that isn't retired; None where there is none."""
    from lockgate.curate import open_release

    try:
        return open_release(site).number
    except UsageError:
        return None


def count_cohort(site: Site, definition: Any, asker: Any) -> list[dict[str, Any]]:
    """How many people are left after each stage of a definition, as may be told: through the ledger of questions.

    Refused when it takes too long, when there is no release, or when the ledger is full.
    """
    from lockgate.cohorts import asking
    from lockgate.curate import open_release

    release = open_release(site)
    steps = asking.ask(
        site,
        release.number,
        release.omop,
        definition,
        asker=asker,
        rules=rules_of(site),
        seconds=COUNT_SECONDS,
    )
    return [step.as_dict() for step in steps]


def ask_more(
    site: Site, definition: Any, asker: Any, *, groups: str = "", beside: Any = None, months: int = 0
) -> Any:
    """Who is left by ``groups``, or shared with the definition ``beside``, or has which event in which month.

    A list of row, column and what may be told: each number a question of the ledger. Refused as for ``count_cohort``.
    """
    from lockgate.cohorts import asking_more
    from lockgate.curate import open_release

    release = open_release(site)
    where = (site, release.number, release.omop, definition)
    how: dict[str, Any] = {"asker": asker, "rules": rules_of(site), "seconds": COUNT_SECONDS}
    if beside is not None:
        cells = asking_more.ask_overlap(*where, beside, **how)
    elif months:
        cells = asking_more.ask_timeline(*where, months, **how)
    else:
        cells = asking_more.ask_split(*where, groups, **how)
    return [cell.as_dict() for cell in cells]


def defined_cohort(site: Site, cohort: dict[str, Any]) -> dict[str, Any]:
    """The cohort of an answer or a scope that is a full definition, as it is read: name, version, sections in plain
    English, and the number of people as the ledger holds it (None where it was not asked)."""
    from lockgate.cohorts import asking
    from lockgate.cohorts.defined import Defined
    from lockgate.cohorts.explain import english

    told = Defined.model_validate(cohort)
    definition = told.definition
    question = told.question
    answer = asking.answered(site, definition, question, rules_of(site)) if question else None
    return {
        "name": told.name,
        "version": told.version,
        "sections": [plain(section) for section in english(definition, names_in(told.circe))],
        "answer": plain(answer),
    }


def names_in(told: Any) -> dict[int, str]:
    """The names of the concepts that a Circe expression holds, by id."""
    found: dict[int, str] = {}
    stack = [told]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            if isinstance(part.get("CONCEPT_ID"), int) and part.get("CONCEPT_NAME"):
                found[part["CONCEPT_ID"]] = str(part["CONCEPT_NAME"])
            stack += part.values()
        elif isinstance(part, list):
            stack += part
    return found


def counted_cohort(site: Site, definition: Any, asker: Any) -> list[dict[str, Any]] | None:
    """What was told of a definition already, or None; nothing is asked."""
    from lockgate.cohorts import asking

    release = explored_release(site)
    if release is None:
        return None
    steps = asking.recall(site, release, definition, asker=asker, rules=rules_of(site))
    return None if steps is None else [step.as_dict() for step in steps]


# The library


def library_found(site: Site, words: str = "", code: str = "", status: str = "") -> list[dict[str, Any]]:
    """The latest version of every definition and code list that has the words and the code, with why it was found."""
    from lockgate.cohorts.library import Library
    from lockgate.cohorts.library_search import search
    from lockgate.terminology.synonyms import meanings

    entries = [entry for entry in Library(site).entries() if status in ("", entry.status)]
    if not words.strip() and not code.strip():
        return [{**entry.summary(), "because": ""} for entry in entries]
    hits = search(entries, words, code.strip(), meanings=meanings(site, words))
    return [{**hit.entry.summary(), "because": hit.because} for hit in hits]


def library_entry(site: Site, name: str, version: int | None = None) -> dict[str, Any]:
    """One version: what its summary says, its provenance, every version there is, and what it says: sections in plain
    English of a definition, codes of a code list. UsageError when there is none."""
    from lockgate.cohorts.explain import english
    from lockgate.cohorts.library import Library

    library = Library(site)
    entry = library.read(name, version)
    defines = entry.kind == "definition"
    names = (
        {number: told["name"] for number, told in concepts(site, entry.concepts).items()} if defines else {}
    )
    return {
        **entry.summary(),
        "by": entry.by,
        "provenance": dict(entry.provenance),
        "versions": [
            {key: one.summary()[key] for key in ("version", "status", "owner", "added", "title")}
            for one in library.versions(name)
        ],
        "sections": [plain(section) for section in english(entry.definition, names)] if defines else [],
        "lines": [(c.vocabulary, c.code, c.category) for c in entry.codes] if not defines else [],
        "text": entry.text,
    }


def library_changes(site: Site, name: str, before: int, after: int) -> list[dict[str, Any]]:
    """What changed from one version to another: of definitions in English, of code lists the codes."""
    from lockgate.cohorts.explain.changes import changes
    from lockgate.cohorts.library import Library

    library = Library(site)
    one, two = library.read(name, before), library.read(name, after)
    if one.kind == "definition" and two.kind == "definition":
        told = concepts(site, {*one.concepts, *two.concepts})
        names = {number: concept["name"] for number, concept in told.items()}
        return [plain(change) for change in changes(one.definition, two.definition, names)]
    old, new = ([f"{c.vocabulary} {c.code}" for c in entry.codes] for entry in (one, two))
    gone, come = [c for c in old if c not in set(new)], [c for c in new if c not in set(old)]
    return [{"part": "Codes", "kind": "changed", "before": gone, "after": come}] if gone or come else []


def definition_changes(before: Any, after: Any, names: dict[int, str]) -> list[dict[str, Any]]:
    """What changed from one definition to another, in English."""
    from lockgate.cohorts.explain.changes import changes

    return [plain(change) for change in changes(before, after, names)]


def library_cohort(site: Site, name: str, version: int | None) -> tuple[dict[str, Any], str, list[str]]:
    """A definition of the library as a Circe expression, its title, and what was done to it, as ``read_cohort``."""
    from lockgate.cohorts.library import Library

    entry = Library(site).read(name, version)
    if entry.kind != "definition":
        raise UsageError("this is a code list: bring it into a concept set", where="library")
    expression, _, notes = read_cohort(site, entry.text.encode())
    return expression, entry.title, notes


def library_codes(site: Site, reference: str) -> list[tuple[str, str]]:
    """The codes of a code list of the library, as pairs of a vocabulary and a code."""
    from lockgate.cohorts.library import Library

    entry = Library(site).resolve(reference)
    if entry.kind != "codelist":
        raise UsageError("this is a definition, not a code list", where="library")
    return [(code.vocabulary, code.code) for code in entry.codes]


def read_codes(content: bytes, vocabulary: str) -> list[tuple[str, str]]:
    """The codes of a CSV file with a header, or of a text with one code a line, as pairs of a vocabulary and a code."""
    from lockgate.cohorts.codelists import read_codelist

    first = content.lstrip(b"\xef\xbb\xbf\r\n \t").split(b"\n", 1)[0]
    if b"," not in first and not first.strip().lower().endswith(b"code"):
        content = b"code\n" + content
    found = read_codelist(content, "codes", vocabulary)
    return [(code.vocabulary, code.code) for code in found.codes]


def library_add(
    site: Site,
    name: str,
    expression: dict[str, Any],
    *,
    title: str,
    owner: str,
    provenance: dict[str, str],
    actor: str,
) -> dict[str, Any]:
    """Keep a cohort in the library under a name, as its next version; its summary, and whether it is new."""
    from lockgate.cohorts.library import Library, New

    raw = (json.dumps(expression, indent=2, ensure_ascii=False) + "\n").encode()
    new = New(name, f"{name}.json", raw, title, provenance)
    entry, fresh = Library(site).add(new, owner=owner, actor=actor)
    return {**entry.summary(), "fresh": fresh}


def library_status(site: Site, name: str, version: int, status: str, *, actor: str) -> dict[str, Any]:
    """Give a version another status."""
    from lockgate.cohorts.library import STATUSES, Library

    known = {each: each for each in STATUSES}
    if status not in known:
        raise UsageError("Choose a status", where="status")
    return Library(site).set_status(f"{name}@{version}", known[status], actor=actor).summary()
