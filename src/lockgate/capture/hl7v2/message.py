"""One HL7 v2 message as text: its canonical form, its fields, its escapes. Tolerant: what is there is read, by place.

The canonical form has segments ended by one CR and the separators ``|^~\\&``, whatever the message used (HL7 v2
chapter 2: MSH-1 and MSH-2 name them). Canonical text is only ever read; what is kept is the message as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

SEPARATORS = "|^~\\&"
ENVELOPE = frozenset((b"FHS", b"BHS", b"BTS", b"FTS"))
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?:\||\Z)")
_ESCAPE = re.compile(r"\\([^\\\r]*)\\")
_NAMED = {
    "F": "|",
    "S": "^",
    "T": "&",
    "R": "~",
    "E": "\\",
    ".br": "\n",
    ".sp": "\n",
    ".ce": "\n",
    "H": "",
    "N": "",
}


def canonical(text: str) -> str:
    """A message with CR between segments and the usual separators; the empty string where it is no HL7 v2.

    A line that begins no segment continues the field before it (text with raw line breaks).
    """
    text = text.strip("\x0b\x1c\r\n\t ")
    if len(text) < 8 or not text.startswith("MSH"):
        return ""
    field = text[3]
    if field.isalnum() or field in "\r\n\x00":
        return ""
    head = text.split("\r", 1)[0].split("\n", 1)[0]
    encoding = head[4:].split(field, 1)[0]
    theirs = [field]
    for place, usual in enumerate(SEPARATORS[1:]):
        letter = encoding[place : place + 1]
        theirs.append(letter if letter and letter not in theirs else usual)
    if len(set(theirs)) < len(theirs):
        return ""
    if "".join(theirs) != SEPARATORS or not encoding.startswith(SEPARATORS[1:]):
        text = _with_usual(text, field, encoding, theirs)
    return "\r".join(_segments(text))


def _with_usual(text: str, field: str, encoding: str, theirs: list[str]) -> str:
    """The text with its own separators exchanged for the usual ones; usual letters that were data, escaped."""
    table: dict[str, str] = {
        usual: f"\\{name}\\" for usual, name in zip(SEPARATORS, "FSRET", strict=True) if usual not in theirs
    }
    table.update(zip(theirs, SEPARATORS, strict=True))
    rest = text[4 + len(encoding) :]
    exchanged: dict[int, str] = {ord(letter): said for letter, said in table.items()}
    return f"MSH|{SEPARATORS[1:]}" + rest.translate(exchanged)


def _segments(text: str) -> list[str]:
    segments: list[str] = []
    for line in re.split(r"\r\n?|\n", text):
        if segments and not _SEGMENT.match(line):
            if line.strip():
                segments[-1] += "\n" + line
        elif line:
            segments.append(line)
    return segments


def unescape(text: str) -> str:
    """A field's text with its escapes resolved; an escape that means nothing known stays as it was sent."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_meaning, text)


def _meaning(match: re.Match[str]) -> str:
    body = match[1]
    if body in _NAMED:
        return _NAMED[body]
    if body.startswith("X"):
        try:
            return bytes.fromhex(body[1:]).decode("latin-1")
        except ValueError:
            return match[0]
    return "\n" * max(1, int(body[3:] or 1)) if re.fullmatch(r"\.(sp|br)[+]?[0-9]{1,2}", body) else match[0]


@dataclass(frozen=True)
class Message:
    """One message, read by place: ``get("PID", 3)``. Fields are split when asked for."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Message | None:
        """The message in ``text``, or None where it is no HL7 v2."""
        found = canonical(text)
        return cls(found) if found else None

    @cached_property
    def segments(self) -> list[list[str]]:
        """Each segment's fields; of MSH, field 1 is the separator, as the standard counts."""
        split = [segment.split("|") for segment in self.text.split("\r")]
        split[0].insert(1, "|")
        return split

    def get(self, name: str, field: int, component: int = 0, *, nth: int = 0) -> str:
        """A field (or one component of its first repetition) of the nth segment of a name; "" where absent."""
        found = [segment for segment in self.segments if segment[0] == name]
        if nth >= len(found) or field >= len(found[nth]):
            return ""
        value = found[nth][field]
        if not component:
            return value
        parts = value.split("~", 1)[0].split("^")
        return unescape(parts[component - 1]) if component <= len(parts) else ""

    @property
    def kind(self) -> str:
        """Message type and event as in "ADT^A01"."""
        return "^".join(part for part in (self.get("MSH", 9, 1), self.get("MSH", 9, 2)) if part)
