"""The site's model: estimated by ``lockgate index train``, kept by number, read by every build until the next one.

``staged/index/models/N/`` holds ``model.json`` (every m and u, the prior, and where each comes from) and
``frequencies.parquet`` (how common each value was when the model was estimated: names, so identifiable). Builds never
estimate: two records get the same probability in every build, whatever else has arrived since.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.capture import latest_view
from lockgate.engine import Engine, literal
from lockgate.errors import LockgateError, Refused
from lockgate.identity import candidates
from lockgate.identity.cascade import Evidence, cluster
from lockgate.identity.linkage import deterministic
from lockgate.identity.profiles import VALUES, read_profiles
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, sha256_file

MODELS = "models"
FILE, FREQUENCIES = "model.json", "frequencies.parquet"
# A larger site is sampled by people: more records teach the model nothing.
MOST_RECORDS = 150_000
SEED = 11
ROUNDS = 30
# columns whose common values tell less (Splink's term frequency adjustment)
ADJUSTED = ("given", "family", "middle", "postcode", "f_phone", "f_email", "nhs")
# field -> (its kind in identity.linkage, its column)
_FIELDS = {
    "given_name": ("given", "given"),
    "family_name": ("family", "family"),
    "middle_names": ("middle", "middle"),
    "birth_date": ("birth", "birth"),
    "sex": ("sex", "sex"),
    "postcode": ("postcode", "postcode"),
    "phone": ("phone", "f_phone"),
    "email": ("email", "f_email"),
    "nhs_number": ("nhs", "nhs"),
}
LEAST_FILLED = 0.01


@dataclass(frozen=True, slots=True)
class Kept:
    """A model on disk."""

    number: int
    path: Path

    @property
    def sha256(self) -> str:
        """The hash of its numbers."""
        return sha256_file(self.path / FILE)


def models(site: Site) -> list[Kept]:
    """Every model of a site, oldest first."""
    folder = site.staged / "index" / MODELS
    found = [path for path in folder.glob("*") if path.name.isdigit() and (path / FILE).exists()]
    return sorted((Kept(int(path.name), path) for path in found), key=lambda kept: kept.number)


def current(site: Site) -> Kept | None:
    """The model that builds use: the latest, or none."""
    return (models(site) or [None])[-1]  # type: ignore[list-item]


def train(engine: Engine, site: Site, *, own_sources: list[str] | None = None) -> dict[str, Any]:
    """Estimate a model from the site's patient rows and keep it; what was estimated, without any value of a record.

    Learns u from random pairs, m by expectation maximisation, both over records as their sources sent them; then the
    prior of what the exact steps leave. Refused where too few records were linked exactly to learn from.
    """
    from lockgate.identity.linkage.model import Scorer

    settings = site.config.identity
    patients = latest_view(engine, site, "patient")
    profiles = read_profiles(engine, patients, own_sources=own_sources)
    steps = deterministic.index_steps(set(engine.columns("SELECT * FROM link_record")))
    people = cluster(profiles, Evidence.of(*deterministic.pairs(engine, steps)))
    linked = _spread(engine, people.clusters.find, len(profiles))
    if linked < settings.train_from:
        raise Refused(
            f"too few records to learn from: {linked:,} were linked exactly, {settings.train_from:,} are needed",
            reasons=["the index goes on with the exact steps alone; what they leave stays unlinked"],
            where=str(site.path),
            remedy="capture more, or lower `train_from` under [identity] and judge the model before you rely on it",
        )
    total = int(engine.one("SELECT count(*) FROM link_record"))
    share = min(1.0, MOST_RECORDS / total)
    if share < 1:
        engine.execute(
            f"CREATE OR REPLACE TABLE link_record AS SELECT * FROM link_record"
            f" WHERE hash(cluster) % 1000000 < {int(share * 1_000_000)}"
        )
    sample = int(engine.one("SELECT count(*) FROM link_record"))
    fields, columns = _fields(engine)
    frequencies = _frequencies(engine, columns)
    candidates.register_clusters(engine, people, 0, closed=False)
    found = candidates.find(engine)
    exact = int(
        engine.one("""
        SELECT count(*) FROM link_pair AS p JOIN link_record AS l ON l.rec = p.rec_l
        JOIN link_record AS r ON r.rec = p.rec_r WHERE l.cluster = r.cluster""")
    )
    scorer = Scorer(engine, False, {column: f"link_tf_{column}" for column in frequencies})
    model = scorer.estimate(fields, columns, exact, SEED)
    _know_former_names(model.settings)
    scorer.refine(model)
    _prior_of_the_rest(engine, scorer, model.settings, sample / total)
    model.provenance |= {
        "records": total,
        "sampled_records": sample,
        "linked_exactly": linked,
        "candidate_pairs": found.pairs,
        "fields": [one.as_dict() for one in fields],
    }
    number = max((kept.number for kept in models(site)), default=0) + 1
    make_dir(site.staged / "index" / MODELS)
    with atomic_dir(site.staged / "index" / MODELS / str(number)) as folder:
        model.save(folder / FILE)
        parts = (
            " UNION ALL ".join(
                f"SELECT '{column}' AS field, {column} AS value, tf_{column} AS frequency FROM link_tf_{column}"
                for column in frequencies
            )
            or "SELECT '' AS field, '' AS value, 0.0 AS frequency WHERE false"
        )
        engine.write_parquet(parts, folder / FREQUENCIES, order_by="field, value")
    kept = Kept(number, site.staged / "index" / MODELS / str(number))
    return {
        "model": number,
        "sha256": kept.sha256,
        "path": str(kept.path),
        "records": total,
        "sampled_records": sample,
        "linked_exactly": linked,
        "candidate_pairs": found.pairs,
        "prior": model.prior,
        "fields": {one.field.name: round(one.filled, 4) for one in fields},
    }


def load(engine: Engine, kept: Kept) -> tuple[Any, dict[str, str]]:
    """A model and the tables of its frequencies; LockgateError when its files can't be read."""
    from lockgate.identity.linkage.model import Model

    try:
        model = Model.load(kept.path / FILE)
        file = literal(kept.path / FREQUENCIES)
        there = [
            str(row[0]) for row in engine.rows(f"SELECT DISTINCT field FROM read_parquet({file}) ORDER BY 1")
        ]
        for column in there:
            engine.execute(
                f"CREATE OR REPLACE TABLE link_tf_{column} AS SELECT value AS {column}, frequency AS tf_{column}"
                f" FROM read_parquet({file}) WHERE field = '{column}'"
            )
    except Exception as error:
        raise LockgateError(
            "the linkage model can't be read",
            where=str(kept.path),
            remedy="restore the folder from the backup, or estimate a new model: `lockgate index train`",
        ) from error
    return model, {column: f"link_tf_{column}" for column in there}


