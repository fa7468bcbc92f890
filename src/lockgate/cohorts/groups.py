"""Which index events pass a group: only those are computed for which something near them is known.

Every node of a group holds, or doesn't, for an index event of which nothing is known; a table of deltas has the events
for which it is the other way round, so that criteria which nobody meets cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.cohorts.events import people_sql
from lockgate.cohorts.near import PASSES, leaves_sql
from lockgate.cohorts.plan import Branch, Nodes, branches_table
from lockgate.cohorts.scratch import Scratch

_NO_NODES = (
    "SELECT CAST(NULL AS INTEGER) AS node, CAST(NULL AS INTEGER) AS parent, CAST(NULL AS BIGINT) AS person_id, "
    "CAST(NULL AS BIGINT) AS event_id, CAST(NULL AS INTEGER) AS delta WHERE FALSE"
)


def passing(scratch: Scratch, nodes: Nodes, index: str, name: str) -> str:
    """A FROM clause of the index events ``q`` for which the root of their context holds."""
    # a node has one delta of an event at most, and an index event is there once
    deltas = _deltas(scratch, nodes, index, name)
    roots = scratch.register(branches_table(list(nodes.roots.values())))
    return (
        f"{index} q JOIN {roots} r ON r.context = q.context "
        f"LEFT JOIN (SELECT * FROM {deltas} d SEMI JOIN {roots} r ON r.node = d.node) d "
        "ON d.node = r.node AND d.person_id = q.person_id AND d.event_id = q.event_id "
        "WHERE r.holds <> (d.node IS NOT NULL)"
    )


def _deltas(scratch: Scratch, nodes: Nodes, index: str, name: str) -> str:
    """Where a node is other than it is for an event of which nothing is known: node, parent, person_id, event_id,
    and what that changes in the number of its parent's children that hold (1 or -1)."""
    parts = [_NO_NODES]
    if nodes.leaves:
        parts.append(leaves_sql(scratch, nodes.leaves, index))
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
        f"WHERE b.holds <> ({PASSES.format(x='b', n='(b.base + s.holding)')})"
    )
