"""``link_tables``: from two files, or one, to pairs, clusters, a model and what is in doubt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity.linkage import artefacts, blocking, deterministic, reading, records, resolve, sample
from lockgate.identity.linkage.dates import FORMS
from lockgate.identity.linkage.fields import fields_of
from lockgate.identity.linkage.model import Model, Scorer

# A link is made where it is likelier right than wrong: no other threshold makes fewer errors, false and missed
# together, if the probabilities are right.
THRESHOLD = 0.5
GREY = (0.05, 0.95)
# Within one table all pairs of a cluster are written up to this many rows; of a larger one, its first row with each.
LARGEST_WRITTEN = 200


@dataclass(frozen=True, slots=True)
class Options:
    """What ``link_tables`` may be told beside the tables and the map."""

    threshold: float = THRESHOLD
    id_right: str = ""
    encoding: str = ""
    date_form: str = ""
    date_form_right: str = ""
    model: Path | None = None
    model_out: Path | None = None
    artefacts: Path | None = None
    clusters: Path | None = None
    review: Path | None = None
    sample: Path | None = None
    sample_size: int = 400
    seed: int = 11


@dataclass
class Linked:
    """What was found: the report (counts and settings, no value of a record)."""

    report: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The form of ``lockgate link --json``."""
        return self.report


