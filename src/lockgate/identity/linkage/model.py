"""The probabilistic model (Fellegi and Sunter, in Splink): estimated in one step, kept in a file, used in another.

u (how often strangers agree) by random sampling; m (how often records of one person agree) by expectation
maximisation from several blocking rules, each of which estimates the fields it doesn't block on; then m and the prior
once more over the candidate pairs together, the deterministic links among them. Every number is in the model file.
"""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity.linkage.comparisons import comparisons
from lockgate.identity.linkage.records import Usable
from lockgate.identity.linkage.relatives import Sample, fit, weight_sql
from lockgate.site.files import write_atomic

FORMAT, VERSION = "lockgate-linkage-model", 1
TRAINING_PAIRS = 120_000  # of random pairs for u, and of blocked pairs for m
REFINE_PAIRS = 120_000
CHUNK = 1_000_000  # pairs scored at once
# Of more records than this, a sample is trained on: those of so many pairs to compare, and so many drawn at random.
TRAINED_WHOLE, TRAINED_PAIRS, TRAINED_RECORDS = 120_000, 30_000, 60_000
ROUNDS, STILL = 25, 0.002
# Splink's expectation maximisation gives the first estimates; ``refine`` goes on from there.
STARTS, STARTED = 10, 0.005
FLOOR_M, FLOOR_U = 0.0005, 1e-6
# what a training block must hold to teach anything
LEAST_PAIRS = 50


