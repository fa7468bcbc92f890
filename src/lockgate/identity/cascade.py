"""The deterministic cascade: which profiles are one person, strongest evidence first, nobody merged on a contradiction.

After the published practice of NHS matching (NHS number with date of birth first, then steps that make up for a
missing birth date, then the hospital's own number):

1. ``nhs_number+birth_date``: both equal.
2. ``nhs_number``: equal, a birth date missing on one side, and sex, a name or the local number agrees.
3. ``local_number``: equal within the trust's own sources, and the birth date or a name agrees.
4. ``merge``: a source says that one of its records goes on as another (see ``identity.merges``). It is obeyed even
   where the details differ; two NHS numbers or birth dates brought together so are counted for somebody to look at.
5. ``own``: nothing else holds the same person; the record is a person of its own.

Records that a source has parted again are never one person, whatever would join them. But for merges, a cluster never
holds two NHS numbers or two birth dates: an edge that would bring them together is refused and counted. Within a step
the edge with more agreement is taken first; a profile whose best edges lead to people with different birth dates, or
different NHS numbers, is ambiguous and joins none of them at that step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from lockgate.identity.merges import Ties
from lockgate.identity.profiles import Profile

NO_TIES = Ties()

NHS_AND_BIRTH = "nhs_number+birth_date"
NHS = "nhs_number"
LOCAL = "local_number"
MERGE = "merge"
OWN = "own"
STEPS = (NHS_AND_BIRTH, NHS, LOCAL, MERGE, OWN)

# A number shared by more different profiles than this identifies nobody ("UNKNOWN", "0000"): refused and counted.
LARGEST_BLOCK = 50


@dataclass(frozen=True, slots=True)
class Edge:
    """A reason to think two profiles one person; ``strength`` is how many fields agree."""

    step: str
    strength: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """An edge that was refused: ``kind`` is nhs_number, birth_date, ambiguous, block or unmerged.

    merged_nhs_number and merged_birth_date: a merge that was obeyed, though the two sides carry different ones."""

    step: str
    kind: str
    left: int
    right: int


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


def agreement(left: Profile, right: Profile) -> int:
    """How many of birth date, sex, given name, family name (former ones too) and local number agree."""
    return (
        (left.birth_date is not None and left.birth_date == right.birth_date)
        + (left.sex is not None and left.sex == right.sex)
        + (left.given is not None and left.given == right.given)
        + bool(left.family & right.family)
        + (left.local_number is not None and left.local_number == right.local_number)
    )


def _names_agree(left: Profile, right: Profile) -> bool:
    return (left.given is not None and left.given == right.given) or bool(left.family & right.family)


def _nhs_edge(left: Profile, right: Profile) -> bool:
    if left.birth_date is not None and right.birth_date is not None:
        return False
    return agreement(left, right) > 0


def _local_edge(left: Profile, right: Profile) -> bool:
    born = left.birth_date is not None and left.birth_date == right.birth_date
    return born or _names_agree(left, right)


def _blocks(
    profiles: Iterable[Profile], value: Callable[[Profile], object | None]
) -> Iterator[list[Profile]]:
    """Profiles that share a value, block by block, blocks of one left out."""
    blocks: dict[object, list[Profile]] = defaultdict(list)
    for profile in profiles:
        shared = value(profile)
        if shared is not None:
            blocks[shared].append(profile)
    return (block for block in blocks.values() if len(block) > 1)


def _edges(
    profiles: list[Profile],
    step: str,
    value: Callable[[Profile], object | None],
    holds: Callable[[Profile, Profile], bool],
    conflicts: list[Conflict],
) -> list[Edge]:
    edges = []
    for block in _blocks(profiles, value):
        if len(block) > LARGEST_BLOCK:
            conflicts.append(Conflict(step, "block", block[0].number, block[-1].number))
            continue
        for left, right in combinations(block, 2):
            if holds(left, right):
                edges.append(Edge(step, agreement(left, right), left.number, right.number))
    return sorted(edges, key=lambda edge: (-edge.strength, edge.left, edge.right))


class _People:
    """The clusters while they grow, with the NHS numbers and birth dates each one holds."""

    def __init__(self, profiles: list[Profile], parted: Iterable[tuple[int, int]]) -> None:
        self.clusters = Clusters(list(range(len(profiles))), [OWN] * len(profiles))
        self.nhs: list[str | None] = [profile.nhs_number for profile in profiles]
        self.born = [profile.birth_date for profile in profiles]
        self.apart: dict[int, set[int]] = defaultdict(set)  # cluster -> profiles that must not be in it
        for left, right in parted:
            self.apart[left].add(right)
            self.apart[right].add(left)

    def parted(self, left: int, right: int) -> bool:
        """Whether a source has parted a record of one cluster from a record of the other."""
        left, right = self.clusters.find(left), self.clusters.find(right)
        return any(self.clusters.find(profile) == right for profile in self.apart.get(left, ()))

    def contradiction(self, left: int, right: int) -> str | None:
        """What two clusters disagree in, or None."""
        if self.apart and self.parted(left, right):
            return "unmerged"
        left, right = self.clusters.find(left), self.clusters.find(right)
        if self.nhs[left] and self.nhs[right] and self.nhs[left] != self.nhs[right]:
            return "nhs_number"
        if self.born[left] and self.born[right] and self.born[left] != self.born[right]:
            return "birth_date"
        return None

    def join(self, left: int, right: int, step: str) -> None:
        for profile in (left, right):
            if self.clusters.step[profile] == OWN:
                self.clusters.step[profile] = step
        keep, drop = sorted((self.clusters.find(left), self.clusters.find(right)))
        if keep != drop:
            self.clusters.parent[drop] = keep
            self.nhs[keep] = self.nhs[keep] or self.nhs[drop]
            self.born[keep] = self.born[keep] or self.born[drop]
            if drop in self.apart:
                self.apart[keep] |= self.apart.pop(drop)

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


def cluster(profiles: list[Profile], ties: Ties = NO_TIES) -> Clusters:
    """Run the cascade over profiles numbered 0..n-1 and return their clusters. The same input gives the same output.

    ``ties`` are the pairs of profiles that a source has joined or parted."""
    people = _People(profiles, ties.parted)
    clusters = people.clusters
    for block in _blocks(
        profiles, lambda p: (p.nhs_number, p.birth_date) if p.nhs_number and p.birth_date else None
    ):
        whole = _without_parted(block, people, clusters.conflicts)
        for other in whole[1:]:
            people.join(whole[0].number, other.number, NHS_AND_BIRTH)
    steps: tuple[tuple[str, Callable[[Profile], object | None], Callable[[Profile, Profile], bool]], ...] = (
        (NHS, lambda p: p.nhs_number, _nhs_edge),
        (LOCAL, lambda p: p.local_number, _local_edge),
    )
    for step, value, holds in steps:
        edges = _edges(profiles, step, value, holds, clusters.conflicts)
        unsure = people.ambiguous(edges)
        for edge in edges:
            if clusters.find(edge.left) == clusters.find(edge.right):
                continue
            kind = people.contradiction(edge.left, edge.right)
            if kind is None and (edge.left in unsure or edge.right in unsure):
                kind = "ambiguous"
            if kind:
                clusters.conflicts.append(Conflict(step, kind, edge.left, edge.right))
            else:
                people.join(edge.left, edge.right, step)
    _merge(people, ties)
    for profile in profiles:
        clusters.parent[profile.number] = clusters.find(profile.number)
        if profile.records > 1 and clusters.step[profile.number] == OWN:
            clusters.step[profile.number] = _own_step(profile)
    return clusters


def _without_parted(block: list[Profile], people: _People, conflicts: list[Conflict]) -> list[Profile]:
    """A block of equal numbers without the profiles that a source has parted from another of it: which of them the
    rest belongs to, nobody knows."""
    numbers = {profile.number for profile in block}
    if not any(number in people.apart for number in numbers):
        return block
    kept = []
    for profile in block:
        others = people.apart.get(profile.number, set()) & numbers
        conflicts += [
            Conflict(NHS_AND_BIRTH, "unmerged", profile.number, o)
            for o in sorted(others)
            if profile.number < o
        ]
        if not others:
            kept.append(profile)
    return kept


def _merge(people: _People, ties: Ties) -> None:
    """Join what sources have joined, the latest first; refused only where it would join what one has parted."""
    clusters = people.clusters
    for left, right in ties.joined:
        if clusters.find(left) == clusters.find(right):
            continue
        kind = people.contradiction(left, right)
        if kind:
            said = kind if kind == "unmerged" else f"merged_{kind}"
            clusters.conflicts.append(Conflict(MERGE, said, left, right))
        if kind != "unmerged":
            people.join(left, right, MERGE)


def _own_step(profile: Profile) -> str:
    """The step that makes equal rows of one profile one person."""
    if profile.nhs_number:
        return NHS_AND_BIRTH if profile.birth_date else NHS
    return LOCAL
