"""The only writer of classes of data sets, and what reads them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lockgate.errors import UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import Person
from lockgate.portal.applications.catalogue import offered
from lockgate.portal.datasets import rules
from lockgate.portal.datasets.models import Classification
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.schema import LINKED
from lockgate.workspace.routes import routes_of


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set of this site: its tables, and the class that holds; None: its owner has given none."""

    name: str
    label: str
    tables: tuple[str, ...]
    given: Classification | None

    @property
    def level(self) -> str:
        """Its class in a word."""
        return rules.LEVELS[self.given.level][0] if self.given else "Not classified yet"


def data_sets() -> list[DataSet]:
    """Every data set: the hospital's record, each linked source by its owner, and what is nobody's own."""
    routes = routes_of(current_site())
    newest: dict[str, Classification] = {}
    for row in Classification.objects.select_related("by").order_by("pk"):
        newest[row.data_set] = row
    core = tuple(name for name in offered() if name not in LINKED)
    found = {rules.HOSPITAL: (rules.CORE[rules.HOSPITAL], core)}
    found |= {name: (source.label, tuple(source.tables)) for name, source in routes.sources.items()}
    if routes.open:
        found[rules.PUBLISHED] = (rules.CORE[rules.PUBLISHED], tuple(routes.open))
    return [DataSet(name, label, tables, newest.get(name)) for name, (label, tables) in found.items()]


def of_tables(tables: Collection[str]) -> list[DataSet]:
    """The data sets that hold any of the tables: what deciders see beside them."""
    return [one for one in data_sets() if set(one.tables) & set(tables)]


def waiting_for(person: Person) -> list[DataSet]:
    """The data sets without a class that this person can classify."""
    return [one for one in data_sets() if one.given is None and rules.can_classify(person, one.name)]


def get(name: str) -> DataSet:
    """One data set; UsageError where there is none of that name."""
    for one in data_sets():
        if one.name == name:
            return one
    raise UsageError("there is no such data set", where="name")


def classify(user: User, name: str, level: str, reason: str) -> Classification:
    """Give a data set its class, with the reason; an earlier one stays on record."""
    rules.check_classify(user.person, name)
    get(name)
    if level not in rules.LEVELS:
        raise UsageError("choose a class", where="level", remedy=f"one of: {', '.join(rules.LEVELS)}")
    if not reason.strip() or len(reason) > 2_000:
        raise UsageError("say why, in at most 2,000 characters", where="reason")
    with writing("data_set.classified", actor=user.username, data_set=name, level=level):
        return Classification.objects.create(data_set=name, level=level, reason=reason.strip(), by=user)
