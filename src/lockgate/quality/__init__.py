"""Data quality of OMOP tables: OHDSI's Data Quality Dashboard checks, fused into few scans, and a site's own.

What is checked is data (``thresholds``), what a check counts is a pair of terms (``compile``), all terms of a table are
answered together (``answer``), and a result's status follows the Dashboard's rules (``status``).
"""
