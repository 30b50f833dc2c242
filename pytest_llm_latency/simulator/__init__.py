"""A provider of language models that only pretends: real HTTP, stated latencies, known send times.

Nothing is imported here: ``process`` starts the server as a process of its own and needs only the
standard library, ``server`` needs httptools.
"""
