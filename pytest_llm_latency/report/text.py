"""Lines of text with pytest's markup names, and how text is fitted into columns."""

import itertools
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-~=+*#"
_ASCII: Mapping[str, str] = MappingProxyType({
    "→": "->",
    "–": "-",
    "−": "-",
    "…": "...",
    "±": "+-",
    "∞": "inf",
    "×": "x",
    "÷": "/",
    "≥": ">=",
    "≤": "<=",
    "·": "-",
    "µ": "u",
    "α": "alpha",
    "σ": "sigma",
    **dict(zip(BLOCKS, ASCII_BLOCKS, strict=True)),
})
# A number and its unit; and what GitHub takes for a command where a line begins with it.
_INSEPARABLE = re.compile(r"(?<=[\d∞]) (?=(?:%|[mµn]?s)(?:\W|$))|(?<==) (?=[\d<])| +(?=::)")
_TRANSLATION = str.maketrans(dict(_ASCII))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a line with pytest's markup names, as in ``("red", "bold")``."""

    text: str
    markup: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a terminal section, without its end."""

    spans: tuple[Span, ...] = ()

    @property
    def text(self) -> str:
        """The line without its markup."""
        return "".join(span.text for span in self.spans)


def line(text: str = "", *markup: str) -> Line:
    """Return a line with one markup."""
    return Line(spans=(Span(text=text, markup=markup),) if text else ())


def plain(text: str) -> str:
    """Return text of unknown origin on one line, without what would move a terminal's cursor."""
    return "".join(each if each.isprintable() else " " for each in text)


def encodable(text: str, *, unicode: bool) -> str:
    """Return the text as it is, or as ASCII for a stream that takes nothing else."""
    return text if unicode else text.translate(_TRANSLATION).encode("ascii", "replace").decode("ascii")


def wrap(text: str, width: int, *, indent: int) -> list[str]:
    """Break a sentence into lines, all of them indented; a path and a number with its unit stay whole.

    None but the first begins with ``::``, whatever a provider's text holds.
    """
    space = " " * indent
    broken = textwrap.wrap(
        _INSEPARABLE.sub("\u00a0", plain(text)),
        max(width, indent + 20),
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [each.replace("\u00a0", " ") for each in broken]


def shorten(test_id: str, width: int, *, ellipsis: str = "…") -> str:
    """Fit a test id: leave out folders first, then the file, then the middle of the name."""
    if len(test_id) <= width:
        return test_id
    path, _, name = test_id.partition("::")
    parts = path.split("/")
    shorter = [f"{ellipsis}/{'/'.join(parts[start:])}::{name}" for start in range(1, len(parts))] if name else []
    shorter += [f"{ellipsis}::{name}"] if name else []
    return next((each for each in shorter if len(each) <= width), None) or _middle(name or test_id, width, ellipsis)


def _middle(text: str, width: int, ellipsis: str) -> str:
    if len(text) <= width:
        return text
    kept = max(2, width - len(ellipsis))
    return f"{text[: kept - kept // 2]}{ellipsis}{text[len(text) - kept // 2 :]}"


def sparkline(histogram: Sequence[int], width: int) -> str:
    """Draw a histogram with one block a bin, with bins put together where there are more than ``width``."""
    cells = min(width, len(histogram))
    if cells < 1 or not any(histogram):
        return ""
    edges = [index * len(histogram) // cells for index in range(cells + 1)]
    sums = [sum(histogram[low:high]) for low, high in itertools.pairwise(edges)]
    return "".join(_block(count, max(sums)) for count in sums)


def _block(count: int, most: int) -> str:
    return BLOCKS[math.ceil(len(BLOCKS) * count / most) - 1] if count else " "


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What is known of the terminal: columns, pytest's verbosity, what its encoding takes."""

    width: int
    verbosity: int
    unicode: bool

    def text(self, text: str) -> str:
        """Return text of unknown origin as this screen can show it."""
        return encodable(plain(text), unicode=self.unicode)

    def id(self, test_id: str, *, beside: int = 0) -> str:
        """Return a test id that fits one line beside so many columns."""
        return shorten(self.text(test_id), self.width - beside, ellipsis=self.text("…"))

    def sentence(self, text: str, indent: int, *markup: str) -> list[Line]:
        """Return a sentence broken into lines."""
        return [line(each, *markup) for each in wrap(self.text(text), self.width, indent=indent)]
