"""Regressions: too few people or degrees of freedom, saturated models, and records that alone decide a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockgate.disclosure.core import model_reasons
from lockgate.disclosure.findings import Finding
from lockgate.disclosure.manifest import ModelSpec
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.tables import Table


def check_model(table: Table, rules: Rules) -> Iterator[Finding]:
    """What is wrong with a model's table, by what it was fitted on."""
    model = table.entry.model
    if model is None:
        return
    where = f"model {table.entry.name}"
    for reason in model_reasons(model.n, model.df, rules):
        yield Finding("degrees of freedom", where, reason, "fit a simpler model to more people")
    if model.df > model.n - len(table.keys):
        yield Finding(
            "degrees of freedom",
            where,
            "more degrees of freedom than people less terms: one of the numbers is wrong",
            "give the residual degrees of freedom",
        )
    yield from _evidence(model, where, rules)


def _evidence(model: ModelSpec, where: str, rules: Rules) -> Iterator[Finding]:
    rarest, patterns, few, leverage = model.rarest, model.patterns, model.rarest_pattern, model.leverage
    if rarest is None or patterns is None or few is None or leverage is None or model.parameters is None:
        yield Finding(
            "model",
            where,
            "no evidence of how few records stand behind a term",
            "fit it with lockgate.outputs.model, or give regression() its design",
            "review",
        )
        return
    if rarest < rules.threshold:
        yield Finding(
            "model",
            where,
            f"a category of fewer than {rules.threshold} people has a coefficient: it tells their values",
            "merge categories",
        )
    if model.parameters >= patterns and few < rules.threshold:
        yield Finding(
            "saturated model",
            where,
            f"a parameter for each group, one of fewer than {rules.threshold} people: it gives means back",
            "leave interactions out, or merge categories",
        )
    if leverage > rules.max_leverage:
        yield Finding(
            "influence",
            where,
            f"one record has more than {rules.max_leverage:.0%} of the say in its own fitted value",
            "leave it out, band the value or take its logarithm",
        )


def check_model_differences(table: Table, earlier: Sequence[Table], rules: Rules) -> Iterator[Finding]:
    """A model fitted twice on nearly the same people: the two fits give the others' values back."""
    model = table.entry.model
    if model is None:
        return
    terms = set(table.keys)
    for before in earlier:
        other = before.entry.model
        if other is None or other.method != model.method or len(terms & set(before.keys)) * 2 < len(terms):
            continue
        if 0 < abs(other.n - model.n) < rules.threshold:
            yield Finding(
                "difference",
                f"model {table.entry.name}",
                f"fitted on 1 to {rules.threshold - 1} people more or fewer than the model {before.entry.name}",
                "fit both on the same people, or show one",
            )
