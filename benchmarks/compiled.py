"""The environment of a process that runs modules as an installed package has them: compiled before."""

import os
from pathlib import Path


def environment(folder: Path) -> dict[str, str]:
    """Return this process's environment, with compiled modules kept below ``folder`` whatever it says of them."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return own | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}
