"""`kit serve`: database, Redis, workers, beat and web under one command."""
