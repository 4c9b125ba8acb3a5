"""The faces on the web. A view is a few lines that call a room."""
