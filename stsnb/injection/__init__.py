"""What makes the whole process act as the active role."""
