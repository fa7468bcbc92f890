"""The deterministic cascade: which profiles are one person, strongest evidence first, nobody merged on a contradiction.

The pairs of each step come from ``linkage.deterministic.index_steps``, one list of conditions for the patient index and
``lockgate link``. After the published practice of NHS matching (NHS number with date of birth first, then steps that
make up for a missing birth date, then the hospital's own number, then full demographics):

1. ``nhs_number+birth_date``: both equal, and the given names are not other names altogether (twins with one number).
2. ``nhs_number``: equal, a birth date missing on one side, and sex, a name or the local number agrees.
3. ``nhs_number+partial``: number and given name equal, the birth date a slip of the pen apart.
4. ``local_number``: equal within the trust's own sources, and the birth date or a name agrees.
5. ``name+birth_date+postcode``: all equal, no other NHS number, no other sex.
6. ``merge``: a source says that one of its records goes on as another (see ``identity.merges``). It is obeyed even
   where the details differ; two NHS numbers or birth dates brought together so are counted for somebody to look at.
7. ``decided``: somebody looked at the two and said that they are one person (see ``identity.review``).
8. ``own``: nothing else holds the same person; the record is a person of its own.

What is left then goes to the model (``identity.probable``). Records that a source or a person has parted are never one
person, whatever would join them. But for merges and decisions, a cluster never holds two NHS numbers, two birth dates
(but for a slip, step 3) or two other names under one number: an edge that would bring them together is refused and
counted. Within a step the edge with more agreement is taken first; a profile whose best edges lead to people who
contradict one another is ambiguous and joins none of them at that step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, groupby

import pyarrow as pa

from lockgate.identity.linkage.deterministic import FULL, LOCAL, NHS, NHS_AND_BIRTH, NHS_AND_NAMES
from lockgate.identity.merges import Ties
from lockgate.identity.profiles import Profile

NO_TIES = Ties()

MERGE = "merge"
DECIDED = "decided"
MODEL = "model"
OWN = "own"
STEPS = (NHS_AND_BIRTH, NHS, NHS_AND_NAMES, LOCAL, FULL, MERGE, DECIDED, MODEL, OWN)


@dataclass(frozen=True, slots=True)
class Edge:
    """A reason to think two profiles one person; ``strength`` is how many fields agree."""

    step: str
    strength: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """An edge that was refused: ``kind`` is nhs_number, birth_date, names, ambiguous, block, unmerged or one_each.

    merged_nhs_number, merged_birth_date and so on: a merge that was obeyed, though the two sides differ in that."""

    step: str
    kind: str
    left: int
    right: int


@dataclass(frozen=True)
class Evidence:
    """What the steps found: their pairs in order, pairs that one speaks against, and blocks too large to compare."""

    edges: tuple[Edge, ...] = ()
    bars: tuple[tuple[int, int], ...] = ()
    blocks: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def of(cls, pairs: pa.Table, bars: list[tuple[int, int]], blocks: list[tuple[str, int, int]]) -> Evidence:
        """From what ``linkage.deterministic.pairs`` returns."""
        columns = (pairs[name].to_pylist() for name in ("step", "strength", "rec_l", "rec_r"))
        return cls(tuple(map(Edge, *columns)), tuple(bars), tuple(blocks))


@dataclass
class Clusters:
    """Which cluster each profile is in (the smallest profile number of it), the step that joined it, and conflicts."""

    parent: list[int]
    step: list[str]
    conflicts: list[Conflict] = field(default_factory=list)

    def find(self, profile: int) -> int:
        """The representative of a profile's cluster."""
        root = profile
        while self.parent[root] != root:
            root = self.parent[root]
        while self.parent[profile] != root:
            self.parent[profile], profile = root, self.parent[profile]
        return root


