"""The samples of a run by column: what draws charts and needs no request as an object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llm_latency.model.past import Past
from pytest_llm_latency.model.request import Failure
from pytest_llm_latency.model.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Booleans = NDArray[np.bool_]
    Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The generated deltas of all samples, one after the other, as NumPy arrays.

    The deltas of sample ``i`` stand from ``offsets[i]`` to ``offsets[i + 1]``. ``at_ns`` counts from
    the start of its request. ``output`` is whether a delta is content or a tool call and not
    reasoning; ``characters`` is how many it carries.
    """

    offsets: "Integers"
    at_ns: "Floats"
    output: "Booleans"
    characters: "Floats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """One run, with an entry a measured sample in each NumPy array, in the order of the samples.

    ``run`` has everything but the samples. What is absent is NaN. ``after_ns`` has each other stamp
    by its name, counted from ``started``; ``tokens`` the counts of the usage by their names;
    ``places`` the worker, the host, the region and the side. ``failures`` has why a sample failed and with
    which HTTP status, by its position; ``http_status`` is that of every sample, ``received_bytes`` the size
    of its answer.
    """

    run: Run
    step: "Texts"
    iteration: "Integers"
    ok: "Booleans"
    started: "Integers"
    after_ns: "Mapping[str, Floats]"
    paced_ns: "Floats"
    tokens: "Mapping[str, Floats]"
    cost_usd: "Floats"
    http_status: "Floats"
    received_bytes: "Integers"
    places: "Mapping[str, Texts]"
    events: Events
    failures: Mapping[int, tuple[Failure, int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The raw runs behind one result, for charts: the candidate and the accepted runs, oldest first.

    ``past`` are the runs that were accepted before these.
    """

    run: Columns
    baseline: tuple[Columns, ...]
    past: tuple[Past, ...] = ()
