"""The command `bakeoff`: reads the command line and calls one of the commands in `harness.cli`.

Exit status: 0 done; 1 the run or part of it failed (its record says what); 2 the user's input is wrong (one message, no
traceback); 130 Ctrl-C; 143 SIGTERM. Heavy libraries are imported only by the commands that need them.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import re
import shlex
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn

from harness.cli import COMMANDS
from harness.cli.stopping import ending_on_signals, open_closed_streams
from harness.common import torchrun
from harness.common.environment import check_packages, git_state, versions
from harness.common.errors import ClaimLost, PluginError, UserError, closest, one_line
from harness.common.files import NO_ROOM
from harness.common.terminal import say, spell_out_what_encodings_lack, warn

_EXAMPLES = """\
examples:
  bakeoff compare                                     every family on the same data and budget, then a report
  bakeoff run model=lstm decoding=top_p seed=1        one run
  bakeoff run -m model=ngram,lstm seed=0,1,2          a sweep
  bakeoff complete lstm-top_p "ROMEO:"                let a fitted model continue a prompt
  bakeoff export lstm-top_p my_lstm                   its weights, and a short program that completes text with them
  bakeoff lm-eval lstm-top_p --tasks bakeoff_arithmetic   lm-evaluation-harness's tasks, and ours in its format
  bakeoff list models                                 what model= accepts
  bakeoff new eval my_eval                            files to start your own eval from
"""


def main() -> None:
    """Run the command line and exit."""
    open_closed_streams()
    spell_out_what_encodings_lack()
    words = sys.argv[1:]
    command = COMMANDS.get(words[0]) if words else None
    handles_interrupts = command is not None and command.handles_interrupts
    sys.exit(ending_on_signals(lambda: status_of(words), handles_interrupts))


class _ToStderr(logging.Handler):
    """Writes to the current sys.stderr, which tests and libraries may replace."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            warn(self.format(record))
        except Exception:
            self.handleError(record)


def status_of(words: Sequence[str]) -> int:
    """Run the command line; returns the exit status. Exceptions from signals pass through."""
    try:
        try:
            return _done(words)
        finally:
            sys.stdout.flush()  # what can't be printed is an error here, and not after the end
    except UserError as error:
        if torchrun.local_rank() == 0:  # of several processes on a machine one says it
            if isinstance(error, PluginError):
                warn(error.details)
            warn(f"bakeoff: {error}")
        return 2
    except ClaimLost as error:
        warn(f"bakeoff: {error}")
        return 1
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        _drop_output()
        where = f" ({error.filename})" if error.filename else ""
        warn(
            f"bakeoff: the system refused to write or read{where}: {error.strerror}. Nothing finished is lost. "
            f"{_advice(error, words)} Then run the same command again."
        )
        return 1


_REFUSED = (*NO_ROOM, errno.EACCES, errno.EPERM, errno.EBADF)


def _advice(error: OSError, words: Sequence[str]) -> str:
    """What to do where the system refused to write or read."""
    advice = "Correct the permissions"
    if error.errno == errno.EBADF:
        return "Standard output is closed: open it, as with > FILE."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "Free some space"
    if error.errno == errno.EFBIG:
        advice = "Lift the limit on the size of files (ulimit -f unlimited)"
    known = _parser()[1].get(words[0])
    arguments = {action.dest for action in known._actions} if known is not None else set()
    option = "--results" if "results" in arguments else "results_dir=" if "overrides" in arguments else ""
    return f"{advice}, or name another folder with {option}." if option else f"{advice}."


