"""Time every work on this machine, print a table and keep it in ``benchmarks/results``.

Usage: ``python -m benchmarks.run [WORD ...]`` times the works whose name contains a WORD. The exit
status is 1 where a ratio is 20 % worse than the one kept for this machine; what was kept then stays
as it is, unless ``--accept`` says that the new figures are right. ``--peer PATH`` also times the
checkout of CrossSim at PATH on the same work.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import simulator
from benchmarks import peer
from benchmarks.works import WORKS, Work

RESULTS = Path(__file__).resolve().parent / "results"
# Ratios of two timings of one run: a slow hour of the machine does not change them.
RATIOS = ("GEMM", "torch", "noiseless", "fixed range")
TOLERANCE = 1.2


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="time only works that contain it")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--peer", type=Path, metavar="PATH", help="a CrossSim checkout to time too")
    parser.add_argument("--accept", action="store_true", help="keep the figures even if worse")
    options = parser.parse_args(arguments)
    works = [w for w in WORKS if not options.words or any(word in w.name for word in options.words)]
    if not works:
        parser.error("no work contains any of: " + ", ".join(options.words))

    machine = this_machine()
    rows = []
    for work in works:
        print(f"timing {work.name} ...", file=sys.stderr, flush=True)
        rows.append(measured(work))
    if options.peer:
        add_peer(rows, options.peer)
    table = markdown(machine, rows)
    print(table)
    slower = worse(rows, kept(options.out, machine))
    for line in slower:
        print(f"slower: {line}", file=sys.stderr)
    if slower and not options.accept:
        return 1
    if not options.words:
        write(options.out, machine, rows, table)
    return 0


def worse(rows: list[dict[str, Any]], before: dict[str, float]) -> list[str]:
    """Ratios that are 20 % above those kept before, in words."""
    return [
        f"{row['work']}: {row['median']:.3g} {row['unit']}, was {before[row['work']]:.3g}"
        for row in rows
        if row["unit"] in RATIOS and row["median"] > TOLERANCE * before.get(row["work"], math.inf)
    ]


def kept(folder: Path, machine: dict[str, Any]) -> dict[str, float]:
    """Medians of an earlier run on this machine, by work; empty without one."""
    path = place(folder, machine).with_suffix(".json")
    if not path.exists():
        return {}
    works = json.loads(path.read_text(encoding="utf-8"))["works"]
    return {row["work"]: row["median"] for row in works}


def add_peer(rows: list[dict[str, Any]], path: Path) -> None:
    """Time on another checkout what ``benchmarks.peer`` knows, in a process of its own."""
    for row in rows:
        print(f"timing {row['work']} with {path} ...", file=sys.stderr, flush=True)
        row["peer"] = peer.timed_elsewhere(row["work"], path)


def measured(work: Work) -> dict[str, Any]:
    """One row of the results."""
    timing = work.measure()
    return {
        "work": work.name,
        "unit": work.unit,
        "goal": work.goal,
        "median": timing.median,
        "quartiles": [timing.low, timing.high],
        "repeats": timing.repeats,
    }


def this_machine() -> dict[str, Any]:
    """What a timing depends on."""
    pools = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version_of("numba"),
        "ohmcore": simulator.__version__,
        "threads": pools,
        "date": datetime.date.today().isoformat(),
    }


def version_of(package: str) -> str | None:
    """The version that is installed; None without the package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's name, as exactly as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.processor() or platform.machine()


def markdown(machine: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The table as Markdown, with the machine above it."""
    extras = f", numba {machine['numba']}" if machine.get("numba") else ""
    peers = any("peer" in row for row in rows)
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}, NumPy {machine['numpy']}{extras}, {machine['date']}",
        "",
        "| work | goal | median | quartiles |" + (" CrossSim |" if peers else ""),
        "|---|--:|--:|--:|" + ("--:|" if peers else ""),
    ]
    for row in rows:
        low, high = row["quartiles"]
        unit = row["unit"]
        goal = f"{row['goal']:g} {unit}" if row["goal"] is not None else ""
        line = f"| {row['work']} | {goal} | {row['median']:.3g} {unit} | {low:.3g} to {high:.3g} |"
        if peers:
            value = row.get("peer")
            line += f" {value:.3g} {unit} |" if value is not None else " |"
        lines.append(line)
    return "\n".join(lines)


def write(folder: Path, machine: dict[str, Any], rows: list[dict[str, Any]], table: str) -> None:
    """Keep the results under the machine's name; an earlier run on it is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    path = place(folder, machine)
    text = json.dumps({"machine": machine, "works": rows}, indent=2)
    path.with_name(path.name + ".json").write_text(text + "\n", encoding="utf-8")
    path.with_name(path.name + ".md").write_text(table + "\n", encoding="utf-8")
    print(f"written to {path}.json and .md", file=sys.stderr)


def place(folder: Path, machine: dict[str, Any]) -> Path:
    """Where the results of a machine are kept, without the ending."""
    words = re.findall(r"[a-z0-9]+", f"{machine['processor']} {machine['cores']} cores".lower())
    return folder / "-".join(words)


if __name__ == "__main__":
    sys.exit(main())
