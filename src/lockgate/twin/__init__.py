"""Synthetic twins: the same tables, columns, codes and rough distributions as a release, and nobody's data.

Only a *recipe* leaves a release: histograms of people with noise, small cells left out. A twin is made from the recipe
alone, so no row of anybody can be in it.
"""

from __future__ import annotations

from lockgate.twin.check import check_twin, read_facts
from lockgate.twin.making import Twin, make_twin, recipe_file, recipe_of
from lockgate.twin.recipe import Histogram, Recipe

__all__ = ["Histogram", "Recipe", "Twin", "check_twin", "make_twin", "read_facts", "recipe_file", "recipe_of"]
