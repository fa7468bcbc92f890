"""Linkage with other organisations, under a signed scope that names the partner, the method, the tables and the end.

Every function here asks ``permission.permitted`` first and writes an audit entry whose counts have passed the site's
disclosure rules.
"""
