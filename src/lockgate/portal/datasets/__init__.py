"""Data sets and the class that their owners give them, by one methodology."""
