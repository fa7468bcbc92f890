"""What the public may know of a release: its catalogue entry, its data dictionary, its coverage over time.

Everything here is made from a release and leaves through ``disclosure``: no count of people is shown that is small,
unrounded, or can be worked out from the others.
"""

from lockgate.catalogue.build import Catalogue, build_catalogue, list_catalogues, open_catalogue
from lockgate.catalogue.entry import check_entry, describe_role

__all__ = [
    "Catalogue",
    "build_catalogue",
    "check_entry",
    "describe_role",
    "list_catalogues",
    "open_catalogue",
]
