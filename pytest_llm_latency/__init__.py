"""Finds latency regressions of LLM calls before users do."""

__version__ = "0.1.0"
