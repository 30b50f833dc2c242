"""What was said of one test, stored beside its run: a report is rendered again from it, and judges nothing.

MessagePack, because a result has infinite figures, which JSON cannot write.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgpack

from pytest_llm_latency.errors import CorruptFileError, StorageError, WireError
from pytest_llm_latency.model import Result
from pytest_llm_latency.storage import atomic
from pytest_llm_latency.wire import from_builtins, to_builtins

SUFFIX = ".msgpack"

_REMEDY = "judge its run again with 'llm-latency report RUN --against BASELINE', or measure again"


def write(path: Path, result: Result) -> None:
    """Write a result as the whole of a file, with a digest of it."""
    packed = _pack(to_builtins(result))
    atomic.replace_bytes(path, _pack({"sha256": hashlib.sha256(packed).hexdigest(), "result": packed}))


def read(path: Path) -> Result:
    """Return the result that a file holds.

    Raises ``StorageError`` where there is none or another version wrote it, and ``CorruptFileError``
    for anything but a whole, unchanged file.
    """
    try:
        sealed = _unpack(path.read_bytes())
        if hashlib.sha256(sealed["result"]).hexdigest() != sealed["sha256"]:
            raise CorruptFileError(f"{path} has changed since it was written: {_REMEDY}.")
        return from_builtins(Result, _unpack(sealed["result"]))
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror or error}): {_REMEDY}.") from error
    except WireError as error:
        raise StorageError(f"{path} was written by another version ({str(error).rstrip('.')}): {_REMEDY}.") from error
    except (ValueError, LookupError, TypeError, msgpack.UnpackException) as error:
        raise CorruptFileError(f"{path} is damaged or holds no result ({error}): {_REMEDY}.") from error


def _pack(tree: object) -> bytes:
    # Half of a surrogate pair may stand in a provider's message, and in a test's id.
    packed: bytes = msgpack.packb(tree, unicode_errors="surrogatepass")
    return packed


def _unpack(data: bytes) -> Any:  # noqa: ANN401  (a tree of builtins has no narrower type)
    return msgpack.unpackb(data, unicode_errors="surrogatepass")
