"""What the study reports when a user can put it right."""

from __future__ import annotations

from simulator.errors import OhmCoreError


class StudyError(OhmCoreError):
    """One line that says where, what is wrong and what is allowed; the command ends with code 2."""
