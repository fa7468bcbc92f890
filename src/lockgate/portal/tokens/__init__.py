"""Tokens: how a program acts for a person through the API, and no further than the person may."""
