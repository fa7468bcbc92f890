"""Linkage with another organisation: who it is, the key that both share, what goes over and how it is compared.

Nothing here asks for leave: ``workspace.partners`` does, and stands before all of it but ``matching``, which needs no
key.
"""
