"""AssumeRole on paper: its parameters, their limits, and the answer. No network, no clock."""
