"""What came in from the hospital's systems, what is held back, and what the newest release doesn't have yet."""
