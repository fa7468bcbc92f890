"""The airlock: results ask to leave, are checked by rule and by two people, and are released or kept."""
