"""How many processors a process may use, in containers too."""

import pytest

from simulator.kernels import threads


@pytest.fixture
def unlimited(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("quota", "wanted"),
    [
        ("max 100000", 64), ("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1),
        ("9900000 100000", 64), ("nonsense", 64), (None, 64),
    ],
)  # fmt: skip
def test_the_quota_of_a_container_counts(unlimited, monkeypatch, tmp_path, quota, wanted):
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    assert threads.usable_processors() == wanted
