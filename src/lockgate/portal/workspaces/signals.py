"""What happens to projects, for the apps above. Sent inside the transaction of the write."""

from __future__ import annotations

from django.dispatch import Signal

# sender: the Project class; project, record
opened = Signal()
# sender: the Project class; project, record. Its scope was replaced, or what the register says of it has changed
changed = Signal()
# sender: the Project class; project (its state says how: suspended, revoked, expired), record
ended = Signal()
