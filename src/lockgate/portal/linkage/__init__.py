"""Clerical review of the patient index: pairs of records that somebody looks at and decides on."""
