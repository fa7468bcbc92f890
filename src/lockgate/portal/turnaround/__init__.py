"""How long things take: a clock for each stage, and a control chart for each queue."""
