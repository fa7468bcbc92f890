"""Free text made safe: identifiers found by the patient's own record, by shape and by cue, replaced by tags."""

from lockgate.deidentify.text.engine import find, mentions, scrub_text
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.people import known_people, site_names
from lockgate.deidentify.text.scrub import (
    SCRUBBED,
    People,
    Scrubbed,
    ScrubResult,
    scrub,
    scrub_file,
    scrub_note,
)
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import KINDS, Span

__all__ = [
    "KINDS",
    "SCRUBBED",
    "Known",
    "People",
    "ScrubResult",
    "Scrubbed",
    "SiteNames",
    "Span",
    "find",
    "known_people",
    "mentions",
    "scrub",
    "scrub_file",
    "scrub_note",
    "scrub_text",
    "site_names",
]
