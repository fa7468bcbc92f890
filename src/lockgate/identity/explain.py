"""Why the model would, or wouldn't, take any two records for one person."""

from __future__ import annotations

from typing import Any

from lockgate.capture import latest_view
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.identity import training
from lockgate.identity.decisions import Ref, pair_id
from lockgate.identity.probable import probability, score
from lockgate.identity.profiles import read_profiles
from lockgate.identity.waterfall import waterfall
from lockgate.site import Site


def explain(engine: Engine, site: Site, left: Ref, right: Ref) -> dict[str, Any]:
    """The waterfall of two records by the site's model: names of fields and weights, no value of a record.

    ``probability`` is of the two by themselves; the index also takes into account who else they could be. Refused
    without a model, UsageError for a record that isn't there."""
    kept = training.current(site)
    if kept is None:
        raise Refused(
            "this site has no model",
            reasons=["no model was estimated"],
            remedy="`lockgate index train` makes one",
        )
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE explained AS"
        f" SELECT * FROM {latest_view(engine, site, 'patient')}"
        " WHERE (source = ? AND record_id = ?) OR (source = ? AND record_id = ?)",
        [*left, *right],
    )
    there = {(source, record) for source, record in engine.rows("SELECT source, record_id FROM explained")}
    missing = [ref for ref in (left, right) if ref not in there]
    if missing or left == right:
        raise UsageError(
            "there is no such patient record" if missing else "a record needs another to be held against",
            where=missing[0][0] if missing else left[0],
            remedy="name each as SOURCE:RECORD, as the source does",
        )
    # each record is a profile here, also where the two are equal
    engine.execute("CREATE OR REPLACE TEMP VIEW identity_patient AS SELECT * FROM explained")
    read_profiles(engine, "identity_patient", own_sources=None)
    engine.execute("""
        CREATE OR REPLACE TABLE link_record AS
        SELECT row_number() OVER (ORDER BY r.source, r.record_id) - 1 AS rec, l.* EXCLUDE (rec)
        FROM identity_record AS r JOIN link_record AS l ON l.rec = r.profile""")
    engine.execute("CREATE OR REPLACE TABLE link_pair AS SELECT 0::BIGINT AS rec_l, 1::BIGINT AS rec_r")
    engine.execute("DROP TABLE IF EXISTS link_kept")
    score(engine, kept)
    row = engine.arrow("SELECT * FROM link_scored").to_pylist()[0]
    model, _ = training.load(engine, kept)
    return {
        "pair": pair_id(site, left, right),
        "model": kept.number,
        "weight": row["weight"],
        "probability": probability(row["weight"]),
        "waterfall": waterfall(model.settings, row),
    }
