"""LLM-Test-Bench's files as benchmarks: datasets, suites and fleet manifests."""
