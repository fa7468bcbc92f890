"""What other apps may listen to. Each is sent inside the transaction of the write it tells of."""

from __future__ import annotations

from django.dispatch import Signal

# sender: the Application class; application, case (itself, or its amendment), record (the write's audit record), scope
# (a dict). The first approval of an application.
approved = Signal()
# as approved: an amendment was approved, or a suspended use goes on; the scope replaces the one before
changed = Signal()
# sender: the Application class; application, record, state (suspended, revoked or expired)
ended = Signal()
# sender: the Application class; application, case (itself, or its amendment), record
refused = Signal()
# sender: the Application class; application, record. What the register says of it has changed (a condition was met)
noted = Signal()
