"""What the commands of this folder share: complaints, exit codes, lines, what is noted of a run."""

from __future__ import annotations

import argparse
import datetime
import platform
from collections.abc import Callable
from importlib import metadata, util
from typing import NoReturn

from rich.console import Console

import simulator
from applications.common.interrupts import INTERRUPTED
from applications.mvm_study.errors import StudyError
from simulator import OhmCoreError, ParameterError

USER_ERROR = 2


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what ``finished`` prints."""
        raise ParameterError(f"{message} (see --help)")


def finished(run: Callable[[], None], complaints: Console, if_stopped: str) -> int:
    """Run a command; return 0, 2 for what the user can put right, or 130 for ^C."""
    try:
        run()
    except OhmCoreError as error:
        say(complaints, f"error: {' '.join(str(error).split())}")
        return USER_ERROR
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        say(complaints, f"error: {place}{error.strerror or error}")
        return USER_ERROR
    except KeyboardInterrupt:
        complaints.print(f"stopped; {if_stopped}")
        return INTERRUPTED
    return 0


def say(console: Console, *lines: str) -> None:
    """Print lines as they are: no mark-up, and broken by the terminal alone."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def now() -> str:
    """Return date, time to the minute and offset from UTC."""
    return datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")


def versions(*names: str) -> dict[str, str]:
    """Return the versions of OhmCore, Python and the distributions `names`."""
    own = {"OhmCore": simulator.__version__, "Python": platform.python_version()}
    return own | {name: metadata.version(name) for name in names}


def require_torch() -> None:
    """Raise :class:`StudyError` where PyTorch is not installed; load nothing."""
    if util.find_spec("torch") is None:
        raise StudyError('this needs PyTorch; install it with: pip install "ohmcore[torch]"')
