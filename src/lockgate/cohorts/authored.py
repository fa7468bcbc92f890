"""Our own way to write a cohort: YAML, short enough to write by hand, read into a definition.

``docs/how-to/cohorts.md`` tells the format. What isn't understood is refused with its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from lockgate.cohorts.authored_values import AuthoredValues, attribute_names
from lockgate.cohorts.definition import (
    OF_ANY,
    Adjustment,
    CodeItem,
    Counted,
    Criterion,
    Definition,
    Demographic,
    Edge,
    ExposureExit,
    Group,
    Limit,
    OffsetExit,
    Rule,
    Test,
    Window,
)
from lockgate.cohorts.domains import Domain, demographic, domains
from lockgate.cohorts.reading import meant
from lockgate.cohorts.yamltree import load_tree
from lockgate.errors import UsageError

# what a kind of event is called, beside its table's name
SHORT = {
    "condition": "condition_occurrence",
    "drug": "drug_exposure",
    "procedure": "procedure_occurrence",
    "device": "device_exposure",
    "visit": "visit_occurrence",
    "mention": "note_nlp",
}
_TOP = (
    "id", "name", "concept_sets", "entry", "observed", "entry_limit", "qualifying", "qualifying_limit", "rules",
    "limit", "exit", "censoring", "era", "censor_window",
)  # fmt: skip
_CRITERION = ("source", "match", "first", "adjust", "period", "having")
_COUNTED = ("count", "different", "within", "same_visit", "outside_observation")
_GROUP = re.compile(r"(all|any|at_least|at_most)(?:_(\d{1,6}))?")
_OCCURRENCE = re.compile(r"(exactly|at least|at most) (\d{1,6})")


def read_yaml(text: bytes | str, where: str = "the cohort definition") -> Definition:
    """A cohort in our YAML as a definition; ``where`` names the source in errors.

    Raises UsageError with the path of the first thing that isn't known, is empty, or contradicts itself.
    """
    told = load_tree(text, where)
    if told is None:
        raise UsageError("it is empty", where=where, remedy="docs/how-to/cohorts.md tells the format")
    return _Reader(where).definition(told)


class _Reader(AuthoredValues):
    def definition(self, told: Any) -> Definition:
        fields = self.fields(told, "", *_TOP)
        named = fields.get("concept_sets", {})
        if not isinstance(named, dict):
            raise self.refuse("concept_sets", "names and their sets are expected here")
        for name, item in named.items():
            if name in ("any", "none"):
                raise self.refuse(
                    f"concept_sets.{name}", "the word has a meaning of its own", "name it otherwise"
                )
            self.named[name] = self.set(item, f"concept_sets.{name}", by_name=False)
        entry = self._criteria(fields.get("entry"), "entry")
        if not entry:
            raise self.refuse("entry", "a cohort needs events to begin with")
        observed = self.fields(fields.get("observed", {}), "observed", "before", "after")
        window = self.fields(fields.get("censor_window", {}), "censor_window", "from", "to")
        since, until = (self.day(window.get(end), f"censor_window.{end}") for end in ("from", "to"))
        if since and until and since > until:
            raise self.refuse("censor_window", "it ends before it begins")
        rules = [
            self._rule(item, f"rules[{place}]")
            for place, item in enumerate(self.items(fields.get("rules"), "rules"))
        ]
        limits = [self._limit(fields, name) for name in ("entry_limit", "qualifying_limit", "limit")]
        qualifying = fields.get("qualifying")
        if "id" in fields and not re.fullmatch(r"\d{1,9}", self.text(fields["id"], "id")):
            raise self.refuse("id", "a number is expected here")
        return Definition(
            entry=entry,
            days_before=self.count(observed.get("before", "0"), "observed.before"),
            days_after=self.count(observed.get("after", "0"), "observed.after"),
            entry_limit=limits[0],
            qualifying=None if qualifying is None else self._only_group(qualifying, "qualifying"),
            qualifying_limit=limits[1],
            rules=tuple(rules),
            limit=limits[2],
            exit=self._exit(fields["exit"]) if "exit" in fields else None,
            censoring=self._criteria(fields.get("censoring"), "censoring"),
            era_gap=self.count(fields.get("era", "0"), "era"),
            censor_from=since,
            censor_until=until,
            name=self.text(fields.get("name", ""), "name"),
            concept_sets=tuple(self.named.items()),
        )

    def _limit(self, fields: Mapping[str, Any], name: str) -> Limit:
        return cast(Limit, self.word(fields.get(name, "all"), ("all", "first", "last"), name))

    def _rule(self, told: Any, path: str) -> Rule:
        if not isinstance(told, dict):
            raise self.refuse(path, "a name and a group are expected here")
        rest = {key: value for key, value in told.items() if key not in ("name", "description")}
        return Rule(
            self.text(told.get("name", ""), f"{path}.name"),
            self._only_group(rest, path),
            self.text(told.get("description", ""), f"{path}.description"),
        )

    def _exit(self, told: Any) -> OffsetExit | ExposureExit:
        fields = self.fields(told, "exit", "after", "days", "drugs", "gap", "offset", "days_supply")
        if "drugs" in fields:
            fields = self.fields(told, "exit", "drugs", "gap", "offset", "days_supply")
            supply = fields.get("days_supply")
            return ExposureExit(
                self.set(fields["drugs"], "exit.drugs"),
                self.count(fields.get("gap", "0"), "exit.gap"),
                self.whole_number(fields.get("offset", "0"), "exit.offset"),
                None if supply is None else self.count(supply, "exit.days_supply"),
            )
        fields = self.fields(told, "exit", "after", "days")
        if fields.keys() != {"after", "days"}:
            raise self.refuse("exit", "either after (start or end) and days, or drugs, is expected here")
        after = self.word(fields["after"], ("start", "end"), "exit.after")
        return OffsetExit(after == "end", self.whole_number(fields["days"], "exit.days"))

    def _only_group(self, told: Any, path: str) -> Group:
        named = _group_key(told)
        if named is None or len(told) != 1:
            raise self.refuse(path, "one of all, any, at least N, at most N is expected here, and a list")
        return self._group(told, named, path)

    def _group(self, told: Mapping[str, Any], named: str, path: str) -> Group:
        found = _GROUP.fullmatch(named.replace(" ", "_"))
        assert found is not None
        how = cast(Literal["all", "any", "at_least", "at_most"], found[1])
        if how.startswith("at_") != (found[2] is not None):
            raise self.refuse(f"{path}.{named}", "all and any have no number, at least and at most need one")
        counted, people, groups = [], [], []
        for place, item in enumerate(self.items(told[named], f"{path}.{named}")):
            here = f"{path}.{named}[{place}]"
            inner = _group_key(item)
            if inner is not None and len(item) == 1:
                groups.append(self._group(item, inner, here))
            elif isinstance(item, dict) and item.keys() == {"person"}:
                tests = self.tests(item["person"], demographic(), f"{here}.person")
                if not tests:
                    raise self.refuse(f"{here}.person", "it asks nothing")
                people.append(Demographic(tests))
            else:
                counted.append(self._counted(item, here))
        most = len(counted) + len(people) + len(groups)
        number = int(found[2] or 0)
        if how == "at_least" and number > most:
            raise self.refuse(f"{path}.{named}", f"there are only {most} in the list")
        return Group(how, number, tuple(counted), tuple(people), tuple(groups))

    def _counted(self, told: Any, path: str) -> Counted:
        if not isinstance(told, dict):
            raise self.refuse(path, "an event, a person or a group is expected here")
        criterion = self._criterion({k: v for k, v in told.items() if k not in _COUNTED}, path)
        said = self.text(told.get("count", "at least 1"), f"{path}.count")
        said = "exactly 0" if said == "none" else said
        found = _OCCURRENCE.fullmatch(said)
        if found is None:
            raise self.refuse(f"{path}.count", "it is none of at least N, at most N, exactly N, none")
        within = told.get("within", [])
        windows = within if isinstance(within, list) else [within]
        if len(windows) > 2:
            raise self.refuse(f"{path}.within", "there are at most two windows")
        return Counted(
            criterion,
            cast(Literal["exactly", "at_most", "at_least"], found[1].replace(" ", "_")),
            int(found[2]),
            tuple(self._window(window, f"{path}.within") for window in windows),
            self._different(told.get("different", "no"), domains()[criterion.domain], f"{path}.different"),
            same_visit=self.yes(told.get("same_visit", "false"), f"{path}.same_visit"),
            outside_observation=self.yes(
                told.get("outside_observation", "false"), f"{path}.outside_observation"
            ),
        )

    def _different(self, told: Any, domain: Domain, path: str) -> str:
        attributes = {
            name: theirs
            for name, theirs in attribute_names(domain.attributes).items()
            if domain.counts(theirs)
        }
        named = self.word(told, ("no", *OF_ANY, *attributes), path)
        return attributes.get(named, named)

    def _window(self, told: Any, path: str) -> Window:
        fields = self.fields(told, path, "from", "to", "index", "event")
        begin = self._edge(fields.get("from", "observation start"), f"{path}.from")
        finish = self._edge(fields.get("to", "observation end"), f"{path}.to")
        if isinstance(begin, int) and isinstance(finish, int) and begin > finish:
            raise self.refuse(path, "it ends before it begins; days before the index are negative")
        sides = [
            self.word(fields.get(key, "start"), ("start", "end"), f"{path}.{key}")
            for key in ("index", "event")
        ]
        return Window(begin, finish, sides[0] == "end", sides[1] == "end")

    def _edge(self, told: Any, path: str) -> Edge:
        if told in ("observation start", "observation end"):
            return cast(Edge, told)
        return self.whole_number(told, path)

    def _criteria(self, told: Any, path: str) -> tuple[Criterion, ...]:
        return tuple(
            self._criterion(item, f"{path}[{place}]") for place, item in enumerate(self.items(told, path))
        )

    def _criterion(self, told: Any, path: str) -> Criterion:
        if not isinstance(told, dict):
            raise self.refuse(path, "an event, such as {condition: SET}, is expected here")
        kinds = [key for key in told if SHORT.get(key, key) in domains()]
        if len(kinds) != 1:
            known = ", ".join(sorted({*SHORT, *domains()} - {*SHORT.values()}))
            hints = [meant(key, {*SHORT, *domains()}) for key in told] if not kinds else []
            hint = next(filter(None, hints), f": {known}")
            raise self.refuse(path, f"it names {'no' if not kinds else 'more than one'} kind of event{hint}")
        domain = domains()[SHORT.get(kinds[0], kinds[0])]
        for key in told:
            if key not in (*kinds, *_CRITERION, *attribute_names(domain.attributes)):
                fields = (*_CRITERION, *_COUNTED, *attribute_names(domain.attributes))
                raise self.refuse(f"{path}.{key}", f"{kinds[0]} has no such field{meant(key, fields)}")
        concepts = None if told[kinds[0]] == "any" else self.set(told[kinds[0]], f"{path}.{kinds[0]}")
        source, either = None, False
        if "source" in told:
            if domain.source is None:
                raise self.refuse(f"{path}.source", f"{domain.name} has no concept as recorded")
            source = None if told["source"] == "none" else self.set(told["source"], f"{path}.source")
            both = concepts is not None and source is not None
            match = self.word(told.get("match", "both"), ("both", "either"), f"{path}.match")
            if match == "either" and not both:
                raise self.refuse(
                    f"{path}.match", "either needs a set of concepts and one of source concepts"
                )
            either = match == "either"
        elif "match" in told:
            raise self.refuse(f"{path}.match", "it needs source beside it")
        elif concepts and domain.source and any(isinstance(item, CodeItem) for item in concepts):
            source, either = concepts, True  # codes are looked for as recorded too
        tests = {key: value for key, value in told.items() if key not in (*kinds, *_CRITERION)}
        found = self.tests(tests, domain.attributes, path)
        self._has_unit(domain, found, tests, path)
        if domain.name == "note_nlp" and not {"negated", "exists"} & tests.keys():
            raise self.refuse(
                path,
                "a mention without saying whether one that is negated counts",
                "say negated: false, or negated: any if both are to count",
            )
        return Criterion(
            domain.name,
            concepts,
            source,
            self.yes(told.get("first", "false"), f"{path}.first"),
            found,
            self._adjustment(told["adjust"], f"{path}.adjust") if "adjust" in told else None,
            self._period(told["period"], domain, f"{path}.period") if "period" in told else None,
            self._only_group(told["having"], f"{path}.having") if "having" in told else None,
            either,
        )

    def _has_unit(
        self, domain: Domain, tests: tuple[tuple[str, Test], ...], told: Mapping[str, Any], path: str
    ) -> None:
        """A value means something in a unit only: say which, or that any will do."""
        valued = any(name == "ValueAsNumber" for name, _ in tests)
        if valued and "Unit" in domain.attributes and "unit" not in told:
            raise self.refuse(
                path,
                "a value without a unit",
                "say which, such as unit: mmol/L, or unit: any if all are to count",
            )

    def _adjustment(self, told: Any, path: str) -> Adjustment:
        fields = self.fields(told, path, "start", "end")
        moved: list[tuple[Literal["start", "end"], int]] = []
        for side in ("start", "end"):
            here = f"{path}.{side}"
            inner = self.fields(fields.get(side, {}), here, "from", "days")
            origin = self.word(inner.get("from", side), ("start", "end"), f"{here}.from")
            moved.append(
                (
                    cast(Literal["start", "end"], origin),
                    self.whole_number(inner.get("days", "0"), f"{here}.days"),
                )
            )
        return Adjustment(*moved[0], *moved[1])

    def _period(self, told: Any, domain: Domain, path: str) -> Any:
        if domain.name not in ("observation_period", "payer_plan_period"):
            raise self.refuse(path, f"{domain.name} has no such field")
        fields = self.fields(told, path, "from", "to")
        return (self.day(fields.get("from"), f"{path}.from"), self.day(fields.get("to"), f"{path}.to"))


def _group_key(told: Any) -> str | None:
    """The key of a mapping that names a group."""
    if not isinstance(told, dict):
        return None
    return next((key for key in told if _GROUP.fullmatch(key.replace(" ", "_"))), None)
