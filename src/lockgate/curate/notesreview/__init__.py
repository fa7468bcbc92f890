"""A person's reading of a random sample of a release's scrubbed notes: misses, and the bound that follows from them."""

from lockgate.curate.notesreview.bounds import sample_size, upper_bound
from lockgate.curate.notesreview.reading import mark, next_note, note_to_read
from lockgate.curate.notesreview.result import bounds_of, publish, published
from lockgate.curate.notesreview.sample import Review, draw, open_review
from lockgate.curate.notesreview.stoplist import clear, held_notes

__all__ = [
    "Review",
    "bounds_of",
    "clear",
    "draw",
    "held_notes",
    "mark",
    "next_note",
    "note_to_read",
    "open_review",
    "publish",
    "published",
    "sample_size",
    "upper_bound",
]
