"""Run the study: ``python -m applications.mvm_study --help``."""

# Worker processes import this module too, and have no use for the command line.
if __name__ == "__main__":
    from applications.common.interrupts import run

    from . import IF_STOPPED

    run(f"{__package__}.cli", IF_STOPPED)
