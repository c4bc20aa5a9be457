"""Time every work on this machine, print a table and keep it in ``benchmarks/results``.

Usage: ``python -m benchmarks.run [WORD ...]`` times the works whose name contains a WORD.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import simulator
from benchmarks.works import WORKS, Work

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="time only works that contain it")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args(arguments)
    works = [w for w in WORKS if not options.words or any(word in w.name for word in options.words)]
    if not works:
        parser.error("no work contains any of: " + ", ".join(options.words))

    machine = this_machine()
    rows = []
    for work in works:
        print(f"timing {work.name} ...", file=sys.stderr, flush=True)
        rows.append(measured(work))
    table = markdown(machine, rows)
    print(table)
    if not options.words:
        write(options.out, machine, rows, table)
    return 0


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
        "ohmcore": simulator.__version__,
        "threads": pools,
        "date": datetime.date.today().isoformat(),
    }


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
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}, NumPy {machine['numpy']}, {machine['date']}",
        "",
        "| work | goal | median | quartiles |",
        "|---|--:|--:|--:|",
    ]
    for row in rows:
        low, high = row["quartiles"]
        unit = row["unit"]
        lines.append(
            f"| {row['work']} | {row['goal']:g} {unit} | {row['median']:.3g} {unit} "
            f"| {low:.3g} to {high:.3g} |"
        )
    return "\n".join(lines)


def write(folder: Path, machine: dict[str, Any], rows: list[dict[str, Any]], table: str) -> None:
    """Keep the results under the machine's name; an earlier run on it is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    words = re.findall(r"[a-z0-9]+", f"{machine['processor']} {machine['cores']} cores".lower())
    path = folder / "-".join(words)
    text = json.dumps({"machine": machine, "works": rows}, indent=2)
    path.with_name(path.name + ".json").write_text(text + "\n", encoding="utf-8")
    path.with_name(path.name + ".md").write_text(table + "\n", encoding="utf-8")
    print(f"written to {path}.json and .md", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
