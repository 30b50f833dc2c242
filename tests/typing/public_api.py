"""Uses the public names as a typed program would; type-checked, never run."""
