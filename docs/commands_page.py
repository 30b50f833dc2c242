"""The reference of the ``llm-latency`` command, made of its parsers."""

from collections.abc import Iterator

from pytest_llm_latency.commands import manual, tree
from pytest_llm_latency.commands.tree import Argument, Command


def page(whole: Command, note: str) -> str:
    """Return a section for each command that does something, and the exit codes."""
    leaves = [each for each in tree.walk(whole) if not each.commands]
    return "\n".join([
        note,
        "# Commands",
        "",
        f"`{whole.words[0]}` comes with the package. Every command prints its options, examples and exit codes with",
        "`--help`; nothing is measured but by those that say so.",
        "",
        "| command | what it does |",
        "|---|---|",
        *(f"| [`{' '.join(each.words[1:])}`](#{'-'.join(each.words)}) | {_cell(each.summary)} |" for each in leaves),
        "",
        "## Exit codes",
        "",
        *_table(("code", "meaning"), ((f"{code}", each) for code, each in manual.exit_codes().items())),
        "",
        "With 1 a command may also say what it found:",
        "",
        *_table(
            ("command", "1 where"), ((f"`{name}`", each.failed) for name, each in manual.PAGES.items() if each.failed)
        ),
        "",
        "`pytest` has exit codes of its own: 0 where every test passed, 1 where one failed, a regression among them,",
        "2 for an interruption, 4 for a wrong option or setting, 5 where no test was found.",
        "",
        "## Output",
        "",
        "Tables and messages are for people: their width is the terminal's, and their colours are left out where the",
        "output is no terminal or `NO_COLOR` is set; `FORCE_COLOR` keeps them. For programs there is `--json`, whose",
        "keys stay. Errors are one message on the standard error.",
        "",
        "## Completion",
        "",
        "bash, zsh and fish complete commands, options, values and files with what `completion` prints:",
        "",
        "| shell | where | line |",
        "|---|---|---|",
        '| bash | `~/.bashrc` | `eval "$(llm-latency completion bash)"` |',
        '| zsh | `~/.zshrc`, after `compinit` | `eval "$(llm-latency completion zsh)"` |',
        "| fish | `~/.config/fish/config.fish` | `llm-latency completion fish \\| source` |",
        "",
        *(line for each in leaves for line in _section(each)),
    ])


def _section(command: Command) -> Iterator[str]:
    words = command.words[1:]
    yield from (f"## {' '.join(command.words)}", "", command.description, "")
    yield from ("```text", _usage(command), "```", "")
    yield from _table(
        ("argument", "what it is"), (_row(each) for each in command.arguments if "--help" not in each.flags)
    )
    yield ""
    for what, line in manual.PAGES[" ".join(words)].examples.items():
        yield from (f"{what}:", "", "<!-- not run: a test reads the command lines of the help -->", "```console")
        yield from (f"$ {line}", "```", "")


def _usage(command: Command) -> str:
    placed = [each for each in command.arguments if not each.flags]
    needed = [f"{each.flags[-1]} {each.metavar}" for each in command.arguments if each.flags and each.required]
    names = [f"{each.metavar} ..." if each.repeated else str(each.metavar) for each in placed]
    names = [name if each.required else f"[{name}]" for name, each in zip(names, placed, strict=True)]
    return " ".join([*command.words, "[options]", *needed, *names])


def _row(argument: Argument) -> tuple[str, str]:
    name = ", ".join(f"`{each}`" for each in argument.flags) or f"`{argument.metavar}`"
    value = f" `{argument.metavar}`" if argument.flags and argument.metavar is not None else ""
    told = all(each in argument.help for each in argument.choices)
    choices = "" if told else f": {', '.join(argument.choices)}"
    return f"{name}{value}", f"{argument.help}{choices}"


def _table(head: tuple[str, ...], rows: "Iterator[tuple[str, ...]]") -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
