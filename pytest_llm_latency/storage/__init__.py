"""Files: the results of each session, and the baselines that they are compared with.

Importing this package or ``atomic`` imports no Parquet library; ``samples`` does when it reads or writes.
"""
