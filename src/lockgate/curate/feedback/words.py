"""A comment as words: what the model counts, and which comments say too little to be classified."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_][^\W\d_']*")
_TAG = re.compile(r"\[[A-Z][A-Z0-9 ]*\]")  # what the scrubber put in: [NAME]
# Answers that say that there is nothing to say.
_NOTHING_TO_SAY = (
    "no none nothing nil na n a not applicable comment comments further else to add say answer did didn't"
    " nope ok okay yes unsure don't know dont ditto as above see other blank test"
)
_NOTHING = frozenset(_NOTHING_TO_SAY.split())


def tokens(text: str) -> list[str]:
    """The words of a comment in lower case, without the scrubber's tags; "n't" stays with its verb."""
    plain = unicodedata.normalize("NFKC", _TAG.sub(" ", text)).replace("’", "'").replace("`", "'")
    return [word.rstrip("'") for word in _WORD.findall(plain.casefold())]


def features(words: list[str]) -> list[str]:
    """What is counted: each word, and each two that follow each other."""
    return words + [f"{one} {other}" for one, other in pairwise(words)]


def says_too_little(words: list[str]) -> bool:
    """Whether a comment is one word, or says only that there is nothing to say ("n/a", "did not answer")."""
    return len(words) < 2 or all(word in _NOTHING for word in words)
