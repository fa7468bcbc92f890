"""Cohorts: who is meant, as data, and as SQL over a release."""

from lockgate.cohorts.simple import BirthYear, Cohort, Events, Sex, SourceCode, Years

__all__ = ["BirthYear", "Cohort", "Events", "Sex", "SourceCode", "Years"]
