"""The demonstration vocabulary: the codes of the synthetic hospital, with labels in our own words.

``codes.csv`` lists codes (written by hand), ``concepts.csv`` gives each its concept id and ``ancestors.csv`` the
few hierarchy rows (both written by ``python -m lockgate.terminology.demo.number``). Concept ids are OMOP's own
where we know them; others start at 2,000,000,000, the range OMOP leaves to local concepts. SNOMED CT, LOINC and
WHO texts are not ours to ship: a real site loads its own Athena download.
"""
