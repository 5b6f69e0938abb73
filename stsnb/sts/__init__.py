"""AssumeRole without network and clock: its parameters, their limits, and the answer."""
