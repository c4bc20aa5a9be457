"""All chips of all settings, over processes with one BLAS thread each."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

from threadpoolctl import threadpool_limits

from simulator import CrossSimParameters
from simulator.errors import OhmCoreError

from .errors import StudyError
from .measure import Metrics, calibrate, measure
from .settings import Setting
from .workload import Workload


@dataclass(frozen=True)
class Job:
    """What every chip needs; `parameter_folder` is where each setting's trees are written."""

    settings: tuple[Setting, ...]
    workload: Workload
    seed: int
    percentile: float
    parameter_folder: Path


@dataclass(frozen=True)
class Outcome:
    """The metrics of one chip of one setting, and what the engine warned about."""

    setting: int
    chip: int
    metrics: Metrics
    warnings: tuple[str, ...] = ()


def simulate(job: Job, tasks: Sequence[tuple[int, int]], workers: int) -> Iterator[Outcome]:
    """Yield the outcome of every task (setting, chip) as it finishes.

    The numbers do not depend on `workers` or on the order, because every chip draws from streams
    of its own. Raises :class:`StudyError` naming the setting that cannot be simulated.
    """
    if workers == 1 or len(tasks) < 2:
        with threadpool_limits(1):
            yield from map(_Worker(job).outcome, tasks)
        return
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_process,
        initargs=(job,),
    )
    try:
        with _interrupts_held_back():
            futures = [pool.submit(_run_in_process, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise StudyError(
            "a worker process ended unexpectedly, perhaps for lack of memory; what is finished is"
            " kept: run the same command again, with --workers 1 if it recurs"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """Simulates chips of a job; calibrates a setting once for all its chips."""

    def __init__(self, job: Job):
        self.job = job
        self.trees = functools.lru_cache(maxsize=4)(self._calibrated)

    def outcome(self, task: tuple[int, int]) -> Outcome:
        index, chip = task
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                metrics = measure(self.trees(index), self.job.workload, chip)
        except OhmCoreError as error:
            raise StudyError(f"setting {self.job.settings[index].label}: {error}") from None
        return Outcome(index, chip, metrics, tuple(str(entry.message) for entry in caught))

    def _calibrated(self, index: int) -> list[CrossSimParameters]:
        setting, workload = self.job.settings[index], self.job.workload
        trees = calibrate(setting, workload, self.job.seed, self.job.percentile)
        for layer, tree in enumerate(trees, start=1):
            suffix = f".layer{layer}" if len(trees) > 1 else ""
            _write_parameters(tree, self.job.parameter_folder / f"{setting.label}{suffix}.yaml")
        return trees


def _write_parameters(tree: CrossSimParameters, path: Path) -> None:
    """Write the parameter tree as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.yaml")
    tree.to_yaml(str(partial))
    os.replace(partial, path)


_worker: _Worker | None = None


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold an interrupt back for a while; processes started meanwhile never receive one.

    They leave it to their parent, which stops the pool. Windows has no such mask.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would lift the mask when started later
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _start_process(job: Job) -> None:
    """Set up a worker process."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpool_limits(1)
    _worker = _Worker(job)


def _end_with_parent() -> None:
    """End this process when its parent is gone; a pool would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_in_process(task: tuple[int, int]) -> Outcome:
    assert _worker is not None
    return _worker.outcome(task)
