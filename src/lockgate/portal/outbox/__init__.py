"""The outbox: every write of the portal leaves its audit entry in the same transaction; a relay carries them on."""
