"""Frozen lists, leases, journals, transports: every message once."""
