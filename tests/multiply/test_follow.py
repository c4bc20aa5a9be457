"""One multiply stays easy to follow: few files, and one function where nothing but a product is."""

from benchmarks.follow import bit_serial_core, follow, ideal_core


def test_a_warm_multiply_runs_through_few_files():
    trail = follow(*bit_serial_core())
    assert len(trail.files) <= 13, trail.files
    print(f"{len(trail.files)} files, {len(trail.counts)} functions")


def test_the_fast_call_of_an_ideal_core_is_one_function():
    trail = follow(*ideal_core())
    assert [code.co_name for code in trail.counts] == ["__matmul__"]
    assert list(trail.counts.values()) == [1]
