"""The subcommands of ``llm-latency``, one file each."""
