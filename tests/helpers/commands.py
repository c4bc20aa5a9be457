"""What the tests of the commands share: their files and pages read, and how they refuse."""

import base64
import csv
import html
import importlib.util
import re
import subprocess
import sys

from places import ROOT


def rows(folder, name="results.csv"):
    """The rows of a CSV file in a folder, by the names of their columns."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def complaint(capsys, code):
    """What the last run complained about: one line, and no traceback."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert code == 2, code
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: "), lines
    return lines[0]


def without_torch(monkeypatch):
    """Have PyTorch look as if it were not installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def loads_torch(module):
    """Whether importing a module loads PyTorch; fails where it cannot be imported."""
    probe = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() == "True"


def in_words(text):
    """What a reader sees of some HTML: no tags, single spaces, plain hyphens."""
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return " ".join(plain.replace("\N{NON-BREAKING HYPHEN}", "-").split())


def check_self_contained(page, figures):
    """Fail unless a page asks for nothing outside itself and has a caption for each figure."""
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?:|file:|//|@import|url\(", text)
    sources = re.findall(r"""\b(?:src|href)\s*=\s*["']?([^"'\s>]+)""", page)
    assert sources
    assert all(source.startswith("data:") for source in sources), sources
    counts = page.count("<figcaption>"), page.count("<img")
    assert counts == (figures, figures), counts


def downloads(page, kind="[a-z]+/[a-z]+"):
    """The files of a kind that a page offers, as pairs of name and content, in order."""
    links = re.findall(rf'download="([^"]+)" href="data:{kind};base64,([^"]+)"', page)
    return [(name, base64.b64decode(content)) for name, content in links]