def _spread(engine: Engine, find: Any, profiles: int) -> int:
    """Make ``link_record`` one row a source and profile, with the cluster of each; how many records have company."""
    import pyarrow as pa

    engine.register(
        "link_label_arrow",
        pa.table({"profile": range(profiles), "cluster": [find(number) for number in range(profiles)]}),
    )
    engine.execute("""
        CREATE OR REPLACE TABLE link_record AS
        SELECT row_number() OVER (ORDER BY r.profile, s.source) - 1 AS rec, r.* EXCLUDE (rec), l.cluster
        FROM link_record AS r JOIN (SELECT DISTINCT profile, source FROM identity_record) AS s USING (profile)
        JOIN link_label_arrow AS l USING (profile)""")
    engine.unregister("link_label_arrow")
    return int(
        engine.one("""
        SELECT coalesce(sum(k) FILTER (k > 1), 0) FROM (SELECT count(*) AS k FROM link_record GROUP BY cluster)""")
    )


def _fields(engine: Engine) -> tuple[list[Any], set[str]]:
    """The fields that are filled and vary, and the columns of ``link_record`` that hang on them."""
    from lockgate.identity.linkage.fields import Field
    from lockgate.identity.linkage.records import Usable

    total = max(1, int(engine.one("SELECT count(*) FROM link_record")))
    usable = []
    for name, (kind, column) in _FIELDS.items():
        filled, distinct = engine.rows(f"SELECT count({column}), count(DISTINCT {column}) FROM link_record")[
            0
        ]
        if distinct > 1 and filled / total >= LEAST_FILLED:
            usable.append(
                Usable(Field(name, kind, name, name), filled / total, distinct, math.log2(distinct))
            )
    kept = {one.field.column for one in usable}
    made_of = {
        "given_sound": "given", "given_root": "given", "family_sound": "family", "outward": "postcode",
        "birth_y": "birth", "birth_m": "birth", "birth_d": "birth",
    }  # fmt: skip
    known = {*VALUES, *made_of} - {"families", "local_number"}
    return usable, {name for name in known if made_of.get(name, name) in kept}


