"""The tree of errors that a user can cause."""

import inspect

from pytest_llm_latency import errors

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass)]


def test_every_error_descends_from_the_one_root() -> None:
    """A caller that catches the root catches everything that the package raises on purpose."""
    assert len(CLASSES) > 10
    assert all(issubclass(each, errors.LatencyError) for each in CLASSES)


def test_the_tree_drawn_in_the_module_shows_every_error_below_its_parent() -> None:
    """The drawing is compared with the classes, so that it cannot fall behind."""
    assert errors.__doc__ is not None
    parents: dict[int, str] = {}
    drawn = {}
    for line in errors.__doc__.splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if not name.endswith("Error"):
            continue
        depth = line.index(name)
        drawn[name] = max(((at, parent) for at, parent in parents.items() if at < depth), default=(0, "Exception"))[1]
        parents = {at: parent for at, parent in parents.items() if at < depth} | {depth: name}
    assert drawn == {each.__name__: each.__base__.__name__ for each in CLASSES if each.__base__ is not None}
