"""What the services of applications share: rows held for a write, and the scope of what was approved."""

from __future__ import annotations

from datetime import date

from django.utils import timezone

from lockgate.portal import plane
from lockgate.portal.applications import signals, states
from lockgate.portal.applications.models import Amendment, Application, Case
from lockgate.portal.applications.scopes import compile_scope
from lockgate.portal.outbox.writing import Record
from lockgate.portal.sites import current_site


def locked(case: Case) -> Case:
    """The row as it is now, held until the transaction ends, so that two people come one after the other."""
    application = locked_application(case.application)
    if isinstance(case, Application):
        return application
    amendment = application.amendments.get(pk=case.pk)
    amendment.application = application
    return amendment


def locked_application(application: Application) -> Application:
    """As ``locked``, of an application."""
    return Application.objects.select_for_update().select_related("applicant").get(pk=application.pk)


def move(case: Case, happening: str) -> None:
    """Take a case to its next state; Refused where that can't happen."""
    case.state = states.next_state(case.state, happening)
    fields = ["state", "updated_at"]
    if happening == "submit":
        case.submitted_at = timezone.now()
        fields.append("submitted_at")
    if happening in {"approve", "refuse", "return", "await"}:
        case.decided_at = timezone.now()
        fields.append("decided_at")
    case.save(update_fields=fields)


def settle(case: Case, record: Record) -> None:
    """Sign the scope of what was approved, last of all: nothing after it can undo the transaction that records it.

    The scope of an amendment replaces the one that stood: the data plane ends that one when it signs this.
    """
    application = case.application
    version = case.version
    newest = max((one.number for one in application.versions.all() if one.pk != version.pk), default=0)
    if application.scope_id and version.number < newest:  # the use was suspended and resumed meanwhile
        version.number = newest + 1
        version.save(update_fields=["number"])
    scope = compile_scope(case)
    first = not application.scope_id
    application.scope_id = scope["scope_id"]
    application.valid_until = date.fromisoformat(scope["valid_until"])
    application.title = scope["title"]
    application.save(update_fields=["scope_id", "valid_until", "title", "updated_at"])
    signal = signals.approved if first else signals.changed
    signal.send(Application, application=application, case=case, record=record, scope=scope)
    plane.issue_scope(current_site(), scope, actor=record.actor)


def close_amendment(application: Application, record: Record) -> None:
    """With the use that it would change, an open amendment ends too."""
    amendment = application.amendment
    if amendment is not None:
        Amendment.objects.filter(pk=amendment.pk).update(state="withdrawn", updated_at=timezone.now())
        record.also("application.withdrawn", application=application.reference, what=amendment.what)
