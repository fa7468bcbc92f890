"""Characterisation: the analyses of OHDSI Achilles on any folder of OMOP tables, in few scans; and what changed since."""
