"""What the scripts have in common that simulate suites: their arguments, and the processes that they fill."""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def parser(description: str | None, *, suites: int, quick: int) -> argparse.ArgumentParser:
    """Return a parser of the usual arguments, for a table of so many suites a cell."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = made.add_mutually_exclusive_group()
    number.add_argument(
        "--quick", action="store_const", dest="suites", const=quick, help=f"{quick} suites a cell instead of {suites}"
    )
    number.add_argument("--suites", type=int, default=suites, help="suites a cell")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one for each CPU)")
    made.add_argument("--json", type=Path, help="write the tables here as well")
    return made


def processes(jobs: int) -> ProcessPoolExecutor:
    """Return fresh processes of one thread each: sums do not depend on the threads that would share them."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
