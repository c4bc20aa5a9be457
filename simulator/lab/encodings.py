"""Bytes of a text file as text."""

from __future__ import annotations

import codecs
from pathlib import Path

from simulator.errors import FileFormatError

EXTRA = "pip install ohmcore[lab]"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What instruments and their computers write; a guess among all encodings errs on short files.
_LIKELY = ["cp1252", "latin_1", "utf_16_le", "utf_16_be", "cp932", "gb18030", "cp949", "cp1251"]
# Beyond ASCII, what stands in a file of numbers in western encodings.
_SIGNS = frozenset(
    "\u00b5\u00b0\u00b1\u00b2\u00b3\u00b7\u00d7\u00c4\u00d6\u00dc\u00e4\u00f6\u00fc\u00df\u00e0\u00e9\u00e8\u00e7\u00f1\u00a0"
)


def read_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file.

    Args:
        path: The file.
        encoding: Its encoding; None finds it: by the mark at its beginning, as UTF-8, as Latin-1
            with nothing but signs of units and umlauts, or else by the library charset-normalizer.

    Returns:
        The text, with ``"\\n"`` at the end of lines.

    Raises:
        FileFormatError: The text is in no known encoding, or finding it needs the extra ``lab``.
        OSError: The file cannot be read.
    """
    content = path.read_bytes()
    try:
        text = content.decode(encoding or _marked(content) or "utf-8")
        if encoding is None and "\0" in text:
            raise ValueError
    except LookupError:
        raise FileFormatError(f"{path}: encoding {encoding!r} is unknown") from None
    except ValueError:
        claimed = encoding or _marked(content)
        if claimed is not None:
            raise FileFormatError(f"{path}: not text in the encoding {claimed}") from None
        text = _guessed(path, content)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _marked(content: bytes) -> str | None:
    return next((name for mark, name in _MARKS if content.startswith(mark)), None)


def _guessed(path: Path, content: bytes) -> str:
    western = content.decode("latin-1")
    if all(sign < "\x80" or sign in _SIGNS for sign in western) and "\0" not in western:
        return western
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        raise FileFormatError(
            f"{path}: not UTF-8 text; say encoding='...', or let it be found: {EXTRA}"
        ) from None
    best = from_bytes(content, cp_isolation=_LIKELY).best()
    if best is None:
        raise FileFormatError(f"{path}: not a text file in a known encoding; say encoding='...'")
    return str(best)
