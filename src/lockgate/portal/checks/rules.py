"""Who may see exact results of quality checks, and rows that violate one. No Django here."""

from __future__ import annotations

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, check

# Who does research sees data of an approved project in its workspace, and no other rows: whatever else they may do.
RESEARCHERS = frozenset({"applicant", "collaborator"})


def check_list(person: Person) -> None:
    """Refused unless the person keeps the data, and does no research here."""
    check(person, "quality.examples")
    if person.roles & RESEARCHERS:
        raise Refused(
            "who does research here sees no rows of a release",
            reasons=["a researcher's account"],
            remedy="use the results as the catalogue publishes them",
        )


def can_list(person: Person) -> bool:
    """Whether ``check_list`` would pass."""
    try:
        check_list(person)
    except Refused:
        return False
    return True


def check_rows(person: Person, data_set: str) -> None:
    """Refused unless the person is a data engineer, or owns the data set that the checked table belongs to."""
    check_list(person)
    if "data_engineer" not in person.roles and data_set not in person.owns:
        raise Refused("these rows are not of your data set", reasons=["not the owner of this data set"])


def can_see_rows(person: Person, data_set: str) -> bool:
    """Whether ``check_rows`` would pass."""
    try:
        check_rows(person, data_set)
    except Refused:
        return False
    return True
