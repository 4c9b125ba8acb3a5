"""What is written to one person: what they asked for is answered, once, and nobody else learns anything by it."""
