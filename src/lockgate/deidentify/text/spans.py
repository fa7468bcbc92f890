"""Spans: where an identifier stands in a note, of what kind, and whether it is the patient's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

NAME = "NAME"
RELATIVE = "RELATIVE"
STAFF = "STAFF"
NHS_NUMBER = "NHS NUMBER"
HOSPITAL_NUMBER = "HOSPITAL NUMBER"
STAFF_NUMBER = "STAFF NUMBER"
NI_NUMBER = "NI NUMBER"
NUMBER = "NUMBER"
BIRTH_DATE = "DATE OF BIRTH"
DATE = "DATE"
AGE = "AGE"
ADDRESS = "ADDRESS"
POSTCODE = "POSTCODE"
PLACE = "PLACE"
ORGANISATION = "ORGANISATION"
PHONE = "PHONE"
EMAIL = "EMAIL"
URL = "URL"
VEHICLE = "VEHICLE"

# kind -> what the tag in the text means; the reference page is generated from this table.
KINDS: dict[str, str] = {
    NAME: "a name of the patient, or of somebody whose part is not known",
    RELATIVE: "a name of a relative, carer, friend or neighbour",
    STAFF: "a name of somebody at work: doctor, nurse, secretary, social worker",
    NHS_NUMBER: "an NHS number",
    HOSPITAL_NUMBER: "a hospital, accession or other local number",
    STAFF_NUMBER: "a registration number of a professional (GMC, NMC, HCPC)",
    NI_NUMBER: "a National Insurance number",
    NUMBER: "a long number of no known kind",
    BIRTH_DATE: "the patient's date of birth",
    DATE: "a day, or a month of a year",
    AGE: "an age of 90 or more",
    ADDRESS: "a house, a street, and what follows them",
    POSTCODE: "a postcode",
    PLACE: "a town, village or district",
    ORGANISATION: "a hospital, practice, school or other organisation",
    PHONE: "a telephone number",
    EMAIL: "an e-mail address",
    URL: "a web address or the handle of an account",
    VEHICLE: "a vehicle's registration",
}


class Span(NamedTuple):
    """Characters ``begin`` up to, not with, ``end`` of the original text; ``own``: an identifier of the patient."""

    begin: int
    end: int
    kind: str
    own: bool = False


def resolve(found: Sequence[Span]) -> list[Span]:
    """Spans without overlap that cover every character of those found.

    Where two overlap the longer one keeps its kind (the patient's own one on a tie), and the other keeps what is left
    of it outside.
    """
    kept: list[Span] = []
    reached = 0
    # As one number: the earlier begin first, then the longer span, then the patient's own.
    order = [(begin << 40) - (end << 1) - own for begin, end, _, own in found]
    for place in sorted(range(len(found)), key=order.__getitem__):
        begin, end, _, own = span = found[place]
        if begin < reached:
            last = kept[-1]
            if end <= reached:
                if own and not last.own:
                    kept[-1] = last._replace(own=True)
                continue
            if end - begin > last.end - last.begin and last.begin < begin:
                kept[-1] = last._replace(end=begin)
            else:
                span = span._replace(begin=last.end)
        kept.append(span)
        reached = end
    return kept


def said(text: str, span: Span) -> str:
    """What a tag replaces: the span without marks at its end ("12 Mill Lane, Bath, " before a postcode)."""
    return text[span.begin : span.end].rstrip(", \n")


def replace(text: str, spans: Iterable[Span]) -> str:
    """The text with each span (sorted, without overlap) replaced by its tag, such as ``[NAME]``."""
    parts: list[str] = []
    last = 0
    for span in spans:
        parts.append(text[last : span.begin])
        parts.append(f"[{span.kind}]")
        last = span.begin + len(said(text, span))
    parts.append(text[last:])
    return "".join(parts)
