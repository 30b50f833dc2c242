"""The versions of HTTP that can be asked of a server."""

DEFAULT = "1.1"
KNOWN = (DEFAULT, "2")
