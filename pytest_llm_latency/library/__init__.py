"""Measuring from a program, without pytest: ``LatencyProfiler``, its results and its events."""
