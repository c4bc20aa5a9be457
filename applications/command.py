"""What the commands of this folder share: one-line complaints and exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console

from simulator import OhmCoreError, ParameterError

USER_ERROR = 2
INTERRUPTED = 130


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
        complaints.print(f"error: {' '.join(str(error).split())}", markup=False, soft_wrap=True)
        return USER_ERROR
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complaints.print(f"error: {place}{error.strerror or error}", markup=False, soft_wrap=True)
        return USER_ERROR
    except KeyboardInterrupt:
        complaints.print(f"stopped; {if_stopped}")
        return INTERRUPTED
    return 0
