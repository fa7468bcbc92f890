"""Whether somebody who holds whole records can tell who was in the data; and that the test sees it when they can."""

from __future__ import annotations

import numpy as np
import pytest

from lockgate.curate import open_release
from lockgate.engine import Engine
from lockgate.schema import RELEASE
from lockgate.site import Site
from lockgate.twin.budget import Budget
from lockgate.twin.generate import generate
from lockgate.twin.measure import measure
from lockgate.twin.membership import NEEDED, attack, auc, make_views
from lockgate.twin.shape import WAYS

MEMBERS = "SELECT person_id FROM half WHERE h = 0"
OTHERS = "SELECT person_id FROM half WHERE h = 1"


@pytest.fixture(scope="module")
def attacked(hospital: Site):
    """An engine with the records of members and others, and the release's tables as ``all_<table>``."""
    release = open_release(hospital)
    with Engine(threads=1) as engine:
        for name in WAYS:
            engine.view_parquet(f"all_{name}", release.table_path(name), RELEASE[name])
        engine.execute(
            "CREATE TABLE half AS SELECT person_id, row_number() OVER (ORDER BY hash(person_id)) % 2 AS h "
            "FROM all_person"
        )
        for side, people in (("a", MEMBERS), ("b", OTHERS)):
            make_views(engine, side, {name: f"all_{name}" for name in NEEDED}, people)
        yield engine


def test_a_twin_of_half_of_them_tells_nobody(attacked: Engine) -> None:
    filled = {}
    for name in WAYS:
        columns = {column.name for column in RELEASE[name]}
        where = f"WHERE person_id IS NULL OR person_id IN ({MEMBERS})" if "person_id" in columns else ""
        attacked.execute(f"CREATE OR REPLACE VIEW counted_{name} AS SELECT * FROM all_{name} {where}")
        counts = attacked.rows(
            "SELECT " + ", ".join(f'count("{c.name}")' for c in RELEASE[name]) + f" FROM counted_{name}"
        )[0]
        there = frozenset(c.name for c, n in zip(RELEASE[name], counts, strict=True) if n and c.askable)
        if there:
            filled[name] = there
    recipe = measure(
        attacked, filled, Budget(100, 1e-6, 10), np.random.default_rng(4), release="2026.1", year=2025
    )
    tables = generate(recipe, 150, 1, {})
    for name in NEEDED:
        attacked.register(f"made_{name}", tables[name])
    make_views(attacked, "t", {name: f"made_{name}" for name in NEEDED}, "SELECT person_id FROM made_person")
    found = attack(attacked)
    assert [item.name for item in found] == ["nearest", "rows", "classifier"]
    assert all(item.chance for item in found), found


def test_a_twin_with_real_people_in_it_is_seen(attacked: Engine) -> None:
    """The same test on a leak: one in three members copied, the other rows of the twin invented."""
    leaked = "SELECT person_id FROM half WHERE h = 0 AND hash(person_id) % 3 = 0"
    make_views(attacked, "t", {name: f"all_{name}" for name in NEEDED}, leaked)
    assert not any(item.chance for item in attack(attacked) if item.name in ("nearest", "rows"))


def test_the_area_under_the_curve_is_that_of_every_pair() -> None:
    rng = np.random.default_rng(1)
    score, member = rng.integers(0, 5, 60).astype(float), (rng.random(60) < 0.4).astype(float)
    pairs = [(a > b) + 0.5 * (a == b) for a in score[member == 1] for b in score[member == 0]]
    found = auc("x", score, member)
    assert found.auc == pytest.approx(np.mean(pairs))
    assert found.low < found.auc < found.high
