"""Incidents, near misses, departures from procedure and findings of audits: told, handled, learnt from, published."""
