"""What happens to projects, for the apps above. Sent inside the transaction of the write."""

from __future__ import annotations

from django.dispatch import Signal

# sender: the Project class; project, record
opened = Signal()
# sender: the Project class; project, record
ended = Signal()
