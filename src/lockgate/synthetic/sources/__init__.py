"""Every source beside FHIR and the demo's tables, in its own format, of the same people and events."""

from lockgate.synthetic.sources.write import CHOICES, DEFAULT, Sources, choose_sources, write_sources

__all__ = ["CHOICES", "DEFAULT", "Sources", "choose_sources", "write_sources"]
