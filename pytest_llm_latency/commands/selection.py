"""What ``-k`` selects: words of test ids joined by ``and``, ``or``, ``not`` and parentheses, as in pytest.

pytest's own compiler of such expressions is not public, and its errors changed between versions.
"""

import re
from collections.abc import Callable

from pytest_llm_latency.errors import UsageError

Selects = Callable[[str], bool]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_OPERATORS = {"and", "or", "not", "(", ")"}


def parse(text: str, *, option: str = "-k") -> Selects:
    """Return the predicate over test ids that an expression stands for; case does not matter.

    ``option`` is what an error calls it.
    """
    return _Parser(text, option).whole()


class _Parser:
    """Recursive descent over the tokens; each rule returns the predicate of its part."""

    def __init__(self, text: str, option: str) -> None:
        self.text = text
        self.option = option
        self.rest = _TOKEN.findall(text)

    def whole(self) -> Selects:
        found = self.either()
        if self.rest:
            raise self.error(f"{self.rest[0]!r} is not expected")
        return found

    def either(self) -> Selects:
        parts = [self.both()]
        while self.took("or"):
            parts.append(self.both())
        return lambda test_id: any(part(test_id) for part in parts)

    def both(self) -> Selects:
        parts = [self.one()]
        while self.took("and"):
            parts.append(self.one())
        return lambda test_id: all(part(test_id) for part in parts)

    def one(self) -> Selects:
        if self.took("not"):
            part = self.one()
            return lambda test_id: not part(test_id)
        if self.took("("):
            part = self.either()
            if not self.took(")"):
                raise self.error("a ')' is missing")
            return part
        if not self.rest or self.rest[0] in _OPERATORS:
            raise self.error("a word is missing")
        word = self.rest.pop(0).casefold()
        return lambda test_id: word in test_id.casefold()

    def took(self, token: str) -> bool:
        if self.rest[:1] != [token]:
            return False
        self.rest.pop(0)
        return True

    def error(self, reason: str) -> UsageError:
        return UsageError(
            f"{self.option} {self.text!r} cannot be read ({reason}): write parts of test ids, joined by 'and', 'or', "
            "'not' and parentheses."
        )
