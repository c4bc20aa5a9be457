"""What every test shares: one BLAS thread per parallel process, repeatable examples, test data."""

import os
from pathlib import Path

# Before NumPy loads: test processes side by side, each with a full BLAS pool, wait on each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[_name] = "1"

import pytest
from hypothesis import HealthCheck, settings

from simulator import registry

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# A search for new failures: HYPOTHESIS_PROFILE=explore pytest tests/...
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# What users wrote before there was a warning of settings without effect must not bring one about.
SCRIPTS = [Path(__file__).parent / name for name in ("legacy", "tutorials", "applications")]


def pytest_collection_modifyitems(items):
    strict = pytest.mark.filterwarnings("error::simulator.errors.NoEffectWarning")
    for item in items:
        if any(folder in item.path.parents for folder in SCRIPTS):
            # First in the list: marks of the test itself count more.
            item.add_marker(strict, append=False)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of reference data that is not part of the project."""
    folder = os.environ.get("OHMCORE_TEST_DATA")
    if not folder:
        pytest.skip(
            "OHMCORE_TEST_DATA is not set: the folder of reference data is not part of OhmCore"
        )
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"OHMCORE_TEST_DATA is {folder!r}, which is not a folder")
    return path


@pytest.fixture
def own_registry(monkeypatch):
    """Models that a test defines are forgotten after it."""
    monkeypatch.setattr(registry, "_models", {k: dict(v) for k, v in registry._models.items()})
