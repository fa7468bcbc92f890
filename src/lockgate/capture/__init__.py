"""Capture: what sources send becomes raw items, kept unchanged, and typed rows, or quarantine with a reason.

Every raw item ends staged, quarantined or duplicate, and the counts add up per batch and in all.
"""

from lockgate.capture.batches import Batch, CaptureResult, batches, outdated, require_current
from lockgate.capture.fhir import capture_fhir
from lockgate.capture.held import Held, list_held, retry_held, show_held
from lockgate.capture.hl7v2 import capture_hl7v2
from lockgate.capture.omop import OmopResult, capture_omop
from lockgate.capture.reasons import REASONS, Reason
from lockgate.capture.restage import Restaged, upgrade
from lockgate.capture.status import objections_held, status
from lockgate.capture.tabular import capture_table, capture_tables, contracts
from lockgate.capture.views import latest_view, staged_view

__all__ = [
    "REASONS",
    "Batch",
    "CaptureResult",
    "Held",
    "OmopResult",
    "Reason",
    "Restaged",
    "batches",
    "capture_fhir",
    "capture_hl7v2",
    "capture_omop",
    "capture_table",
    "capture_tables",
    "contracts",
    "latest_view",
    "list_held",
    "objections_held",
    "outdated",
    "require_current",
    "retry_held",
    "show_held",
    "staged_view",
    "status",
    "upgrade",
]
