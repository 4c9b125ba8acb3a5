"""Lists of people as files: read, judged, applied, undone, written. :mod:`pipeline.audience.imports` is the way in."""
