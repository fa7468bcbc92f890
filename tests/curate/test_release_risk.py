"""The risk policy as a gate of releases, and the one way past it: two people, up to a share, until a day."""

from __future__ import annotations

from datetime import date

import pytest

from lockgate.curate import build_release, open_release
from lockgate.deidentify.acceptance import RELEASES, accept, request_acceptance
from lockgate.errors import Refused, UsageError
from lockgate.site import Site

DAY = date(2026, 11, 1)
TODAY = date.today()
REASON = "Three people are all this hospital has"
NEXT = {RELEASES: "next"}


def policy(site: Site, k: int) -> Site:
    settings = site.path / "site.toml"
    text = settings.read_text().split("\n[risk]")[0]
    settings.write_text(text + f'\n[risk]\ngate = "refuse"\nk = {k}\nshare = 0.0\n')
    return Site.open(site.path)


def test_a_release_over_the_policy_passes_when_two_people_accept_it(hospital: Site) -> None:
    site = policy(hospital, 2)
    with pytest.raises(Refused, match="over the site's policy") as refusal:
        build_release(site, actor="test", at=DAY)
    assert "accept-risk" in refusal.value.remedy
    for share, until in (
        (0.0, TODAY),
        (1.5, TODAY),
        (0.5, date(2020, 1, 1)),
        (0.5, date(TODAY.year + 2, 1, 1)),
    ):
        with pytest.raises(UsageError):
            request_acceptance(site, NEXT, share, until, reason=REASON, by="rita")
    asked = request_acceptance(site, NEXT, 1.0, TODAY, reason=REASON, by="rita")
    with pytest.raises(Refused):
        accept(site, asked.approval_id, by="rita")
    with pytest.raises(Refused, match="over the site's policy"):  # asked is not accepted
        build_release(site, actor="test", at=DAY)
    accept(site, asked.approval_id, by="dora")
    passed = open_release(site, build_release(site, actor="test", at=DAY).release).manifest
    told = passed["risk_accepted"]
    assert (told["asked_by"], told["accepted_by"], told["reason"]) == ("rita", "dora", REASON)
    (noted,) = site.audit.entries("risk.passed")
    assert (noted.detail["request"], noted.detail["releases"]) == (asked.approval_id, "next")
    # under another k the share means something else: what was measured is measured anew, and refused
    with pytest.raises(Refused, match="over the site's policy") as again:
        build_release(policy(site, 3), actor="test", at=DAY)
    assert "smaller than 3" in again.value.reasons[0]
