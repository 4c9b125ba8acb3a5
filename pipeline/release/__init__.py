"""What is due, what leaves, once and together."""
