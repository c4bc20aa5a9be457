"""Run the comparison: ``python -m applications.device_aware --help``."""

if __name__ == "__main__":
    from applications.common.interrupts import run

    from . import IF_STOPPED

    run(f"{__package__}.cli", IF_STOPPED)
