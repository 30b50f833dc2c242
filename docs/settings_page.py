"""The reference of settings files, made of the keys that they are read with."""

from collections.abc import Iterable, Iterator

from pytest_llm_latency import config_file
from pytest_llm_latency.config_file import document, keys
from pytest_llm_latency.config_file.keys import Key

INTRODUCTION = """\
# Settings file

One of {names} in pytest's root directory, the table `[tool.pytest-llm-latency]` of `pyproject.toml`, or the
file that `--llm-latency-config` (ini key `llm_latency_config`) names. Two of them at once are refused. It is read only
with `--llm-latency`, by each worker of pytest-xdist as well. A guide is in
[Keep settings in a file](../how-to/settings-file.md).

- **What counts**: the command line, then the marker, then the settings file, then a variable of the
  [option](options.md), then the ini file, then the default.
- **Values** may be of their own type or texts. `${{NAME}}` in a text is the variable's value, `${{NAME:-default}}` the
  default where it is not set or empty, `$$` a dollar sign. A variable that is not set is an error.
- **Paths** count from pytest's root directory, `prompts` from the folder of a test first.
- **Mistakes** end the run before anything is collected, with exit code 4: all of them in one message, each with file,
  line, column and the nearest right name. A file may have {size:.0f} kB.
- **Secrets** stand in variables: an `api_key` is `${{NAME}}` and nothing else, or `none`. It shows in no result, report
  or log, nor in `llm-latency config show`.

`llm-latency config show` prints every setting and where it stands, `llm-latency config check` is for a CI, and
`llm-latency config schema` prints the JSON Schema, which is also in
[settings.schema.json](settings.schema.json). An editor finds it by the first line
`# yaml-language-server: $schema=llm-latency.schema.json`, or by the key `"$schema"` of a JSON file.
"""

PROVIDERS = """\
## `providers`

What is said of a provider, under the name that stands before the slash of its models: `openai`, `anthropic`, ... What a
call of `llm(...)` says itself (`api_key=`, `api_base=`) counts before it, and it counts before the variables that
litellm reads. A dry run (`simulate`) uses neither keys nor servers. The limits hold for the tests whose marker, or
`model` option, names a model of the provider.
"""

LOAD_PROFILES = """\
## `load_profiles`

Loads by names of your choice: `load="evening"` in a marker, `--llm-latency-load=evening`, or `load: evening` in
`profiling`. A text alone is the `load`; one without `load` is a closed load. What stands beside the name, in the same
marker or on the same command line, counts more than the profile.
"""


def page(note: str) -> str:
    """Return a table for each section."""
    names = ", ".join(f"`{name}`" for name in config_file.NAMES)
    return "\n".join([note, *_lines(INTRODUCTION.format(names=names, size=document.MOST_BYTES / 1000))])


def _lines(introduction: str) -> Iterator[str]:
    yield introduction
    for section, known in keys.OF_OPTIONS.items():
        yield f"## `{section}`\n"
        yield from _table(known.values())
    yield PROVIDERS
    yield from _table(keys.OF_PROVIDER.values())
    yield LOAD_PROFILES
    yield from _table(keys.OF_LOAD_PROFILE.values())


def _table(known: Iterable[Key]) -> Iterator[str]:
    yield "| key | value | what it does | option |"
    yield "|---|---|---|---|"
    for key in known:
        flag = "" if key.option is None else f"`{key.option.flag}`"
        yield f"| `{key.name}` | {key.read.words} | {key.help} | {flag} |"
    yield ""
