"""Terminology: code systems, OMOP vocabularies and reference data that travel with the package."""

from __future__ import annotations

from lockgate.terminology.coding import coding_table
from lockgate.terminology.fixed import fixed_concept, fixed_concepts
from lockgate.terminology.reference import EDITIONS, areas11_path, areas_path, organisations_path
from lockgate.terminology.store import VocabularyInfo, demo_views, load, vocabulary_info, vocabulary_view
from lockgate.terminology.systems import systems, vocabulary_id
from lockgate.terminology.units import unit_rules, written_units

__all__ = [
    "EDITIONS",
    "VocabularyInfo",
    "areas11_path",
    "areas_path",
    "coding_table",
    "demo_views",
    "fixed_concept",
    "fixed_concepts",
    "load",
    "organisations_path",
    "systems",
    "unit_rules",
    "vocabulary_id",
    "vocabulary_info",
    "vocabulary_view",
    "written_units",
]
