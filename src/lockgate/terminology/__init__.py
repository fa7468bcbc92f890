"""Terminology: code systems, OMOP vocabularies and reference data that travel with the package."""

from __future__ import annotations

from lockgate.terminology.systems import systems, vocabulary_id

__all__ = ["systems", "vocabulary_id"]
