"""Run the study: ``python -m applications.mvm_study --help``."""

# Worker processes import this module too, and have no use for the command line.
if __name__ == "__main__":
    import sys

    from .cli import main

    sys.exit(main())
