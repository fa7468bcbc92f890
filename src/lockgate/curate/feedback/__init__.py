"""Comments of patients grouped into themes: a small linear model, its use in a release, and how it is trained."""

from lockgate.curate.feedback.model import NOT_CLASSIFIED, Answer, Model, load, packed
from lockgate.curate.feedback.words import tokens

__all__ = ["NOT_CLASSIFIED", "Answer", "Model", "load", "packed", "tokens"]
