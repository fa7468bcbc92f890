"""The sets of quasi-identifiers by table, as data, and the risk of a folder of tables by each of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from lockgate.deidentify.ladder import ladder
from lockgate.deidentify.risk import SMALL, RiskPolicy, SetRisk, measure
from lockgate.engine import Engine, quote
from lockgate.errors import UsageError
from lockgate.schema import RELEASE
from lockgate.site import Site

FILE = "quasi.yaml"


def quasi_sets(site: Site) -> dict[str, dict[str, list[str]]]:
    """Table -> name of a set -> its columns: ours, with what SITE/quasi.yaml adds or replaces.

    UsageError for a table or column that no release has.
    """
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(
        resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    )
    own = site.path / FILE
    if own.is_file():
        try:
            told = yaml.safe_load(own.read_text(encoding="utf-8")) or {}
            for table, sets in told.items():
                found[table] = found.get(table, {}) | {name: list(columns) for name, columns in sets.items()}
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
            raise UsageError(
                "can't be understood",
                where=str(own),
                remedy="TABLE: {NAME: [COLUMN, ...]}, as in docs/how-to/risk.md",
            ) from error
        for table, sets in found.items():
            known = {column.name for column in RELEASE.get(table, ())}
            unknown = [c for columns in sets.values() for c in columns if c not in known]
            if not known or unknown:
                raise UsageError(
                    f"a release has no {table} with {', '.join(unknown) or 'columns'}", where=str(own)
                )
    return found


def site_policy(site: Site) -> RiskPolicy:
    """The policy of ``[risk]`` in site.toml."""
    return RiskPolicy(k=site.config.risk.k, share=site.config.risk.share)


def measure_files(site: Site, files: Mapping[str, Path], *, climb: bool = False) -> list[dict[str, Any]]:
    """The risk of each table that has a set, by those of its columns that are there: a dict a set, the whole set first.

    ``share`` is the part of the people in classes smaller than the policy's k; ``reasons`` say why it is over the
    policy. With ``climb`` the ladder of a set that is over it, as a proposal.
    """
    policy, found = site_policy(site), []
    bounds = sorted({*SMALL, policy.k})
    with Engine() as engine:
        for table, sets in quasi_sets(site).items():
            if table not in files:
                continue
            there = set(pq.read_schema(files[table]).names)
            # a key is a name, not a number: the ladder makes no bands of it
            names = [column.name for column in RELEASE[table] if column.key_domain and column.name in there]
            as_words = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in names)
            engine.view_parquet(f"file_{table}", files[table])
            replaced = f" REPLACE ({as_words})" if names else ""
            engine.execute(f"CREATE VIEW risk_{table} AS SELECT *{replaced} FROM file_{table}")
            for name, wanted in sets.items():
                columns = [column for column in wanted if column in there]
                if not columns:
                    continue
                risk = measure(engine, f"risk_{table}", columns, all_sets=False, bounds=bounds)[0]
                told = _told(table, name, risk, policy)
                if climb and told["reasons"]:
                    rungs = ladder(engine, f"risk_{table}", columns, policy)
                    told["ladder"] = [rung.as_dict() for rung in rungs]
                found.append(told)
    return found


def _told(table: str, name: str, risk: SetRisk, policy: RiskPolicy) -> dict[str, Any]:
    share = risk.below[policy.k] / risk.records if risk.records else 0.0
    return {"table": table, "set": name, "share": share, "reasons": policy.reasons(risk), **risk.as_dict()}