class People:
    """The clusters while they grow, with the NHS numbers, birth dates and sources each one holds."""

    def __init__(self, profiles: list[Profile], ties: Ties, bars: Iterable[tuple[int, int]]) -> None:
        self.clusters = Clusters(list(range(len(profiles))), [OWN] * len(profiles))
        self.nhs: list[str | None] = [profile.nhs_number for profile in profiles]
        self.born = [profile.birth_date for profile in profiles]
        self.sources = {p.number: p.sources for p in profiles if p.sources}
        self.apart = _both_ways(ties.parted)  # cluster -> profiles that must not be in it
        self.barred = _both_ways(bars)
        self.bases: list[int] = []  # the cluster of each profile by the exact steps alone

    def _holds(self, apart: dict[int, set[int]], left: int, right: int) -> bool:
        return any(self.clusters.find(profile) == right for profile in apart.get(left, ()))

    def contradiction(self, left: int, right: int, *, birth: bool = True) -> str | None:
        """What two clusters disagree in, or None; without ``birth``, two birth dates are none."""
        left, right = self.clusters.find(left), self.clusters.find(right)
        if self.apart and self._holds(self.apart, left, right):
            return "unmerged"
        if self.nhs[left] and self.nhs[right] and self.nhs[left] != self.nhs[right]:
            return "nhs_number"
        if self.barred and self._holds(self.barred, left, right):
            return "names"
        if birth and self.born[left] and self.born[right] and self.born[left] != self.born[right]:
            return "birth_date"
        return None

    def one_each(self, left: int, right: int) -> bool:
        """Whether both clusters hold a record of a source that has one for each person."""
        none: frozenset[str] = frozenset()
        left, right = self.clusters.find(left), self.clusters.find(right)
        return bool(self.sources.get(left, none) & self.sources.get(right, none))

    def join(self, left: int, right: int, step: str) -> None:
        """Make two clusters one; a profile keeps the first step that joined it."""
        for profile in (left, right):
            if self.clusters.step[profile] == OWN:
                self.clusters.step[profile] = step
        keep, drop = sorted((self.clusters.find(left), self.clusters.find(right)))
        if keep != drop:
            self.clusters.parent[drop] = keep
            self.nhs[keep] = self.nhs[keep] or self.nhs[drop]
            self.born[keep] = self.born[keep] or self.born[drop]
            for apart in (self.apart, self.barred):
                if drop in apart:
                    apart[keep] |= apart.pop(drop)
            if drop in self.sources:
                self.sources[keep] = self.sources.get(keep, frozenset()) | self.sources.pop(drop)

    def ambiguous(self, edges: list[Edge]) -> set[int]:
        """Profiles whose strongest edges of a step lead to clusters that contradict one another."""
        best: dict[int, tuple[int, set[int]]] = {}
        for edge in edges:
            for here, there in ((edge.left, edge.right), (edge.right, edge.left)):
                strength, targets = best.setdefault(here, (edge.strength, set()))
                if edge.strength == strength and self.contradiction(here, there) is None:
                    targets.add(self.clusters.find(there))
        return {
            profile
            for profile, (_, targets) in best.items()
            if any(self.contradiction(left, right) for left, right in combinations(sorted(targets), 2))
        }


def _both_ways(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    apart: dict[int, set[int]] = defaultdict(set)
    for left, right in pairs:
        apart[left].add(right)
        apart[right].add(left)
    return apart


def cluster(profiles: list[Profile], evidence: Evidence, ties: Ties = NO_TIES) -> People:
    """Run the cascade over profiles numbered 0..n-1 and return who is together. The same input gives the same output.

    ``ties`` are the pairs of profiles that a source or a person has joined or parted. ``finish`` ends it."""
    people = People(profiles, ties, evidence.bars)
    clusters = people.clusters
    clusters.conflicts += [Conflict(step, "block", first, last) for step, first, last in evidence.blocks]
    clusters.conflicts += [Conflict(NHS_AND_BIRTH, "names", left, right) for left, right in evidence.bars]
    for step, group in groupby(evidence.edges, key=lambda edge: edge.step):
        edges = list(group)
        unsure = _unsure(profiles, people, step, edges, ties)
        for edge in edges:
            if clusters.find(edge.left) == clusters.find(edge.right):
                continue
            kind = people.contradiction(edge.left, edge.right, birth=step != NHS_AND_NAMES)
            if kind is None and (edge.left in unsure or edge.right in unsure):
                kind = "ambiguous"
            if kind:
                clusters.conflicts.append(Conflict(step, kind, edge.left, edge.right))
            else:
                people.join(edge.left, edge.right, step)
    people.bases = [clusters.find(number) for number in range(len(profiles))]
    _obey(people, ties.joined, MERGE)
    _obey(people, ties.decided, DECIDED)
    return people


def finish(people: People, profiles: list[Profile]) -> Clusters:
    """Give every profile its cluster's number, and equal rows of one profile the step that makes them one person."""
    clusters = people.clusters
    once = {(one.kind, one.left, one.right): one for one in reversed(clusters.conflicts)}
    clusters.conflicts = list(reversed(once.values()))
    for profile in profiles:
        clusters.parent[profile.number] = clusters.find(profile.number)
        if profile.records > 1 and clusters.step[profile.number] == OWN:
            clusters.step[profile.number] = profile.own_step or OWN
    return clusters


def _unsure(profiles: list[Profile], people: People, step: str, edges: list[Edge], ties: Ties) -> set[int]:
    """The profiles that must join nobody at a step."""
    if step != NHS_AND_BIRTH:
        return people.ambiguous(edges)
    # Equal numbers can contradict one another only where something keeps two of a block apart. Of two records that
    # were parted though their numbers are equal, nobody knows which of them the rest belongs to.
    touched = set(people.apart) | set(people.barred)
    unsure = people.ambiguous([edge for edge in edges if edge.left in touched or edge.right in touched])
    for left, right in ties.parted:
        one, other = profiles[left], profiles[right]
        if one.nhs_number and (one.nhs_number, one.birth_date) == (other.nhs_number, other.birth_date):
            unsure |= {left, right}
    return unsure


def _obey(people: People, joined: Iterable[tuple[int, int]], step: str) -> None:
    """Join what sources or people have joined; refused only where it would join what one of them has parted."""
    clusters = people.clusters
    for left, right in joined:
        if clusters.find(left) == clusters.find(right):
            continue
        kind = people.contradiction(left, right)
        if kind:
            said = kind if kind == "unmerged" else f"merged_{kind}"
            clusters.conflicts.append(Conflict(step, said, left, right))
        if kind != "unmerged":
            people.join(left, right, step)
