"""A federation of sites: what its members agree on, what each says of itself, who belongs to it, what they publish.

Nothing of a patient is in here, and no record moves: members exchange signed statements and what is public anyway.
"""
