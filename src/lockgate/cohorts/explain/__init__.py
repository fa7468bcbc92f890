"""A definition explained: in English, as a flow chart, as SQL."""

from lockgate.cohorts.explain.english import Line, Section, as_text, english, text_of

__all__ = ["Line", "Section", "as_text", "english", "text_of"]
