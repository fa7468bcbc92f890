"""Linking any two tables, or one with itself: standard forms, an exact cascade, then Splink on what is left."""

from lockgate.identity.linkage.explain import explain_pair
from lockgate.identity.linkage.fields import parse_map
from lockgate.identity.linkage.run import THRESHOLD, Linked, Options, link_tables
from lockgate.identity.linkage.sample import judge

__all__ = ["THRESHOLD", "Linked", "Options", "explain_pair", "judge", "link_tables", "parse_map"]
