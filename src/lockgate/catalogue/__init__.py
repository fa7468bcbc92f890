"""What the public may know of a release: its catalogue entry, its data dictionary, its coverage over time.

Everything here is made from a release and leaves through ``disclosure``: no count of people is shown that is small,
unrounded, or can be worked out from the others. One module is not for the public:
``examples``, the rows that violate a check.
"""

from lockgate.catalogue.about import About, list_abouts, open_about, publish_about
from lockgate.catalogue.build import Catalogue, build_catalogue, list_catalogues, open_catalogue
from lockgate.catalogue.entry import check_entry, describe_role

__all__ = [
    "About",
    "Catalogue",
    "build_catalogue",
    "check_entry",
    "describe_role",
    "list_abouts",
    "list_catalogues",
    "open_about",
    "open_catalogue",
    "publish_about",
]
