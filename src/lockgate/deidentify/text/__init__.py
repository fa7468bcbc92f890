"""Free text made safe: identifiers found by the record, by shape and by cue, with tags or surrogates in their place."""

from lockgate.deidentify.compiled import prefer

prefer(__path__)  # before any module of the engine is imported

from lockgate.deidentify.text.engine import find, mentions, scrub_text
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.ner import Ner, model_print
from lockgate.deidentify.text.people import known_people, site_names
from lockgate.deidentify.text.scrub import (
    SCRUBBED,
    Kept,
    People,
    Scrubbed,
    Shown,
    scrub,
    scrub_note,
)
from lockgate.deidentify.text.scrubfile import ScrubResult, scrub_file
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import KINDS, Span
from lockgate.deidentify.text.stands import Form, from_json, moved, render

__all__ = [
    "KINDS",
    "SCRUBBED",
    "Form",
    "Kept",
    "Known",
    "Ner",
    "People",
    "ScrubResult",
    "Scrubbed",
    "Shown",
    "SiteNames",
    "Span",
    "find",
    "from_json",
    "known_people",
    "mentions",
    "model_print",
    "moved",
    "render",
    "scrub",
    "scrub_file",
    "scrub_note",
    "scrub_text",
    "site_names",
]
