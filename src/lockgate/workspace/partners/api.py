"""What the commands call; see the package."""

from lockgate.workspace.partners.agreements import accept, conclude, end, invite
from lockgate.workspace.partners.deliver import Source, send
from lockgate.workspace.partners.receive import receive
from lockgate.workspace.partners.send_encodings import encode_file, encode_people, match

__all__ = [
    "Source",
    "accept",
    "conclude",
    "encode_file",
    "encode_people",
    "end",
    "invite",
    "match",
    "receive",
    "send",
]
