"""What the words of a note say: terms of a dictionary, numbers with units, and how each is meant.

Beside ``deidentify``: it reads any text, and in a release only what was scrubbed.
"""

from lockgate.concepts.annotate import Annotator, Mention, contexts
from lockgate.concepts.context import Context
from lockgate.concepts.dictionary import Dictionary, Entry, Found
from lockgate.concepts.readers import from_file, from_folder
from lockgate.concepts.ready import annotator_of, annotator_of_files
from lockgate.concepts.tables import MENTIONS, AnnotateResult, annotate, annotate_file

__all__ = [
    "MENTIONS",
    "AnnotateResult",
    "Annotator",
    "Context",
    "Dictionary",
    "Entry",
    "Found",
    "Mention",
    "annotate",
    "annotate_file",
    "annotator_of",
    "annotator_of_files",
    "contexts",
    "from_file",
    "from_folder",
]
