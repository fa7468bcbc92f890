"""The hospital's records as FHIR R4 NDJSON, with the identifiers and extensions of UK Core."""

from lockgate.synthetic.fhir.resources import resources

__all__ = ["resources"]
