"""Explore: search the vocabulary, build a cohort by clicking, see how many people it has, save, share, attach."""
