"""The magics and their completion."""
