"""The classes of data sets, what each means, and who gives them. No Django here."""

from __future__ import annotations

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, check

# One methodology for every owner: how much harm, if somebody were recognised in the de-identified data.
LEVELS = {
    "open": ("Open", "About nobody, or published already: no harm."),
    "moderate": ("Moderate", "About people's ordinary care: distress at most."),
    "sensitive": (
        "Sensitive",
        "About health that people keep to themselves, or about rare people: serious harm.",
    ),
    "highest": (
        "Highest",
        "About abuse, detention, sexual or mental health, genomes, or in people's own words: severe or lasting harm.",
    ),
}
HOSPITAL, PUBLISHED = "hospital", "published"
CORE = {HOSPITAL: "The hospital's record (OMOP)", PUBLISHED: "What is linked and nobody's own"}


def check_classify(person: Person, name: str) -> None:
    """The owner of a linked source classifies it; what is the hospital's own, the data protection office."""
    check(person, "data.classify")
    owner = name in person.owns and "data_owner" in person.roles
    if not (owner or (name in CORE and "data_protection_office" in person.roles)):
        raise Refused("its owner classifies a data set", reasons=["not the owner of this data set"])


def can_classify(person: Person, name: str) -> bool:
    """Whether ``check_classify`` would pass."""
    try:
        check_classify(person, name)
    except Refused:
        return False
    return True
