"""Run the study: ``python -m applications.mvm_study --help``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
