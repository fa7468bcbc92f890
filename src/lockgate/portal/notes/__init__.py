"""Reading a random sample of scrubbed notes, for a bound of what the scrubber leaves."""
