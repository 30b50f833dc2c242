"""The text of a file, or one message that says why there is none."""

from pathlib import Path

from pytest_llm_latency.errors import ScenarioError


def text(path: Path, *, most_bytes: int) -> str:
    """Return the text of a file that is not empty and not above ``most_bytes``; raise ``ScenarioError`` otherwise."""
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise ScenarioError(
                f"{path} has {size / 1e6:.1f} MB, above the {most_bytes / 1e6:.0f} MB that are read: split it."
            )
        found = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not UTF-8: save it as UTF-8.") from None
    if not found.strip():
        raise ScenarioError(f"{path} is empty: name another file, or write what belongs into it.")
    return found
