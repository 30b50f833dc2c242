"""File names for what users name freely."""

import hashlib
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")
_SLUG_LENGTH = 80


def slug(test_id: str) -> str:
    """Return a file name for a test id: readable, safe on every platform, bounded and unique.

    The hash tells ids apart that differ only in case or in characters that are left out.
    """
    readable = _UNSAFE.sub("-", test_id)[-_SLUG_LENGTH:].strip("-.")
    digest = hashlib.sha256(test_id.encode(errors="surrogatepass")).hexdigest()[:10]
    return f"{readable}-{digest}" if readable else digest
