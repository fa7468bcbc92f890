"""A place for somebody else's code: no network, no host, no other project, and limits on everything."""
