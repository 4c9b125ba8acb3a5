"""A compiled mail: bytes with holes, filled per person by a join."""
