"""``${VAR}`` and ``${VAR:-default}`` in the texts of a settings file; ``$$`` is a dollar sign."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
ALONE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")  # and nothing beside it


class VariableError(Exception):
    """A reference that cannot be expanded; the message ends with the remedy."""


class UnsetError(VariableError):
    """A variable that is not set."""


def named(text: str) -> tuple[str, ...]:
    """Return the names of the variables in a text."""
    found = (_INSIDE.fullmatch(match[1]) for match in _REFERENCE.finditer(text) if match[1] is not None)
    return tuple(match[1] for match in found if match is not None)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with the values of the variables that it names.

    A default counts where its variable is not set or empty. Raises ``UnsetError`` for a variable that is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        inside = _INSIDE.fullmatch(match[1])
        if inside is None or not match[2]:
            raise VariableError(
                f"{match[0]!r} names no variable: write ${{NAME}} or ${{NAME:-default}}, and a dollar sign as $$."
            )
        name, default = inside.groups()
        found = environment.get(name)
        if default is not None:
            return found or str(default)
        if found is None:
            raise UnsetError(f"the variable {name} is not set: set it, or write ${{{name}:-default}}.")
        return found

    return _REFERENCE.sub(value, text)