def link_tables(
    engine: Engine,
    left: Path | pa.Table,
    right: Path | pa.Table | None,
    ident: str,
    mapping: Mapping[str, str],
    out: Path,
    *,
    mapping_right: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> Linked:
    """Link the rows of two tables, or of one with itself, and write the pairs and the clusters as Parquet.

    Raises UsageError for what can't be read or understood, Refused when the columns can't tell people apart.
    """
    options = options or Options()
    if not 0 < options.threshold < 1:
        raise UsageError(
            "is no probability between 0 and 1", where="--threshold", remedy="0.5 is the default"
        )
    for form in (options.date_form, options.date_form_right):
        if form and form not in FORMS:
            raise UsageError(
                f"{form} is no form of dates", where="--date-form", remedy=f"one of {', '.join(FORMS)}"
            )
    paths = [table for table in (left, right) if isinstance(table, Path) and table.exists()]
    if len(paths) == 2 and paths[0].samefile(paths[1]):
        raise UsageError(
            "is given as both tables: each record would find itself",
            where=str(right),
            remedy="give it once: within one table the duplicates are found",
        )
    clock = _Clock()
    fields = fields_of(mapping, mapping_right or mapping)
    two = right is not None
    records.prepare(engine)
    rows = {"left": reading.read(engine, left, "left", ident, fields, "--id", options.encoding)}
    if right is None and rows["left"] == 1:
        raise UsageError(
            "the table has one row",
            where=str(left) if isinstance(left, Path) else "the table",
            remedy="there is nothing to compare it with: give a second table",
        )
    if right is not None:
        rows["right"] = reading.read(
            engine, right, "right", options.id_right or ident, fields, "--id-right", options.encoding
        )
    declared = {"left": options.date_form, "right": options.date_form_right or options.date_form}
    forms = records.standardise(engine, fields, list(rows), declared)
    usable, left_out = records.usable(engine, fields)
    clock.lap("read and standardise")
    columns = columns_of(engine, left_out, {one.field.column for one in usable})
    by_step = deterministic.run(engine, two)
    clock.lap("deterministic cascade")
    keys = blocking.choose(engine, columns, two)
    clock.lap("blocking")
    scorer = Scorer(engine, two)
    if options.model:
        model = Model.load(options.model)
        model.check(usable, columns)
    else:
        model = scorer.estimate(usable, columns, sum(by_step.values()), options.seed)
        scorer.refine(model)
    clock.lap("estimate")
    if two:  # what the cascade has linked is settled; within one table, all pairs of a cluster are weighed
        engine.execute("""
            DELETE FROM link_pair USING link_exact AS e
            WHERE link_pair.rec_l = e.rec_l AND link_pair.rec_r = e.rec_r""")
    scorer.score(model, "link_pair", "link_scored")
    clock.lap("score")
    resolution: dict[str, int]
    if two:
        resolution = {"rounds": resolve.one_to_one(engine, options.threshold)}
    else:
        resolution = resolve.clusters(engine, scorer, model, options.threshold)
    clock.lap("resolve")
    clusters = options.clusters or out.with_name(f"{out.stem}.clusters.parquet")
    written = _write(engine, out, clusters, two)
    review = _review(engine, options.review, two, options.threshold)
    drawn = (
        sample.draw(engine, options.sample, two, options.sample_size, options.seed) if options.sample else {}
    )
    if not options.model:
        model.provenance["fields"] = [one.as_dict() for one in usable]
        model.provenance["blocking"] = [key.as_dict() for key in keys]
    if options.model_out:
        model.save(options.model_out)
    sizes = _sizes(engine)
    clock.lap("write")
    linked = Linked(
        {
            "kind": "link" if two else "deduplicate",
            "rows": rows,
            **{key: value for key, value in records.shape(engine).items() if key != "rows"},
            "fields": [one.as_dict() for one in usable],
            "left_out": left_out,
            "dates": {side: form.as_dict() for side, form in forms.items()},
            "threshold": options.threshold,
            "deterministic": by_step,
            "blocking": [key.as_dict() for key in keys],
            "pairs_compared": int(engine.one("SELECT count(*) FROM link_scored") or 0),
            "prior": model.prior,
            "model_from": str(options.model) if options.model else "these tables",
            "resolution": resolution,
            **written,
            "review": review,
            "sample": drawn,
            "expected": _expected(engine, two),
            "cluster_sizes": sizes,
            "out": str(out),
            "clusters_out": str(clusters),
            "review_out": str(options.review) if options.review else None,
            "sample_out": str(options.sample) if options.sample else None,
            "model_out": str(options.model_out) if options.model_out else None,
            "artefacts": str(options.artefacts) if options.artefacts else None,
            "seconds": clock.laps,
        }
    )
    if options.artefacts:
        artefacts.write(options.artefacts, model, linked.report)
    return linked


def _sizes(engine: Engine) -> dict[str, int]:
    """How many clusters there are of each size; past ten, of ten and more."""
    return {
        (f"{size}" if size < 10 else "10 or more"): int(n)
        for size, n in engine.rows("""
            SELECT least(k, 10) AS size, count(*) FROM (SELECT count(*) AS k FROM link_numbered GROUP BY number)
            GROUP BY 1 ORDER BY 1""")
    }


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now


# columns of the standard records that aren't compared or blocked on
_ADMIN = {"rec", "side", "n", "copy", "profile"}
_MADE_OF = {
    "given_sound": "given", "given_root": "given", "family_sound": "family", "outward": "postcode",
    "birth_y": "birth", "birth_m": "birth", "birth_d": "birth",
}  # fmt: skip


def columns_of(engine: Engine, left_out: Mapping[str, str], kept: set[str]) -> set[str]:
    """The columns of ``link_record`` that tell something."""
    there = set(engine.columns("SELECT * FROM link_record")) - _ADMIN
    kept = kept | {"middle"}  # comes with the given names too
    if any(name.startswith("f_full_name") for name in kept):
        kept |= {"given", "family"}
    return {name for name in there if _MADE_OF.get(name, name).removeprefix("root_") in kept}


def _write(engine: Engine, out: Path, clusters: Path, two: bool) -> dict[str, Any]:
    """Write the pairs and the clusters; their counts."""
    engine.execute("""
        CREATE OR REPLACE TABLE link_cluster AS
        WITH together AS (  -- whether a profile's two copies are one person: then its further copies are too
            SELECT r.profile, r.side, min(m.cluster) AS cluster, count(DISTINCT m.cluster) = 1 AS one
            FROM link_record AS r JOIN link_member AS m USING (rec) GROUP BY ALL)
        SELECT w.side, w.n, w.profile, w.copy, r.rec,
               coalesce(m.cluster, CASE WHEN t.one AND w.side = 'L' THEN t.cluster END) AS cluster
        FROM link_row AS w LEFT JOIN link_record AS r ON r.side = w.side AND r.n = w.n
        LEFT JOIN link_member AS m USING (rec)
        JOIN together AS t ON t.profile = w.profile AND t.side = w.side""")
    if two:  # a further copy is a record without a partner: between tables each is linked once
        engine.execute("UPDATE link_cluster SET cluster = NULL WHERE rec IS NULL")
    engine.execute("""
        CREATE OR REPLACE TABLE link_numbered AS
        SELECT *, dense_rank() OVER (ORDER BY coalesce(cluster, 0) = 0, coalesce(cluster, 0),
                                     CASE WHEN cluster IS NULL THEN side END, CASE WHEN cluster IS NULL THEN n END)
                  AS number
        FROM link_cluster""")
    ids = {"L": "link_id_left", "R": "link_id_right"}
    if two:
        pairs = f"""
            SELECT a.id AS id_l, b.id AS id_r, round(c.probability, 6) AS probability, c.step
            FROM link_chosen AS c JOIN link_record AS l ON l.rec = c.rec_l JOIN link_record AS r ON r.rec = c.rec_r
            JOIN {ids["L"]} AS a ON a.n = l.n JOIN {ids["R"]} AS b ON b.n = r.n"""
        members = " UNION ALL ".join(
            f"SELECT '{table.removeprefix('link_id_')}' AS side, i.id, number AS cluster "
            f"FROM link_numbered AS l JOIN {table} AS i ON i.n = l.n WHERE l.side = '{side}'"
            for side, table in ids.items()
        )
        order = "side, cluster, id"
        large = 0
    else:
        engine.execute("""
            CREATE OR REPLACE TABLE link_sized AS
            SELECT *, count(*) OVER (PARTITION BY number) AS size,
                   row_number() OVER (PARTITION BY number ORDER BY n) AS place
            FROM link_numbered""")
        # rows beyond the second copy of a profile stand where their first copy stands
        pairs = f"""
            SELECT a.id AS id_l, b.id AS id_r,
                   round(coalesce(c.probability, CASE WHEN l.profile = r.profile THEN s.probability END, 1.0), 6)
                       AS probability,
                   coalesce(c.step, CASE WHEN l.profile = r.profile THEN 'equal' END, '{resolve.CLUSTER_STEP}') AS step
            FROM link_sized AS l JOIN link_sized AS r ON l.number = r.number AND l.n < r.n
             AND (l.size <= {LARGEST_WRITTEN} OR l.place = 1)
            LEFT JOIN link_chosen AS c ON c.rec_l = l.rec AND c.rec_r = r.rec
            LEFT JOIN (SELECT p.profile, max(c.probability) AS probability FROM link_chosen AS c
                       JOIN link_record AS p ON p.rec = c.rec_l JOIN link_record AS q ON q.rec = c.rec_r
                        AND p.profile = q.profile GROUP BY ALL) AS s ON s.profile = l.profile
            JOIN {ids["L"]} AS a ON a.n = l.n JOIN {ids["L"]} AS b ON b.n = r.n"""
        members = f"SELECT a.id, number AS cluster FROM link_numbered AS l JOIN {ids['L']} AS a ON a.n = l.n"
        order = "cluster, id"
        large = int(
            engine.one(f"SELECT count(DISTINCT number) FROM link_sized WHERE size > {LARGEST_WRITTEN}") or 0
        )
    links = engine.write_parquet(pairs, out, order_by="id_l, id_r")
    engine.write_parquet(members, clusters, order_by=order)
    steps = dict(engine.rows("SELECT step, count(*) FROM read_parquet($1) GROUP BY 1 ORDER BY 1", [str(out)]))
    people, largest = engine.rows("""
        SELECT count(*), max(k) FROM (SELECT count(*) AS k FROM link_numbered GROUP BY number)""")[0]
    return {
        "pairs": links,
        "by_step": steps,
        "clusters": people,
        "largest_cluster": largest,
        "clusters_written_as_a_star": large,
    }


def _review(engine: Engine, path: Path | None, two: bool, threshold: float) -> dict[str, int]:
    """The pairs to look at, counted by reason: the grey zone, and links that the resolution refused."""
    source = (
        "link_posterior"
        if two
        else "(SELECT rec_l, rec_r, match_probability AS probability FROM link_scored)"
    )
    low, high = GREY
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_doubt AS
        SELECT p.rec_l, p.rec_r, p.probability, c.rec_l IS NOT NULL AS linked,
               CASE WHEN p.probability >= {float(threshold)} AND c.rec_l IS NULL THEN 'refused by the resolution'
                    ELSE 'grey zone' END AS reason
        FROM {source} AS p LEFT JOIN link_chosen AS c USING (rec_l, rec_r)
        WHERE p.probability BETWEEN {low} AND {high} OR (p.probability >= {float(threshold)} AND c.rec_l IS NULL)""")
    if path:
        right = "link_id_right" if two else "link_id_left"
        engine.write_parquet(
            f"""
            SELECT a.id AS id_l, b.id AS id_r, round(d.probability, 6) AS probability, d.linked, d.reason
            FROM link_doubt AS d JOIN link_record AS l ON l.rec = d.rec_l JOIN link_record AS r ON r.rec = d.rec_r
            JOIN link_id_left AS a ON a.n = l.n JOIN {right} AS b ON b.n = r.n""",
            path,
            order_by="probability DESC, id_l, id_r",
        )
    return {
        str(reason): int(n)
        for reason, n in engine.rows("SELECT reason, count(*) FROM link_doubt GROUP BY 1 ORDER BY 1")
    }


def _expected(engine: Engine, two: bool) -> dict[str, Any]:
    """Errors to expect if the probabilities are right: false links, and links missed among the pairs compared.

    Each pair is wrong by its own probability, so the number of wrong ones is a sum of independent draws (a Poisson
    binomial): its mean, and mean +- 1.96 standard deviations, cut at 0. It says nothing of an error in the
    probabilities themselves, nor of pairs that no blocking key brought together."""
    source = (
        "link_posterior"
        if two
        else "(SELECT rec_l, rec_r, match_probability AS probability FROM link_scored)"
    )
    sums = "sum({0}), sum(probability * (1 - probability)), sum(probability)"
    false, spread, true = (
        float(x or 0) for x in engine.rows(f"SELECT {sums.format('1 - probability')} FROM link_chosen")[0]
    )
    missed, missed_spread, _ = (
        float(x or 0)
        for x in engine.rows(
            f"SELECT {sums.format('probability')} FROM {source} AS p ANTI JOIN link_chosen USING (rec_l, rec_r)"
        )[0]
    )
    return {
        "false_links": round(false, 2),
        "false_links_95": _interval(false, spread),
        "missed_among_compared": round(missed, 2),
        "missed_among_compared_95": _interval(missed, missed_spread),
        "f1": round(2 * true / max(1e-9, 2 * true + false + missed), 4),
        "method": "sum of the pairs' probabilities of being wrong; 95 % by the Poisson binomial's standard deviation",
    }


def _interval(mean: float, variance: float) -> list[float]:
    half = 1.96 * variance**0.5
    return [round(max(0.0, mean - half), 2), round(mean + half, 2)]
