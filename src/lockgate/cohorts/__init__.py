"""Cohorts: who is meant, as data, and as SQL over a release."""

from lockgate.cohorts.model import BirthYear, Cohort, Events, Sex, SourceCode, Years
from lockgate.cohorts.sql import compile_sql

__all__ = ["BirthYear", "Cohort", "Events", "Sex", "SourceCode", "Years", "compile_sql"]
