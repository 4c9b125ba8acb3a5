"""A season: its file, its slots, its dates. Pure: same file, same calendar."""
