"""Reading ``results.json`` back: what this version does not know is refused and not guessed at."""

import json
from pathlib import Path
from typing import Any

from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, OlderVersionError, StorageError
from pytest_llm_latency.report.json_report import FORMAT, VERSION


def read(path: Path) -> dict[str, Any]:
    """Return the document of a file that a session wrote.

    Raises ``StorageError`` for a file that cannot be read, ``CorruptFileError`` for one that is no such document,
    ``NewerVersionError`` and ``OlderVersionError`` for one of another version of the schema.
    """
    remedy = "measure again, or name another file"
    try:
        tree = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path} is damaged or no JSON ({error}): {remedy}.") from error
    if not isinstance(tree, dict) or tree.get("format") != FORMAT or not isinstance(tree.get("version"), int):
        raise CorruptFileError(f"{path} holds no results of a session: name a results.json, or {remedy}.")
    if tree["version"] > VERSION:
        raise NewerVersionError(
            f"{path} follows version {tree['version']} of the schema and this version reads {VERSION}: upgrade "
            "pytest-llm-latency."
        )
    if tree["version"] < VERSION:
        raise OlderVersionError(
            f"{path} follows version {tree['version']} of the schema, which this version no longer reads (it reads "
            f"{VERSION}): {remedy}."
        )
    return tree