@dataclass
class Model:
    """Settings with every m and u, and where they come from."""

    settings: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def prior(self) -> float:
        """The probability that two records taken at random are of one person."""
        return float(self.settings["probability_two_random_records_match"])

    def save(self, path: Path) -> None:
        """Write the model file."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "settings": self.settings,
            "provenance": self.provenance,
        }
        write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False).encode())

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model file; UsageError when it is none, or of another version."""
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != FORMAT or content["version"] != VERSION:
                raise KeyError("format")
            return cls(content["settings"], content["provenance"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"is no model of version {VERSION}", where=str(path), remedy="write one with --model-out"
            ) from error

    def check(self, fields: list[Usable], columns: set[str]) -> None:
        """UsageError when the tables don't have the fields of the model."""
        ours = [one["output_column_name"] for one in comparisons(fields, columns)]
        theirs = [one["output_column_name"] for one in self.settings["comparisons"]]
        if ours != theirs:
            raise UsageError(
                f"the model compares {', '.join(theirs)}; the tables have {', '.join(ours)}",
                where="--model",
                remedy="map the same fields, or estimate a model of these tables (leave --model out)",
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink speaks of its progress; what matters of it is in the report."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(before)


def _levels(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    return [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]


def _settle(settings: dict[str, Any]) -> None:
    """Give every level an m and a u: an unobserved one gets a floor, and each comparison sums to one."""
    for comparison in settings["comparisons"]:
        levels = _levels(comparison)
        last = len(levels) - 1
        for which, floor in (("m_probability", FLOOR_M), ("u_probability", FLOOR_U)):
            values = []
            for place, level in enumerate(levels):
                value = level.get(which)
                if not isinstance(value, int | float) or not math.isfinite(value):
                    value = floor
                    if which == "m_probability" and not any(
                        isinstance(other.get(which), int | float) for other in levels
                    ):
                        value = 0.85 if place == 0 else 0.15 / last  # never estimated: a usual error rate
                values.append(max(float(value), floor))
            total = sum(values)
            for level, value in zip(levels, values, strict=True):
                level[which] = value / total


class Scorer:
    """Splink over ``link_record``: estimates a model, and scores pairs with one.

    ``frequencies`` maps a column to a table (the column, tf_COLUMN) of how common its values are; for columns that it
    doesn't name, the records themselves are counted."""

    def __init__(
        self, engine: Engine, two_tables: bool, frequencies: Mapping[str, str] | None = None
    ) -> None:
        self.engine, self.two_tables = engine, two_tables
        self.frequencies = dict(frequencies or {})
        left, right, whole = (
            int(n)
            for n in engine.rows(
                "SELECT count(*) FILTER (side = 'L'), count(*) FILTER (side = 'R'), count(*) FROM link_record"
            )[0]
        )
        self.possible = left * right if two_tables else whole * (whole - 1) // 2
        self.records = whole

    def _training(self) -> str:
        """The records to train on: all, or of very many the condition that picks a sample."""
        if self.records <= TRAINED_WHOLE:
            return "true"
        self.engine.execute(f"""
            CREATE OR REPLACE TABLE link_drawn AS
            WITH pair AS (
                FROM link_pair WHERE hash(rec_l, rec_r) % 1000000 <
                    {TRAINED_PAIRS} * 1000000.0 / greatest(1, (SELECT count(*) FROM link_pair)))
            SELECT rec_l AS rec FROM pair UNION SELECT rec_r FROM pair UNION
            SELECT rec FROM link_record
            WHERE hash(rec) % 1000000 < {TRAINED_RECORDS * 1_000_000 // self.records}""")
        return "rec IN (SELECT rec FROM link_drawn)"

    def _count_values(self, settings: dict[str, Any]) -> None:
        """How common each value is, over all records, for the columns whose frequency matters to the model."""
        wanted = {
            level["tf_adjustment_column"]
            for comparison in settings["comparisons"]
            for level in comparison["comparison_levels"]
            if level.get("tf_adjustment_column")
        }
        for column in sorted(wanted - set(self.frequencies)):
            self.engine.execute(f"""
                CREATE OR REPLACE TABLE link_tf_{column} AS
                SELECT {column}, count(*) / sum(count(*)) OVER () AS tf_{column}
                FROM link_record WHERE {column} IS NOT NULL GROUP BY {column}""")
            self.frequencies[column] = f"link_tf_{column}"

    def estimate(self, fields: list[Usable], columns: set[str], exact: int, seed: int) -> Model:
        """A model learnt from the records: u, m and the prior."""
        settings: dict[str, Any] = {
            "link_type": "link_only" if self.two_tables else "dedupe_only",
            "unique_id_column_name": "rec",
            "source_dataset_column_name": "source_dataset",
            "comparisons": comparisons(fields, columns),
            "blocking_rules_to_generate_predictions": [],
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": False,
            "probability_two_random_records_match": min(0.1, max(exact, 1) / self.possible),
            "em_convergence": STARTED,
            "max_iterations": STARTS,
        }
        trained: list[dict[str, Any]] = []
        import splink  # here and below: it takes a second, and most commands never get here
        from splink import DuckDBAPI, Linker

        sides = "LR" if self.two_tables else "L"
        drawn = self._training()
        for side in sides:
            within = f"AND side = '{side}'" if self.two_tables else ""
            self.engine.execute(
                f"CREATE OR REPLACE TABLE link_side_{side} AS SELECT '{side}' AS source_dataset, * "
                f"FROM link_record WHERE {drawn} {within} ORDER BY rec"
            )
        with _quiet():
            api = DuckDBAPI(self.engine.connection)
            tables = [
                api.register(f"link_side_{side}", dataset_display_name=f"side_{side}") for side in sides
            ]
            linker = Linker(tables, deepcopy(settings), log_level=None, validate_settings=False)
            linker.training.estimate_u_using_random_sampling(
                max_pairs=TRAINING_PAIRS, seed=seed, min_count_per_level=None, num_chunks=1
            )
            learnt = linker.misc.save_model_to_json()
            for rule, pairs in self._rules(columns, " UNION ALL ".join(f"FROM link_side_{s}" for s in sides)):
                told: dict[str, Any] = {"block_on": list(rule), "pairs": pairs}
                trained.append(told)
                try:
                    linker.training.estimate_parameters_using_expectation_maximisation(
                        " AND ".join(f"l.{column} = r.{column}" for column in rule),
                        max_pairs=TRAINING_PAIRS if pairs > TRAINING_PAIRS else None,
                        estimate_without_term_frequencies=True,
                    )
                    after = linker.misc.save_model_to_json()
                    if len(after["comparisons"]) != len(settings["comparisons"]):
                        raise ValueError("comparisons lost")
                    learnt = after
                except (
                    Exception
                ) as error:  # a block without what a comparison needs: said, and another is taken
                    told["failed"] = type(error).__name__
                    linker = Linker(tables, deepcopy(learnt), log_level=None, validate_settings=False)
            linker.table_management.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]
        for side in sides:
            self.engine.execute(f"DROP TABLE link_side_{side}")
        settings["comparisons"] = learnt["comparisons"]
        settings["link_type"] = "dedupe_only"  # pairs are given, left before right
        _settle(settings)
        first = {
            comparison["output_column_name"]: {
                level["label_for_charts"]: {"m": level["m_probability"], "u": level["u_probability"]}
                for level in _levels(comparison)
            }
            for comparison in settings["comparisons"]
        }
        provenance = {
            "first_estimates": first,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "splink": splink.__version__,
            "seed": seed,
            "random_pairs_for_u": min(TRAINING_PAIRS, self.possible),
            "training": trained,
            "deterministic_links": exact,
        }
        return Model(settings, provenance)

    def _rules(self, columns: set[str], source: str) -> list[tuple[tuple[str, ...], int]]:
        """Training blocks: pairs of columns that leave the other fields to be estimated."""
        wanted = [
            ("given", "family"), ("birth",), ("postcode", "given"), ("family", "postcode"), ("family", "birth_y"),
            ("given", "birth_y"), ("nhs",), ("city", "given"), ("city", "family"),
            *((name,) for name in sorted(columns) if name.startswith("f_")),
        ]  # fmt: skip
        found: list[tuple[tuple[str, ...], int]] = []
        for rule in wanted:
            if not set(rule) <= columns:
                continue
            filled = " AND ".join(f"{name} IS NOT NULL" for name in rule)
            size = (
                "count(*) FILTER (side = 'L') * count(*) FILTER (side = 'R')"
                if self.two_tables
                else "count(*) * (count(*) - 1) // 2"
            )
            pairs = int(
                self.engine.one(
                    f"SELECT sum(k) FROM (SELECT {size} AS k FROM ({source}) WHERE {filled} "
                    f"GROUP BY {', '.join(rule)})"
                )
                or 0
            )
            if LEAST_PAIRS <= pairs <= 20 * TRAINING_PAIRS:
                found.append((rule, pairs))
            if len(found) == 5:
                break
        return found

    def refine(self, model: Model) -> None:
        """m and the prior once more, over a sample of ``link_pair``, until they stand still."""
        pairs = int(self.engine.one("SELECT count(*) FROM link_pair") or 0)
        share = min(1.0, REFINE_PAIRS / max(1, pairs))
        self.engine.execute(
            "CREATE OR REPLACE TABLE link_sample AS SELECT * FROM link_pair "
            f"WHERE hash(rec_l, rec_r) % 1000000 < {int(share * 1_000_000)}"
        )
        self.score(model, "link_sample", "link_sample_scored", gammas=True)
        names = [one["output_column_name"] for one in model.settings["comparisons"]]
        there = set(self.engine.columns("SELECT * FROM link_sample_scored"))
        levels = ", ".join(f'CAST("gamma_{name}" AS INTEGER) AS l{place}' for place, name in enumerate(names))
        adjusted = ", ".join(
            f"CAST({frequency} AS DOUBLE) AS f{place}"
            for place, frequency in enumerate(
                f'"mw_tf_adj_{name}"' if f"mw_tf_adj_{name}" in there else "0" for name in names
            )
        )
        table = self.engine.arrow(f"SELECT {levels}, {adjusted} FROM link_sample_scored")
        columns = [column.to_numpy() for column in table.columns]
        sample = Sample(columns[: len(names)], columns[len(names) :], share)
        rounds = fit(model.settings, sample, self.possible, ROUNDS, STILL)
        model.provenance["refined"] = {"pairs": len(table), "rounds": rounds}

    def score(self, model: Model, pairs: str, name: str, *, gammas: bool = False) -> str:
        """Score the pairs (rec_l, rec_r) of a table: makes the table ``name`` (rec_l, rec_r, match_weight,
        match_probability, with ``gammas`` the levels too) and returns its name."""
        settings = deepcopy(model.settings)
        relatives = bool(settings.pop("probability_relatives", 0.0))
        for level in (one for comparison in settings["comparisons"] for one in _levels(comparison)):
            level.pop("r_probability", None)
        retain = gammas or relatives
        settings["retain_intermediate_calculation_columns"] = settings["retain_matching_columns"] = retain
        self._count_values(settings)
        total = int(self.engine.one(f"SELECT count(*) FROM {pairs}") or 0)
        for start in range(0, max(total, 1), CHUNK):
            self.engine.execute(f"""
                CREATE OR REPLACE TABLE link_given_pairs AS
                SELECT '0' AS match_key, rec_l AS join_key_l, rec_r AS join_key_r FROM {pairs}
                LIMIT {CHUNK} OFFSET {start};
                CREATE OR REPLACE TABLE link_all AS SELECT * FROM link_record WHERE rec IN (
                    SELECT join_key_l FROM link_given_pairs UNION SELECT join_key_r FROM link_given_pairs)""")
            into = f"INSERT INTO {name}" if start else f"CREATE OR REPLACE TABLE {name} AS"
            self._score_given(settings, model.settings, into, gammas)
        self.engine.execute("DROP TABLE link_given_pairs; DROP TABLE link_all")
        return name

    def _score_given(self, settings: dict[str, Any], whole: dict[str, Any], into: str, gammas: bool) -> None:
        """Score ``link_given_pairs`` of ``link_all``."""
        from splink import DuckDBAPI, Linker

        with _quiet():
            api = DuckDBAPI(self.engine.connection)
            linker = Linker(
                api.register("link_all", dataset_display_name="every"),
                deepcopy(settings), log_level=None, validate_settings=False,
            )  # fmt: skip
            for column, table in self.frequencies.items():
                counted = api.register(table, dataset_display_name=table)
                linker.table_management.register_term_frequency_lookup(counted, column)
            given = api.register("link_given_pairs", dataset_display_name="given")
            linker.table_management.register_blocked_pairs_for_predict(given)
            scored = linker.inference.predict(warning_mode="never")
            weight = weight_sql(whole, set(self.engine.columns(f"SELECT * FROM {scored.physical_name}")))
            picked = "rec_l, rec_r, weight AS match_weight, 1 / (1 + pow(2, -weight)) AS match_probability"
            self.engine.execute(
                f"{into} SELECT {'*' if gammas else picked} "
                f"FROM (SELECT *, {weight} AS weight FROM {scored.physical_name})"
            )
            linker.table_management.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]
