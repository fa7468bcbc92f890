"""What the airlock lets out, for the register. Sent inside the transaction of the write."""

from __future__ import annotations

from django.dispatch import Signal

# sender: the Request class; request, record
released = Signal()
# the same, when it is taken back
recalled = Signal()
