"""Plays a season under a simulated clock with the production code, and checks the invariants on what came out."""
