"""Where the folders of the project are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
HELPERS = TESTS / "helpers"
GOLDEN, SAVED = TESTS / "golden", TESTS / "saved"
