"""The pure statistics: summaries, comparability, the gate. Numbers in, nouns out.

Importing this imports NumPy; SciPy follows when something is first computed.
"""

from pytest_llm_latency.stats.comparable import differences, environment_changes
from pytest_llm_latency.stats.error_rate import gate_error_rate
from pytest_llm_latency.stats.gate import gate
from pytest_llm_latency.stats.policy import GatePolicy, Looks, Series
from pytest_llm_latency.stats.quantiles import needed_for
from pytest_llm_latency.stats.summary import pooled, summarise
from pytest_llm_latency.stats.variance import Noise, pool_noise

__all__ = [
    "GatePolicy",
    "Looks",
    "Noise",
    "Series",
    "differences",
    "environment_changes",
    "gate",
    "gate_error_rate",
    "needed_for",
    "pool_noise",
    "pooled",
    "summarise",
]