def _drop_output() -> None:
    """Forget what couldn't be printed: at its end Python would try again, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _done(words: Sequence[str]) -> int:
    """Run the command line; returns the exit status. UserError and OSError pass through."""
    parser, by_command = _parser()
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        parser.error(f"{words[0]!r} is not a command.{closest(words[0], COMMANDS)} Allowed: {', '.join(COMMANDS)}.")
    if words and words[0].startswith("-") and words[0] not in parser._option_string_actions:
        meant = _meant(words[0], words, parser, by_command) or closest(words[0].lstrip("-"), COMMANDS)
        parser.error(f"{words[0]} is not known here.{meant} A command comes first: {', '.join(COMMANDS)}.")
    arguments, rest = parser.parse_known_args(_overrides_last(words))
    command = COMMANDS[arguments.command]
    if rest and not command.passes_on:
        of_command = by_command[command.name]
        of_command.error(f"{' '.join(rest)} is not known here.{_meant(rest[0], words, of_command, by_command)}")
    arguments.rest = rest
    log = logging.getLogger("bakeoff")
    if not log.handlers:
        log.addHandler(_ToStderr())
    log.setLevel(logging.INFO)
    log.propagate = False
    # No command uses the network unless told to; the libraries read these variables when they load.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", os.environ["HF_HUB_OFFLINE"])
    # OpenMP threads that spin for long make small operations several times slower next to other busy programs. Threads
    # that sleep at once make them twice as slow on an idle machine (results/LOG.md). Read when torch loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # The matrices of a compiled step are too small to be worth several threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    check_packages()
    _check_current_folder()
    _check_torchrun(command.name, is_sweep=command.name == "run" and arguments.multirun)
    _check_words(words)
    try:
        if files := getattr(arguments, "plugin", ()):
            from harness.config.plugins import load

            load(files)
        return command.do(arguments)
    except SystemExit as error:  # no command ends the program itself: a plugin does, or lm_eval
        if command.passes_on:
            raise
        warn(traceback.format_exc())
        warn(f"bakeoff: a plugin ended the program ({one_line(error)}), so the command was not done. Let it return.")
        return 1


def _check_current_folder() -> None:
    """UserError where the current folder is gone: relative paths lead nowhere then."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError("the current folder was deleted. Go to one that is there (cd) and run this again.") from None


def _check_torchrun(command: str, is_sweep: bool) -> None:
    """UserError where torchrun started several processes for something that they can't share."""
    if torchrun.is_used() and (command != "run" or is_sweep):
        raise UserError(
            f"torchrun started {torchrun.num_processes()} processes of `bakeoff {command}{' -m' * is_sweep}`. They can "
            "share the fit of one run, and nothing else: start `bakeoff run` without -m by torchrun for each run whose "
            f"fit is large, then `bakeoff {command}{' -m' * is_sweep}` without torchrun, which finds these fits."
        )


def _check_words(words: Sequence[str]) -> None:
    """UserError where Python can't read what was typed, because it expects ASCII."""
    if sys.getfilesystemencoding() != "ascii":
        return
    for word in words:
        if not word.isascii():
            typed = os.fsencode(word).decode("utf-8", "backslashreplace")
            raise UserError(
                f"{typed} can't be read: it isn't ASCII, and Python expects ASCII here, because the locale is C or "
                "POSIX and Python's UTF-8 mode is off. Set PYTHONUTF8=1 (or leave PYTHONUTF8=0 out), or LC_ALL=C.UTF-8."
            )


_FLAG_WITH_VALUE = re.compile(r"argument (.*): ignored explicit argument (.*)")


class _Parser(argparse.ArgumentParser):
    """Says of each missing argument what it is, and of each flag whether it takes a value."""

    def error(self, message: str) -> NoReturn:
        if flag := _FLAG_WITH_VALUE.fullmatch(message):
            message = f"{flag[1]} takes no value, but got {flag[2]}. Leave the value out."
        _, is_missing, names = message.partition("the following arguments are required: ")
        if is_missing:
            required = [action for action in self._actions if action.required]
            missing = [action for action in required if _name_of(action) in names.split(", ")]
            told = " ".join(f"{_name_of(action)} is missing: {action.help}." for action in missing)
            message = f"{told} Write {self.prog} {_usage(required)}."
        option, has_no_value, _ = message.removeprefix("argument ").partition(": expected ")
        if has_no_value:
            action = self._option_string_actions[option.split("/")[0]]
            number = action.nargs if isinstance(action.nargs, int) else 1
            values = " ".join([str(action.metavar or action.dest.upper())] * number)
            message = f"{option} needs a value after it: {option} {values}, {action.help}."
        super().error(message)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        git = git_state()
        commit = f" (commit {git['commit'][:12]}{', changed since' if git['dirty'] else ''})" if git["commit"] else ""
        own, *others = [f"{name} {version}" for name, version in sorted(versions().items(), key=_bakeoff_first)]
        say(f"{own}{commit}\n{', '.join(others)}")
        parser.exit()


