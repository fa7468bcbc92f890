"""Dates, places and free text, made safe by policy."""
