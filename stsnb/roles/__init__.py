"""Roles that were assumed, and their renewal."""
