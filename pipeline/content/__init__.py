"""A fiche: front matter and Markdown in, one validated, sanitised, French-typeset document tree out."""
