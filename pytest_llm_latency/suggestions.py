"""What to suggest to somebody who has written a name that nobody knows."""

from collections.abc import Sequence


def nearest(word: str, known: Sequence[str]) -> str:
    """Return ``did you mean 'x'?`` when a known word is near, else the list of them."""
    import difflib  # noqa: PLC0415  (every start of pytest imports this module, and few mistype)

    matches = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"known are {', '.join(known)}."
