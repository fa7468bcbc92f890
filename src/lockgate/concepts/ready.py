"""An annotator made ready: from a site's vocabulary and dictionaries, or from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockgate.concepts.annotate import Annotator
from lockgate.concepts.dictionary import Dictionary
from lockgate.concepts.readers import concept_ids, folder_views, from_file, from_views
from lockgate.concepts.sections import heads
from lockgate.concepts.values import concepts
from lockgate.engine import Engine, SqlEngine
from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.site.settings.data import ConceptsSection
from lockgate.terminology import demo_views, vocabulary_view


def _codes() -> list[tuple[str, str]]:
    sections = {("LOINC", section.loinc) for section in heads().values() if section.loinc}
    return [*concepts(), *sorted(sections)]


def annotator_of(engine: SqlEngine, site: Site) -> Annotator:
    """The annotator of a site, as ``[concepts]`` in site.toml has it. UsageError where a dictionary can't be read."""
    settings = site.config.concepts
    vocabulary_view(engine, site)
    return _annotator(engine, settings, [site.path / name for name in settings.dictionaries])


def annotator_of_files(
    dictionaries: Sequence[Path] = (),
    vocabulary: Path | None = None,
    domains: Sequence[str] = (),
) -> Annotator:
    """The annotator of files: dictionaries and a folder of OMOP vocabulary tables.

    With neither it is the demonstration set of the package.
    """
    settings = ConceptsSection(domains=list(domains)) if domains else ConceptsSection()
    with Engine(threads=2) as engine:
        if vocabulary is not None:
            folder_views(engine, vocabulary)
        elif dictionaries:
            folder_views(engine, None)
        else:
            demo_views(engine)
        return _annotator(engine, settings, dictionaries)


def _annotator(engine: SqlEngine, settings: ConceptsSection, files: Sequence[Path]) -> Annotator:
    entries = from_views(engine, settings.domains, settings.vocabularies)
    for path in files:
        entries += from_file(path)
    dictionary = Dictionary.of(entries)
    if files and not len(dictionary):
        raise UsageError("the dictionaries have no term", where=", ".join(map(str, files)), remedy="add one")
    return Annotator(dictionary, concept_ids(engine, _codes()))
