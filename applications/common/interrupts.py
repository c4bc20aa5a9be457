"""Ctrl-C ends a command at once, in one line, whatever it is doing.

A command keeps its results folder such that it can be killed at any time, so that is what happens:
an exception would pass through imports, callbacks and the start of processes, and some of these
swallow it, print it, or are left half done. A command imports this before all that is slow, and
this imports nothing that is slow before it is ready.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time

INTERRUPTED = 130
PATIENCE = 1.0  # seconds that a step of the main thread may take
TRACKER = "resource_tracker"

_leaving = threading.Lock()


def run(command: str, if_stopped: str) -> None:
    """Import a module, call its ``main`` as a command, and leave with what it returns.

    Args:
        command: name of the module.
        if_stopped: what an interrupt means for the results, for the line that is printed.
    """
    leave_on_interrupt(if_stopped)
    import importlib

    code = importlib.import_module(command).main()
    # Results are written; what is left is to tidy up, which an interrupt would only spoil.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def leave_on_interrupt(if_stopped: str) -> None:
    """From now on, an interrupt ends this process and those it started.

    Args:
        if_stopped: what that means for the results, for the line that is printed.
    """
    line = f"stopped; {if_stopped}\n"
    signal.signal(signal.SIGINT, lambda *_: _leave(line))
    _start_tracker()
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        _wait_for_interrupt(line)


def _wait_for_interrupt(line: str) -> None:
    """Give interrupts to a thread of their own; processes started from now on never receive one.

    The thread asks the main thread, which starts no process meanwhile. Python heeds that between
    two steps of it, and a step may be long.
    """

    def wait() -> None:
        signal.sigwait({signal.SIGINT})
        _thread.interrupt_main()
        time.sleep(PATIENCE)
        _leave(line)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=wait, daemon=True).start()


def _start_tracker() -> None:
    """Start the process that removes what killed ones leave behind, and let it do so silently.

    If it were started later, it would let interrupts through again.
    """
    from multiprocessing import resource_tracker

    before = os.environ.get("PYTHONWARNINGS")
    silent = f"ignore:{TRACKER}"
    os.environ["PYTHONWARNINGS"] = f"{before},{silent}" if before else silent
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _leave(line: str) -> None:
    """Print one line, end what this process started, and end this process."""
    if not _leaving.acquire(blocking=False):
        return
    try:
        below_a_progress_bar = "\n" if os.isatty(2) else ""
        os.write(2, (below_a_progress_bar + line).encode())
        _end_children()
    finally:
        os._exit(INTERRUPTED)


def _end_children() -> None:
    import psutil

    for process in psutil.Process().children(recursive=True):
        try:
            if not any(TRACKER in word for word in process.cmdline()):
                process.kill()
        except psutil.Error:
            pass  # it ended before
