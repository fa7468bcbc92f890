"""What two people decide: who a pseudonym is, for the sake of a patient, and data past the risk policy."""
