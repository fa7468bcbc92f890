"""The public register: every approved use of data, what it may see, why, and what came of it."""
