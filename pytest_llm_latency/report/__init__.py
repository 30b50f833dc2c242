"""Renders what was measured: terminal lines, the JSON document, the HTML page. Nothing here opens a file."""
