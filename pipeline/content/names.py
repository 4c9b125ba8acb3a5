"""The forms that names of fiches and of their images take."""

from __future__ import annotations

import re

SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*"
"""A pattern: lower-case letters without accents, digits, single hyphens."""
IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(?:png|jpg|jpeg|svg)")
"""The name of a file beside the fiche: no folder, nothing hidden."""