def _bakeoff_first(named: tuple[str, str]) -> tuple[bool, str]:
    return named[0] != "bakeoff", named[0]


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser of whole command lines, and that of each command."""
    parser = _Parser(
        prog="bakeoff",
        description="Compare families of language models, trained from scratch, on equal terms.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the versions of bakeoff and its libraries")
    parsers = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=f"one of {', '.join(COMMANDS)}"
    )
    for name, command in COMMANDS.items():
        about = f"{command.help[0].upper()}{command.help[1:]}."
        command.add_arguments(parsers.add_parser(name, help=command.help, description=about, allow_abbrev=False))
    return parser, parsers.choices


def _meant(
    word: str,
    words: Sequence[str],
    parser: argparse.ArgumentParser,
    by_command: Mapping[str, argparse.ArgumentParser],
) -> str:
    """What may have been meant by a word of the command line that its command doesn't know, as a sentence, else ''.

    parser: the command's.
    """
    from harness.config.options import GROUPS, top_level

    name, equals, value = word.partition("=")
    position = len(words) - 1 - words[::-1].index(word)
    following = words[position + 1 :]
    if not equals and following and not following[0].startswith("-"):
        value = following[0]
    setting, flag = name.lstrip("-").replace("-", "_"), f"--{name.lstrip('-')}"
    flags = parser._option_string_actions
    takes_settings = any(action.dest == "overrides" for action in parser._actions)
    positionals = [action for action in parser._actions if not action.option_strings]
    named = next((action.metavar for action in positionals if action.dest == setting), None)
    if word.startswith("-") and named:
        return f" {named} is written without {name}: {parser.prog} {_usage(positionals)}."
    if word.startswith("-") and takes_settings and setting.partition(".")[0] in (*GROUPS, *top_level()):
        return f" Settings are written without dashes: {setting}={value or '...'}."
    if flag in flags:  # it lacks its dashes
        return f" Did you mean {flag} {value}?"
    if (word.startswith("-") or equals) and (near := closest(flag, flags)):
        return near
    if not word.startswith("-") and positionals:
        taken = f" {parser.prog} takes {_usage(positionals)}."
        whole = shlex.quote(" ".join(words[position - 1 :]))
        return f"{taken} A name or text with blanks is written in quotes: {whole}."
    if takes_settings and (near := closest(setting, (*GROUPS, *top_level()))):
        return f"{near} Settings are written without dashes, as seed=1."
    owners = [
        command
        for command, other in by_command.items()
        if name in other._option_string_actions and other._option_string_actions[name].help != argparse.SUPPRESS
    ]
    return f" It is an option of: {', '.join(owners)}." if owners else ""


def _usage(required: Sequence[argparse.Action]) -> str:
    """The arguments that a command needs, as 'RUN PROMPT' or 'DIR --allow DATA'."""
    return " ".join(" ".join([*action.option_strings[:1], str(action.metavar)]) for action in required)


def _name_of(action: argparse.Action) -> str:
    """What argparse calls an argument."""
    return "/".join(action.option_strings) or str(action.metavar)


def _overrides_last(words: Sequence[str]) -> list[str]:
    """The words of `run` with options first: users may mix options and overrides, but argparse can't read that."""
    if not words or words[0] != "run":
        return list(words)
    options: list[str] = []
    overrides: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word in ("--config-from", "--plugin"):
            options += [word, *([following] if (following := next(rest, None)) is not None else [])]
        else:
            (options if word.startswith("-") else overrides).append(word)
    return ["run", *options, *overrides]


if __name__ == "__main__":
    main()
