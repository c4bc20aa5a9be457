"""What is said of layers that stay digital, and of models without arrays."""

from __future__ import annotations

from simulator import NoEffectWarning, ParameterError, warn_user


def say_what_stays(reasons: dict[str, str], converts: bool, function: str) -> None:
    """Warn of layers with weights that stay digital.

    Args:
        reasons: why, by the names of the layers.
        converts: whether any other layer is converted.
        function: what converts, as users call it.

    Raises:
        ParameterError: no layer is converted.
    """
    listed = "; ".join(f"{name!r} ({reason})" for name, reason in reasons.items())
    if not converts:
        raise ParameterError(
            f"{function}: no layer of the model can be converted: "
            + (listed or "it has no layer with a matrix")
            + ". allow_digital=True returns it as it is"
        )
    if reasons:
        warn_user(
            f"{function}: layers with weights that stay digital: {listed}. "
            "allow_digital=True says nothing of it"
        )


def warn_of_no_arrays(function: str, converter: str) -> None:
    """Warn that ``function`` found no analog layer; ``converter`` makes them."""
    warn_user(
        f"{function} has no effect: the model has no analog layers; convert it with {converter}",
        NoEffectWarning,
    )
