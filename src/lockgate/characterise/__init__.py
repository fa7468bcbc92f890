"""Characterisation: the analyses of OHDSI Achilles on any folder of OMOP tables, from few scans."""
