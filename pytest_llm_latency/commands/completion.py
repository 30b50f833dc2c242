"""``llm-latency completion``: a script that lets a shell complete commands, options, their values and files.

The script is made of the parsers and knows all that they take, so that the shell starts no Python while one types.
"""

import argparse
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pytest_llm_latency.commands import tables, tree
from pytest_llm_latency.commands.tree import Argument, Command

Subparsers = Any  # argparse has no public name for it

_SUMMARY = "print a script that lets bash, zsh or fish complete commands, options and values"

_FILES = "files=1"  # what the scripts note where files are completed
_BASH = """\
# Completion of llm-latency for bash: eval "$(llm-latency completion bash)" in ~/.bashrc
_llm_latency() {
    local current=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD command="" word before names="" files=""
    [[ $current == "=" ]] && current="" && at=$((at + 1))
    before=${COMP_WORDS[at - 1]}
    [[ $before == "=" ]] && before=${COMP_WORDS[at - 2]}
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case "$command $word" in
@PATHS@
        esac
    done
    case "$command $before" in
@VALUES@
        *)
            case "$command,$current" in
@WORDS@
            esac
            ;;
    esac
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "${names// /$'\\n'}" -- "$current"))
    if [[ -n $files ]]; then
        COMPREPLY+=($(compgen -f -- "$current"))
        compopt -o filenames 2> /dev/null
    fi
}
complete -F _llm_latency llm-latency
"""

_ZSH = """\
#compdef llm-latency
# Completion of llm-latency for zsh: eval "$(llm-latency completion zsh)" in ~/.zshrc, after compinit
_llm_latency() {
    local command="" word before=${words[CURRENT - 1]} current=${words[CURRENT]} files=""
    local -a names
    for word in ${words[2,CURRENT - 1]}; do
        case "$command $word" in
@PATHS@
        esac
    done
    case "$command $before" in
@VALUES@
        *)
            case "$command,$current" in
@WORDS@
            esac
            ;;
    esac
    (( ${#names} )) && _describe -t values value names
    [[ -n $files ]] && _files
    return 0
}
if [[ ${funcstack[1]} == _llm_latency ]]; then _llm_latency "$@"; else compdef _llm_latency llm-latency; fi
"""

_FISH = """\
# Completion of llm-latency for fish: llm-latency completion fish | source in ~/.config/fish/config.fish
function __llm_latency_at
    set -l found
    for word in (commandline -opc)[2..-1]
        if contains -- (string join ' ' -- $found $word) @PATHS@
            set found $found $word
        end
    end
    test "$found" = "$argv[1]"
end
complete -c llm-latency -f
@WORDS@
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add ``completion`` to the command line."""
    parser = subparsers.add_parser("completion", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}.")
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(handler=completion)


def completion(arguments: argparse.Namespace) -> int:
    """Print the script for a shell; ``whole`` of the arguments is the parser of all commands."""
    tables.write(SHELLS[arguments.shell](tree.read(arguments.whole)).splitlines())
    return 0


def bash(whole: Command) -> str:
    """Return the script for bash, 3.2 or newer."""
    return _cases(_BASH, whole, lambda names: f'names="{" ".join(name for name, _ in names)}"')


def zsh(whole: Command) -> str:
    """Return the script for zsh, which shows what each name is for."""

    def names(found: Iterable[tuple[str, str]]) -> str:
        each = (f"{name.replace(':', chr(92) + ':')}:{_short(text)}" if text else name for name, text in found)
        return f"names=({' '.join(_single(text) for text in each)})"

    return _cases(_ZSH, whole, names)


def _cases(script: str, whole: Command, names: Callable[[Sequence[tuple[str, str]]], str]) -> str:
    """Fill a script whose cases are the commands: which words are one, what an option takes, what else may stand."""
    return (
        script
        .replace("@PATHS@", "\n".join(_path_cases(whole)))
        .replace("@VALUES@", "\n".join(_value_cases(whole, names)))
        .replace("@WORDS@", "\n".join(_word_cases(whole, names)))
    )


def _path_cases(whole: Command) -> Iterator[str]:
    for each in tree.walk(whole):
        if each is not whole:
            *above, name = each.words[1:]
            known = _path(each)
            yield f'            "{" ".join(above)} {name}") command="{known}" ;;'


def _value_cases(whole: Command, names: Callable[[Sequence[tuple[str, str]]], str]) -> Iterator[str]:
    for command in tree.walk(whole):
        for each in command.arguments:
            if each.flags and each.metavar is not None:
                patterns = " | ".join(f'"{_path(command)} {flag}"' for flag in each.flags)
                taken = names([(choice, "") for choice in each.choices]) if each.choices else ""
                yield f"        {patterns}) {taken or (_FILES if each.path else ':')} ;;"


def _word_cases(whole: Command, names: Callable[[Sequence[tuple[str, str]]], str]) -> Iterator[str]:
    for command in tree.walk(whole):
        path, placed = _path(command), _placed(command)
        yield f'                "{path},-"*) {names(_options(command))} ;;'
        if placed:
            yield f'                "{path},"*) {names(placed)} ;;'
        elif _takes_files(command):
            yield f'                "{path},"*) {_FILES} ;;'


def fish(whole: Command) -> str:
    """Return the script for fish, 3.1 or newer."""
    paths = " ".join(_single(_path(each)) for each in tree.walk(whole) if each is not whole)
    return _FISH.replace("@PATHS@", paths).replace("@WORDS@", "\n".join(_fish_lines(whole)))


def _fish_lines(whole: Command) -> Iterator[str]:
    for command in tree.walk(whole):
        begin = f"complete -c llm-latency -n {_single(f'__llm_latency_at {_single(_path(command))}', fish=True)}"
        yield from (
            f"{begin} -a {_single(name)} -d {_single(_short(text), fish=True)}" for name, text in _placed(command)
        )
        if _takes_files(command) and not _placed(command):
            yield f"{begin} -F"
        for each in command.arguments:
            if each.flags:
                flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in each.flags)
                yield f"{begin} {flags}{_fish_value(each)} -d {_single(_short(each.help), fish=True)}"


def _fish_value(argument: Argument) -> str:
    if argument.metavar is None:
        return ""
    if argument.choices:
        return f" -x -a {_single(' '.join(argument.choices))}"
    return " -r -F" if argument.path else " -x"


def _path(command: Command) -> str:
    return " ".join(command.words[1:])


def _placed(command: Command) -> list[tuple[str, str]]:
    """Return the words that may stand without a flag: the commands below, or the values of an argument."""
    below = [(each.words[-1], each.summary) for each in command.commands]
    return below + [(choice, "") for each in command.arguments if not each.flags for choice in each.choices]


def _options(command: Command) -> list[tuple[str, str]]:
    return [(flag, each.help) for each in command.arguments for flag in each.flags]


def _takes_files(command: Command) -> bool:
    return any(each.path and not each.flags for each in command.arguments)


def _short(text: str) -> str:
    return textwrap.shorten(text, 70, placeholder=" ...")


def _single(text: str, *, fish: bool = False) -> str:
    """Return a text between single quotation marks, as the shell reads it."""
    if fish:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + text.replace("'", "'\\''") + "'"


SHELLS: Mapping[str, Callable[[Command], str]] = MappingProxyType({"bash": bash, "zsh": zsh, "fish": fish})
