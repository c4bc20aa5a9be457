"""Run the evaluation: ``python -m applications.dnn --help``."""

if __name__ == "__main__":
    import sys

    from .cli import main

    sys.exit(main())
