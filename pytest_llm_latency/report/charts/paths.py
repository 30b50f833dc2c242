"""Paths of SVG in few characters: a page has many of them. Places are in pixels, to a tenth."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

Places = Sequence[tuple[float, float]]


def line(places: Places) -> str:
    """Return a line from place to place; nothing without one."""
    return _moved(places, "l", " ")


def dots(places: Places) -> str:
    """Return a dot at each place."""
    return _moved(places, "h0m", "h0m") + "h0" if places else ""


def stairs(start: float, places: Places) -> str:
    """Return a staircase from a height at the first place: up or down to each, and on to the next."""
    tenths = [_tenths(each) for each in places]
    corners = pairwise([(tenths[0][0], round(start * 10)), *tenths])
    steps = "".join(f"h{_text(x - before_x)}v{_text(y - before_y)}" for (before_x, before_y), (x, y) in corners)
    return f"M{_text(tenths[0][0])} {_text(round(start * 10))}{steps}"


def _moved(places: Places, first: str, further: str) -> str:
    tenths = [_tenths(each) for each in places]
    if not tenths:
        return ""
    moves = [_pair(x - before_x, y - before_y) for (before_x, before_y), (x, y) in pairwise(tenths)]
    return f"M{_pair(*tenths[0])}{f'{first}{_joined(moves, further)}' if moves else ''}"


def _joined(moves: Iterable[str], between: str) -> str:
    text = between.join(moves)
    return text.replace(" -", "-") if between == " " else text


def _tenths(place: tuple[float, float]) -> tuple[int, int]:
    # Steps between rounded places: those of exact ones would add up to another place.
    return round(place[0] * 10), round(place[1] * 10)


def _pair(x: int, y: int) -> str:
    return f"{_text(x)}{'' if y < 0 else ' '}{_text(y)}"


def _text(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), 10)
    digits = f"{whole or '' if rest else whole}{f'.{rest}' if rest else ''}"
    return f"-{digits}" if tenths < 0 else digits
