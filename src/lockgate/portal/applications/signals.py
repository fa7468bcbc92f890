"""What other apps may listen to. Each is sent inside the transaction of the write it tells of."""

from __future__ import annotations

from django.dispatch import Signal

# sender: the Application class; application, record (the write's audit record), scope (a dict)
approved = Signal()
# sender: the Application class; application, record, state (revoked or expired)
ended = Signal()
