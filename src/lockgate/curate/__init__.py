"""Curation: staged rows become a release in OMOP CDM 5.4 and its linked tables."""

from __future__ import annotations

from lockgate.curate.build import ReleaseResult, build_release
from lockgate.curate.diff import diff_releases
from lockgate.curate.eras import ERAS, MADE_FROM, eras_of
from lockgate.curate.release import Release, list_releases, open_release, verify_release
from lockgate.curate.retire import retire_release
from lockgate.curate.retirement import Retirement, retirement
from lockgate.curate.verify import Problem

__all__ = [
    "ERAS",
    "MADE_FROM",
    "Problem",
    "Release",
    "ReleaseResult",
    "Retirement",
    "build_release",
    "diff_releases",
    "eras_of",
    "list_releases",
    "open_release",
    "retire_release",
    "retirement",
    "verify_release",
]
