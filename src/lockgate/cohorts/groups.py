"""Which index events pass a group: only those are computed for which something near them is known.

Every node of a group holds, or doesn't, for an index event of which nothing is known; a table of deltas has the events
for which it is the other way round, so that criteria which nobody meets cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockgate.cohorts.events import people_sql
from lockgate.cohorts.plan import FAR, Branch, Nodes, branches_table, distinct_of, leaves_table, rows_table
from lockgate.cohorts.scratch import Scratch

_NO_NODES = (
    "SELECT CAST(NULL AS INTEGER) AS node, CAST(NULL AS INTEGER) AS parent, CAST(NULL AS BIGINT) AS person_id, "
    "CAST(NULL AS BIGINT) AS event_id, CAST(NULL AS INTEGER) AS delta WHERE FALSE"
)
_PASSES = (
    "CASE {x}.how WHEN 'exactly' THEN {n} = {x}.times WHEN 'at_most' THEN {n} <= {x}.times "
    "WHEN 'at_least' THEN {n} >= {x}.times WHEN 'all' THEN {n} = {x}.children ELSE {n} > 0 END"
)


def passing(scratch: Scratch, nodes: Nodes, index: str, name: str) -> str:
    """The index events (context, person_id, event_id) for which the root of their context holds."""
    # a node has one delta of an event at most, and an index event is there once
    deltas = _deltas(scratch, nodes, index, name)
    roots = scratch.register(branches_table(list(nodes.roots.values())))
    return scratch.create(
        f"{name}_passing",
        f"SELECT r.context, d.person_id, d.event_id FROM {deltas} d JOIN {roots} r ON r.node = d.node "
        f"WHERE NOT r.holds UNION ALL SELECT i.context, i.person_id, i.event_id FROM {index} i "
        f"JOIN {roots} r ON r.context = i.context LEFT JOIN {deltas} d ON d.node = r.node "
        "AND d.person_id = i.person_id AND d.event_id = i.event_id WHERE r.holds AND d.node IS NULL",
    )


def near_sql(scratch: Scratch, nodes: Nodes, criteria: Mapping[int, int]) -> str:
    """The query of who has an event that a group counts: context, its criterion by ``criteria``, person_id; of contexts
    that ask for one at least.

    For nobody else does the group of such a context hold.
    """
    asked = [leaf for leaf in nodes.leaves if not nodes.roots[leaf.context].alone[1]]
    told = {(leaf.context, criteria[leaf.context], leaf.criterion) for leaf in asked}
    if not told:  # groups that ask more than they have
        return (
            "SELECT CAST(NULL AS INTEGER) AS context, CAST(NULL AS INTEGER) AS criterion, "
            "CAST(NULL AS BIGINT) AS person_id WHERE FALSE"
        )
    leaves = scratch.register(rows_table(sorted(told), {"context": "i4", "criterion": "i4", "counted": "i4"}))
    # events of a person are made one before contexts make them many
    people = (
        f"SELECT DISTINCT e.criterion, e.person_id FROM {scratch.events(leaf.criterion for leaf in asked)} e "
        f"SEMI JOIN {leaves} l ON l.counted = e.criterion"
    )
    return (
        f"SELECT DISTINCT l.context, l.criterion, p.person_id FROM {leaves} l "
        f"JOIN ({people}) p ON p.criterion = l.counted"
    )


def _deltas(scratch: Scratch, nodes: Nodes, index: str, name: str) -> str:
    """Where a node is other than it is for an event of which nothing is known: node, parent, person_id, event_id,
    and what that changes in the number of its parent's children that hold (1 or -1)."""
    parts = [_NO_NODES]
    if nodes.leaves:
        parts.append(_leaves(scratch, nodes, index, name))
    if nodes.people:
        for table, sql in people_sql(scratch.plan, nodes.people, index, repeated=scratch.repeated):
            parts.append(sql.replace("{k}", scratch.register(table)))
    known = [scratch.create(f"{name}_deltas", " UNION ALL ".join(parts))]
    for height in range(1 + max((branch.height for branch in nodes.branches), default=0)):
        told = " UNION ALL ".join(f"SELECT * FROM {table}" for table in known)
        alike = [branch for branch in nodes.branches if branch.height == height]
        selects = [
            _branches(scratch, some, told, single=single)
            for single in (True, False)
            if (some := [branch for branch in alike if (branch.children == 1) == single])
        ]
        known.append(scratch.create(f"{name}_deltas_{height}", " UNION ALL ".join(selects)))
    return scratch.view(f"{name}_known", " UNION ALL ".join(f"SELECT * FROM {table}" for table in known))


