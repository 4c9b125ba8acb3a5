"""The public API, version 1: what the pages let a reader do, for programs. JSON over HTTPS, no cookies, no session."""
