"""Whose credentials call STS."""
