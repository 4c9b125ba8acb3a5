"""People, what they consented to, what they asked for, and whom nobody writes to again."""
