"""Loads as people write them: ``"closed"``, ``"20/s"``, ``"ramp 1/s..20/s over 30s"``."""

import difflib
import re

from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.load.shapes import SHAPES, Replay, closed, constant
from pytest_llm_latency.model import Load


def parse(text: str, *, concurrency: int) -> Load | Replay:
    """Read a load; ``concurrency`` belongs to the closed shape.

    Raises ``MarkerError`` that shows how the nearest shape is written.
    """
    word, _, rest = text.strip().partition(" ")
    if word == "closed" and not rest:
        return closed(concurrency)
    if re.fullmatch(SHAPES["constant"].pattern, text.strip()):
        return constant(text.strip())
    shape = SHAPES.get(word)
    if shape is None:
        raise MarkerError(f"load={text!r} is not a load: {_nearest(word)}")
    match = re.fullmatch(shape.pattern, rest.strip())
    if match is None or not rest:
        raise MarkerError(f"load={text!r} cannot be read: write it as in '{shape.form}'.")
    return shape.read(match.groups())


def _nearest(word: str) -> str:
    near = difflib.get_close_matches(word, SHAPES, n=1)
    if near:
        return f"did you mean {SHAPES[near[0]].form!r}?"
    return f"write one of {', '.join(repr(shape.form) for shape in SHAPES.values())}."
