"""Pages of deciding: who may open which in which state, and the whole route by forms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from lockgate.portal.accounts.models import User
from lockgate.portal.applications import services
from lockgate.portal.applications.models import Amendment, Application, Condition
from lockgate.portal.applications.services import NewCondition

pytestmark = pytest.mark.django_db

# who may open a page of an application that waits for decisions: 200, refused 403, hidden 404
WAITING = {
    "": {"ann": 200, "rita": 200, "dora": 200, "cara": 200, "paula": 200, "audrey": 200, "ines": 404, "cole": 404},
    "history/": {"ann": 200, "ben": 200, "rita": 200, "audrey": 200, "tim": 404, "olga": 404, "nora": 404},
    "decide/": {"rita": 200, "dora": 200, "cara": 403, "ann": 403, "audrey": 403, "ines": 404, "adam": 404},
    "advise/": {"paula": 200, "rita": 403, "ann": 403, "ines": 404},
    "comment/data/": {"rita": 200, "paula": 200, "ann": 200, "audrey": 403, "cara": 403, "ben": 403, "ines": 404},
    "interest/": {"rita": 200, "cara": 200, "paula": 200, "ann": 403, "audrey": 403, "tim": 404},
    "amend/": {"ann": 403, "rita": 403, "cole": 404},
    "suspend/": {"rita": 403, "ann": 403, "ines": 404},
    "amendment/": {"ann": 404, "rita": 404},
    "conditions/1/": {"ann": 404, "rita": 404},
}  # fmt: skip
APPROVED = {
    "decide/": {"rita": 403, "ann": 403},
    "amend/": {"ann": 200, "ben": 403, "rita": 403, "cole": 404},
    "suspend/": {"rita": 200, "dora": 200, "cara": 200, "ann": 403, "audrey": 403, "paula": 403, "ines": 404},
    "revoke/": {"rita": 200, "cara": 200, "ann": 403, "paula": 403, "ines": 404},
    "resume/": {"rita": 403, "ann": 403},
    "comment/data/": {"rita": 403, "ann": 403},
}  # fmt: skip


def opened(
    sign_in: Any, application: Application, cells: dict[str, dict[str, int]]
) -> dict[str, dict[str, int]]:
    """The same table as it is answered."""
    base = f"/applications/{application.reference}/"
    return {
        page: {name: sign_in(name).get(base + page).status_code for name in who}
        for page, who in cells.items()
    }


def approve(people: dict[str, User], case: Any) -> None:
    services.decide(people["rita"], case, "approve")
    services.decide(people["dora"], case, "approve")


def test_each_page_by_role_while_it_waits_and_once_it_is_approved(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    assert opened(sign_in, submitted, WAITING) == WAITING
    approve(people, submitted)
    assert opened(sign_in, submitted, APPROVED) == APPROVED


def test_nobody_posts_what_they_may_not_open(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    base = f"/applications/{submitted.reference}/"
    for name, page, posted in (
        ("ines", "decide/", {"decision": "approve"}),
        ("ann", "decide/", {"decision": "approve"}),
        ("cole", "comment/data/", {"text": "x"}),
        ("ben", "withdraw/", {}),
        ("rita", "give-up/", {"reason": "x"}),
        ("rita", "resume/", {}),
    ):
        assert sign_in(name).post(base + page, posted).status_code in (403, 404), (name, page)
    submitted.refresh_from_db()
    assert submitted.state == "submitted"


def test_the_route_by_forms_from_comment_to_condition_to_suspension(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    base = f"/applications/{submitted.reference}/"
    rita = sign_in("rita")
    assert rita.post(base + "comment/data/", {"text": " "}).status_code == 400
    assert rita.post(base + "comment/data/", {"text": "Why so <many>?", "asks": "yes"}).status_code == 302
    page = rita.get(base + "decide/").content.decode()
    assert "Why so &lt;many&gt;?" in page and "Every use is decided by" in page
    day = timezone.localdate() + timedelta(days=30)
    form = {
        "decision": "approve",
        "condition-1": "Show the letter",
        "condition-2": "Report",
        "condition-day-2[day]": str(day.day),
        "condition-day-2[month]": str(day.month),
        "condition-day-2[year]": str(day.year),
        "condition-private-2": "yes",
    }
    bad = rita.post(base + "decide/", {**form, "condition-day-2[month]": "13"})
    assert bad.status_code == 400 and "Enter a day" in bad.content.decode()
    empty = {key: value for key, value in form.items() if key != "condition-2"}
    assert rita.post(base + "decide/", empty).status_code == 400  # a day, and nothing to be met
    assert rita.post(base + "decide/", form).status_code == 302
    assert sign_in("dora").post(base + "decide/", {"decision": "approve"}).status_code == 302
    first, second = Condition.objects.order_by("pk")
    assert (first.by_day, second.by_day, second.public) == (None, day, False)
    ann = sign_in("ann")
    assert "Approved on conditions" in ann.get(base).content.decode()
    assert "Show the letter" in ann.get("/tasks/").content.decode()
    address = f"{base}conditions/{first.pk}/"
    assert ann.post(address, {"text": "Attached"}).status_code == 302
    assert "Attached" in sign_in("rita").get(address).content.decode()
    assert "Show the letter" in sign_in("rita").get("/tasks/").content.decode()
    assert sign_in("dora").post(address).status_code == 403  # not hers to say
    assert sign_in("rita").post(address).status_code == 302
    assert Application.objects.get().state == "approved"
    public = sign_in("nora").get(f"/register/{submitted.slug}/").content.decode()
    assert "Show the letter" in public and "Report" not in public
    assert sign_in("cara").post(base + "suspend/", {"reason": ""}).status_code == 400
    assert sign_in("cara").post(base + "suspend/", {"reason": "A <b>question</b>"}).status_code == 302
    assert "A &lt;b&gt;question" in sign_in("ann").get(base).content.decode()
    assert "Suspended" in sign_in("nora").get("/register/").content.decode()
    assert sign_in("rita").post(base + "resume/").status_code == 302
    assert Application.objects.get().state == "approved"


def test_an_amendment_by_forms_is_its_applicants_until_it_is_handed_in(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    approve(people, submitted)
    base = f"/applications/{submitted.reference}/"
    ann = sign_in("ann")
    assert ann.post(base + "amend/", {"what": "", "reason": "x"}).status_code == 400
    assert ann.post(base + "amend/", {"what": "amendment", "reason": "More <people>"}).status_code == 302
    section = base + "amendment/section/people/"
    page = ann.get(section).content.decode()
    assert 'value="ben"' in page
    posted = {
        "people-username": ["ben", "cole"], "people-role": ["Statistician", "Coder"],
        "lead_organisation": "Test University", "sponsor": "Test University", "funding": "A research council",
        "commercial": "no", "commercial_detail": "", "action": "save",
    }  # fmt: skip
    for name in ("rita", "ben", "audrey"):
        assert sign_in(name).get(base + "amendment/").status_code == 404
        assert sign_in(name).post(section, posted).status_code in (403, 404)
    ann = sign_in("ann")
    assert ann.post(section, posted).status_code == 302
    check = ann.get(base + "amendment/check/").content.decode()
    assert "cole (Coder)</ins>" in check
    assert ann.post(base + "amendment/check/", {"declare": "yes"}).status_code == 302
    submitted_page = ann.get(base + "submitted/").content.decode()
    assert "Research centre" in submitted_page and "Data protection office</li>" not in submitted_page
    assert "LG-" in sign_in("rita").get("/tasks/").content.decode()
    page = sign_in("rita").get(base + "amendment/decide/").content.decode()
    assert "More &lt;people&gt;" in page and "cole (Coder)</ins>" in page and "That still holds" in page
    assert sign_in("dora").get(base + "amendment/decide/").status_code == 403
    assert sign_in("rita").post(base + "amendment/decide/", {"decision": "approve"}).status_code == 302
    assert Amendment.objects.get().state == "approved"
    page = sign_in("audrey").get(base + "history/?from=1&to=2").content.decode()
    assert "cole (Coder)</ins>" in page
    assert sign_in("ann").get(base + "history/?from=x&to=99").status_code == 200
    assert (
        "Who will work with the data?" in sign_in("nora").get(f"/register/{submitted.slug}/").content.decode()
    )


def test_a_draft_of_a_change_shows_in_no_history_of_others(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    approve(people, submitted)
    amendment = services.open_amendment(people["ann"], submitted, "amendment", "x")
    services.save_answers(people["ann"], amendment, {"title": "A secret plan"})
    base = f"/applications/{submitted.reference}/"
    assert "secret plan" in sign_in("ann").get(base + "history/").content.decode()
    for name in ("rita", "ben", "audrey", "paula"):
        assert "secret plan" not in sign_in(name).get(base + "history/?from=1&to=2").content.decode()


def test_a_renewal_asks_for_the_last_day_alone(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    approve(people, submitted)
    services.open_amendment(people["ann"], submitted, "renewal", "Late")
    base = f"/applications/{submitted.reference}/amendment/"
    ann = sign_in("ann")
    page = ann.get(base + "section/project/").content.decode()
    assert "end_date" in page and "lay_summary" not in page
    day = timezone.localdate() + timedelta(days=500)
    posted = {
        "end_date[day]": day.day,
        "end_date[month]": day.month,
        "end_date[year]": day.year,
        "title": "Sneaky",
    }
    assert ann.post(base + "section/project/", posted).status_code == 302
    answers = Amendment.objects.get().answers
    assert answers["end_date"] == day.isoformat() and answers["title"] != "Sneaky"


def test_the_register_tells_of_refused_uses_in_summary(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    form = {
        "decision": "refuse",
        "note": "The applicant is rude",
        "public_note": "Too many details for the question.",
    }
    assert sign_in("rita").post(f"/applications/{submitted.reference}/decide/", form).status_code == 302
    visitor = sign_in("nora")
    page = visitor.get("/register/refused/").content.decode()
    assert "Too many details" in page and submitted.title in page
    assert "rude" not in page and "Ann Example" not in page
    (row,) = visitor.get("/register/feed.json").json()["refused"]
    assert row["refused_by"] == "research_centre" and "rude" not in str(row)
    assert "refused (1)" in visitor.get("/register/").content.decode()


def test_the_panel_reads_plain_words_first(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    page = sign_in("paula").get(f"/applications/{submitted.reference}/advise/").content.decode()
    assert "What would be seen" in page and "Diagnoses and problems" in page
    assert page.index("What would be seen") < page.index("Everything the applicant says")


def test_conditions_and_declared_interests_stand_on_the_page(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    base = f"/applications/{submitted.reference}/"
    assert sign_in("rita").post(base + "interest/", {"text": ""}).status_code == 400
    assert sign_in("rita").post(base + "interest/", {"text": "Shares"}).status_code == 302
    page = sign_in("dora").get(base).content.decode()
    assert "Rita Example has no say" in page and "Shares" not in page
    assert sign_in("rita").get(base + "decide/").status_code == 403
    services.decide(
        people["both"], submitted, "approve", role="research_centre", conditions=[NewCondition("Ethics")]
    )
    services.decide(people["dora"], submitted, "approve")
    assert sign_in("dora").post(base + "give-up/", {"reason": "Not met"}).status_code == 302
    assert Application.objects.get().state == "refused"


def test_an_owner_who_reads_the_change_alone_comes_back_to_their_tasks(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    approve(people, submitted)
    amendment = services.open_amendment(people["ann"], submitted, "amendment", "Falls too")
    columns = {**submitted.answers["columns"], "incident": ["incident_id", "person_id", "incident_date"]}
    asked = {"columns": columns, "linkages": ["person_deprivation", "incident"]}
    assert services.save_answers(people["ann"], amendment, asked) == {}
    services.submit(people["ann"], amendment)
    base = f"/applications/{submitted.reference}/"
    ines = sign_in("ines")
    assert ines.get(base).status_code == 404
    assert ines.get(base + "amendment/").status_code == 200
    answer = ines.post(base + "amendment/decide/", {"decision": "approve"})
    assert (answer.status_code, answer["Location"]) == (302, "/tasks/")
