"""The quality checks of a release that failed, in exact numbers and with rows, for those who keep the data."""
