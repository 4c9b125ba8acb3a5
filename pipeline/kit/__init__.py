"""The kit: every released fiche in one PDF, EPUB, HTML file and zip."""
