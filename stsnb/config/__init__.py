"""What users configure, and what their configuration suggests."""
