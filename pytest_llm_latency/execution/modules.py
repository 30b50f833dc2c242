"""What is done to modules that are not ours, and how it is undone."""

import functools
import sys
import types
from collections.abc import Callable, Mapping

_ABSENT = object()


def exchange(module: types.ModuleType, contents: Mapping[str, object]) -> Callable[[], None]:
    """Give names of a module other contents, and return what gives it its own back."""
    before = {name: vars(module).get(name, _ABSENT) for name in contents}
    _set(module, contents)
    return functools.partial(_set, module, before)


def _set(module: types.ModuleType, contents: Mapping[str, object]) -> None:
    for name, value in contents.items():
        if value is _ABSENT:
            vars(module).pop(name, None)
        else:
            setattr(module, name, value)


def stand_in(name: str, contents: Mapping[str, object]) -> None:
    """Supply a module that cannot be imported."""
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(contents)


def missing_package(error: BaseException | None) -> str | None:
    """Return the package that was needed, where that is why something failed."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return error.name
        error = error.__cause__ or error.__context__
    return None
