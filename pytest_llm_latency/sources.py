"""From what a marker says to what a benchmark sends: finds the files, reads them, puts them together."""

from collections.abc import Sequence
from pathlib import Path

from pytest_llm_latency import load as loads
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Load
from pytest_llm_latency.prompts import Generated, Listed, Replayed, Shuffled, Source


def find(name: str, folders: Sequence[Path]) -> Path:
    """Return the file of this name in the first of the folders that has it; an absolute name is itself."""
    tried = [folder / name for folder in folders or (Path.cwd(),)]
    try:
        found = next((path for path in tried if path.is_file()), None)
    except OSError as error:
        said = f"the file {error.filename} cannot be looked at ({error.strerror})"
        raise MarkerError(f"{said}: check its name and permissions.") from None
    if found is None:
        places = " nor ".join(str(path) for path in dict.fromkeys(tried))
        raise MarkerError(f"there is no file {places}: check the name, which counts from the test's folder.")
    return found


def objectives(path: Path | None, model: str | None, environment: str) -> tuple[str, ...]:
    """Return the limits of a file of service-level objectives for a model; none where no file is named."""
    if path is None:
        return ()
    from pytest_llm_latency.testbench import observatory  # noqa: PLC0415  (only with such a file)

    return observatory.limits(path, model, environment)


def replayed(replay: loads.Replay, folders: Sequence[Path], count: int | None) -> Load:
    """Return the load of a trace file, or of its first ``count`` arrivals."""
    from pytest_llm_latency import traces  # noqa: PLC0415  (only with a trace)

    return loads.replayed(traces.read(find(replay.path, folders), count), replay.speed)


def of(prompts: object, load: Load, folders: Sequence[Path]) -> Source | None:
    """Return the source that a marker's ``prompts`` and its load make; ``None`` where the body has its own."""
    own = None if prompts is None else _named(prompts, folders, seed=None)
    trace = load.trace
    if trace is None or (own is None and trace.tokens_in is None):
        return own
    return Replayed(trace=trace, source=own)


def _named(prompts: object, folders: Sequence[Path], *, seed: int | None) -> Source:
    from pytest_llm_latency import prompt_files  # noqa: PLC0415  (only with prompts)

    if isinstance(prompts, Generated):
        return prompts
    if isinstance(prompts, Shuffled):
        if isinstance(prompts.prompts, Generated | Shuffled):
            raise MarkerError("shuffled takes a list of prompts or the name of a file: these have an order already.")
        return _named(prompts.prompts, folders, seed=prompts.seed)
    if isinstance(prompts, str | Path):
        path = find(str(prompts), folders)
        return Listed(name=path.name, inputs=prompt_files.read(path), seed=seed)
    if isinstance(prompts, Sequence) and prompts:
        inputs = (prompt_files.of_value(value, f"prompts[{place}]") for place, value in enumerate(prompts))
        return Listed(name=None, inputs=tuple(inputs), seed=seed)
    raise MarkerError(
        f"prompts is {prompts!r}: write a list of prompts, the name of a file, generated(tokens=500) or shuffled(...)."
    )
