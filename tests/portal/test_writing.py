"""What may be written at all."""

from __future__ import annotations

import pytest

from lockgate.errors import UsageError
from lockgate.portal.accounts.models import Organisation
from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.relay import relay
from lockgate.portal.outbox.writing import writing
from lockgate.site import Site

pytestmark = pytest.mark.django_db


def test_a_write_whose_entry_holds_an_nhs_number_is_undone(hospital: Site) -> None:
    """The chain would refuse it, and every entry after it would wait for ever."""
    with (
        pytest.raises(UsageError, match="NHS number"),
        writing("application.revoked", actor="rita") as record,
    ):
        Organisation.objects.create(name="Somewhere", sector="nhs")
        record.also("scope.ended", reason="999 000 0018 asked")
    assert not Organisation.objects.filter(name="Somewhere").exists()
    assert not Message.objects.filter(event="application.revoked").exists()
    with writing("application.revoked", actor="rita", reason="the patient asked"):
        pass
    relay()
    assert Message.objects.filter(seq=None).count() == 0
    assert next(hospital.audit.entries("application.revoked")).actor == "rita"