def _frequencies(engine: Engine, columns: set[str]) -> list[str]:
    """Make ``link_tf_COLUMN`` of each column whose common values tell less."""
    there = [column for column in ADJUSTED if column in columns]
    for column in there:
        engine.execute(f"""
            CREATE OR REPLACE TABLE link_tf_{column} AS
            SELECT {column}, count(*) / sum(count(*)) OVER () AS tf_{column}
            FROM link_record WHERE {column} IS NOT NULL GROUP BY {column}""")
    return there


def _know_former_names(settings: dict[str, Any]) -> None:
    """A family name that the other record gives as a former one is as good as equal: a level of its own."""
    for comparison in settings["comparisons"]:
        if comparison["output_column_name"] == "family":
            levels = comparison["comparison_levels"]
            equal = next(place for place, level in enumerate(levels) if level["label_for_charts"] == "equal")
            levels.insert(equal + 1, {
                "sql_condition": "list_has_any(families_l, families_r)",
                "label_for_charts": "a former name",
                "m_probability": 0.02,
                "u_probability": levels[equal]["u_probability"],
            })  # fmt: skip


def _prior_of_the_rest(engine: Engine, scorer: Any, settings: dict[str, Any], share: float) -> None:
    """The chance that two records which the exact steps leave apart are one person, by expectation maximisation with
    everything else fixed; scaled to the whole site where a sample was learnt from."""
    engine.execute("""
        CREATE OR REPLACE TABLE link_rest AS
        SELECT p.* FROM link_pair AS p JOIN link_record AS l ON l.rec = p.rec_l
        JOIN link_record AS r ON r.rec = p.rec_r
        WHERE l.cluster <> r.cluster AND NOT coalesce(l.nhs <> r.nhs, false)""")
    possible = max(1, scorer.possible)
    prior = settings["probability_two_random_records_match"]
    if engine.one("SELECT count(*) FROM link_rest"):
        from lockgate.identity.linkage.model import Model

        scorer.score(Model(settings), "link_rest", "link_rest_scored")
        weights = engine.arrow("SELECT match_weight AS w FROM link_rest_scored")["w"].to_numpy()
        base = weights - math.log2(prior / (1 - prior))
        for _ in range(ROUNDS):
            odds = 2.0 ** (base + math.log2(prior / (1 - prior)))
            prior = min(0.1, max(0.5 / possible, float((odds / (1 + odds)).sum()) / possible))
    settings["probability_two_random_records_match"] = max(1e-12, prior * share)
    settings["probability_relatives"] = settings.get("probability_relatives", 0.0) * share


def as_listed(kept: Kept) -> dict[str, Any]:
    """A model as ``lockgate index models`` lists it."""
    content = json.loads((kept.path / FILE).read_bytes())
    return {
        "model": kept.number,
        "sha256": kept.sha256,
        "made_at": content["provenance"].get("made_at"),
        "splink": content["provenance"].get("splink"),
        "records": content["provenance"].get("records"),
        "prior": content["settings"]["probability_two_random_records_match"],
    }