def _branches(scratch: Scratch, branches: Sequence[Branch], told: str, *, single: bool) -> str:
    """The deltas of groups from those of their children; ``single``: they have one child each, so nothing to add up."""
    table = scratch.register(branches_table(branches))
    holding = f"SELECT d.parent, d.person_id, d.event_id, d.delta AS holding FROM ({told}) d"
    if not single:
        holding = (
            "SELECT d.parent, d.person_id, d.event_id, CAST(sum(d.delta) AS INTEGER) AS holding "
            f"FROM ({told}) d SEMI JOIN {table} b ON b.node = d.parent GROUP BY d.parent, d.person_id, d.event_id"
        )
    return (
        "SELECT b.node, b.parent, s.person_id, s.event_id, CASE WHEN b.holds THEN -1 ELSE 1 END AS delta "
        f"FROM ({holding}) s JOIN {table} b ON b.node = s.parent "
        f"WHERE b.holds <> ({_PASSES.format(x='b', n='(b.base + s.holding)')})"
    )


def _leaves(scratch: Scratch, nodes: Nodes, index: str, name: str) -> str:
    leaves = scratch.register(leaves_table(nodes.leaves))

    def bound(window: int, side: str) -> str:
        # nothing is near the end of an event whose end isn't known
        end = f"coalesce(i.last_day, {3 * FAR if side == 'low' else -3 * FAR})"
        start = f"CASE WHEN l.from_end{window} THEN {end} ELSE i.first_day END + l.{side}{window}"
        return f"CASE l.{side}_period{window} WHEN 0 THEN {start} WHEN 1 THEN i.period_first ELSE i.period_last END"

    limits = []
    for side, far, most, period in (
        ("low", -2 * FAR, "greatest", "period_first"),
        ("high", 2 * FAR, "least", "period_last"),
    ):
        starts = [f"CASE WHEN l.of_end{w} THEN {far} ELSE {bound(w, side)} END" for w in (1, 2)]
        ends = [f"CASE WHEN l.of_end{w} THEN {bound(w, side)} ELSE {far} END" for w in (1, 2)]
        starts.append(f"CASE WHEN l.observed THEN i.{period} ELSE {far} END")
        limits.append(f"{most}({', '.join(starts)}) AS start_{side}")
        limits.append(f"{most}({', '.join(ends)}) AS end_{side}")
    bounds = (
        "(SELECT l.node, l.criterion, l.same_visit, l.uses_end, l.distinct_of, i.person_id, i.event_id, "
        f"{', '.join([*limits, *(f'i.{column}' for column in scratch.visit)])} "
        f"FROM {leaves} l JOIN {index} i ON i.context = l.context)"
    )
    values = {
        "domain_concept": "e.concept_id",
        "start_date": "e.first_day",
        "end_date": "e.last_day",
        "duration": "e.last_day - e.first_day",
        "visit": "e.visit_id",
    }
    counted_by = {distinct_of(leaf.counted) for leaf in nodes.leaves}
    same_visit = "AND (NOT w.same_visit OR e.visit_id = w.visit_id)" if scratch.visit else ""
    different = " ".join(
        f"WHEN '{kind}' THEN CAST({value} AS BIGINT)" for kind, value in values.items() if kind in counted_by
    )
    parts = []
    for said, counted, alike in (
        ("=", "count(*)", [leaf for leaf in nodes.leaves if distinct_of(leaf.counted) == "no"]),
        (
            "<>",
            f"count(DISTINCT CASE w.distinct_of {different} END)",
            [leaf for leaf in nodes.leaves if distinct_of(leaf.counted) != "no"],
        ),
    ):
        if alike:
            parts.append(
                f"SELECT w.node, w.person_id, w.event_id, {counted} AS n FROM {bounds} w "
                f"JOIN {scratch.events(leaf.criterion for leaf in alike)} e ON e.criterion = w.criterion "
                f"AND e.person_id = w.person_id WHERE w.distinct_of {said} 'no' "
                "AND e.first_day BETWEEN w.start_low AND w.start_high "
                "AND (NOT w.uses_end OR e.last_day BETWEEN w.end_low AND w.end_high) "
                f"{same_visit} GROUP BY w.node, w.person_id, w.event_id"
            )
    near = " UNION ALL ".join(parts)
    return (
        "SELECT l.node, l.parent, c.person_id, c.event_id, CASE WHEN l.holds THEN -1 ELSE 1 END AS delta "
        f"FROM ({near}) c JOIN {leaves} l ON l.node = c.node WHERE l.holds <> "
        f"({_PASSES.replace('children', 'times').format(x='l', n='c.n')})"
    )
