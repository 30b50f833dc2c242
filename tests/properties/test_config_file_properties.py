"""Settings files of any content: read, or refused in one message that names the file."""

import json
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency import config_file
from pytest_llm_latency.errors import SettingsError

SOUND = {
    "global": {"simulate": True, "region": "${REGION:-eu}"},
    "profiling": {"requests": 60, "load": "crowd", "timeout": "30s"},
    "metrics": {"gate": ["ttft", "e2e"]},
    "providers": {"openai": {"requests_per_minute": 600}},
    "load_profiles": {"crowd": {"concurrency": 10}, "steady": "40/s"},
}
TEXTS = {
    ".yaml": yaml.safe_dump(SOUND),
    ".json": json.dumps(SOUND, indent=1),
    ".toml": '[profiling]\nrequests = 60\ntimeout = "30s"\n[load_profiles]\ncrowd = {concurrency = 10}\n',
}
EDITS = st.tuples(
    st.integers(0, 400),
    st.integers(0, 8),
    st.text(alphabet="{}[]:,\"'\n\t -=.#&*!|>%@$01a\\é\x00\x85\u2028", max_size=6),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(suffix=st.sampled_from(sorted(TEXTS)), edits=st.lists(EDITS, min_size=1, max_size=4))
def test_a_file_with_slips_is_read_or_told_in_one_message(suffix: str, edits: list[tuple[int, int, str]]) -> None:
    """Never in a traceback, and never without a remedy."""
    text = TEXTS[suffix]
    for at, count, written in edits:
        place = at % (len(text) + 1)
        text = text[:place] + written + text[place + count :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"any{suffix}"
        path.write_bytes(text.encode())
        told = f"{path.name} is sound."
        try:
            config_file.read(path, Path(folder))
        except SettingsError as error:
            told = str(error)
    assert told.startswith(path.name)
    assert told.rstrip().endswith((".", "?"))
