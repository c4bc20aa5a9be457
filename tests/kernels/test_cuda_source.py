"""The device code of the GPU kernels, compiled for this machine and compared with the reference."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import simulator
from simulator.kernels import ReferenceKernels

SOURCE = Path(simulator.__file__).parent / "kernels" / "gpu" / "cuda_functions.h"
REFERENCE = ReferenceKernels(np)

LOOPS = """
#include <math.h>
#define OHM_FUNCTION static inline
#include "cuda_functions.h"

extern "C" void philox_words(long n, ohm_word *words, ohm_word first, ohm_word second) {
  for (long i = 0; i < n; ++i) ohm_philox(words + 4 * i, first, second);
}
extern "C" void draws(long n, ohm_word *words, ohm_word first, ohm_word second, int normal,
                      double *out) {
  for (long i = 0; i < n; ++i)
    if (normal) ohm_normals(words + 4 * i, first, second, out + 4 * i);
    else ohm_uniforms(words + 4 * i, first, second, out + 4 * i);
}
#define LOOPS_OF(T, name)                                                                        \\
  extern "C" void quantize_##name(long n, const T *v, const T *low, const T *high, const T *step, \\
                                  T *out) {                                                      \\
    for (long i = 0; i < n; ++i) out[i] = ohm_quantize(v[i], low[i], high[i], step[i]);          \\
  }                                                                                              \\
  extern "C" void dithered_##name(long n, const T *v, const T *low, const T *high, const T *step, \\
                                  const T *dither, T *out) {                                     \\
    for (long i = 0; i < n; ++i)                                                                 \\
      out[i] = ohm_quantize_dithered(v[i], low[i], high[i], step[i], dither[i]);                 \\
  }                                                                                              \\
  extern "C" void digits_##name(long n, const T *v, T levels, T base, int count, T *out) {       \\
    for (long i = 0; i < n; ++i) ohm_digits(v[i], levels, base, count, (long long)n, out + i);   \\
  }
LOOPS_OF(float, float32)
LOOPS_OF(double, float64)
"""
# Every function in a kernel of its own, for the compiler of the device.
DEVICE = """
#include "cuda_functions.h"
extern "C" __global__ void all(ohm_word *words, double *out, float *single) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  ohm_normals(words + 4 * i, 1u, 2u, out + 4 * i);
  ohm_uniforms(words + 4 * i, 3u, 4u, out + 4 * i);
  out[i] = ohm_quantize(out[i], -1.0, 1.0, 127.0);
  single[i] = ohm_quantize_dithered(single[i], -1.0f, 1.0f, 127.0f, single[i + 1]);
  ohm_digits(single[i], 127.0f, 2.0f, 7, 1LL, single + 7 * i);
  single[i] = ohm_add_noise(single[i], 2.0f, 0.5f);
}
extern "C" __global__ void read(const float *amps, const long long *layout, const double *limits,
                                const double *numbers, const float *offsets, float *out) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  ohm_read_codes(i, amps, layout, limits, limits + 1, limits + 2, limits + 3, limits + 4,
                 limits + 5, numbers, offsets, (const float *)0, out);
}
extern "C" __global__ void program(const double *weights, const ohm_wide *rows,
                                   const long long *layout, const double *numbers, double *out,
                                   bool *failed) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  ohm_program(i, weights, rows, layout, numbers, 1u, 2u, 3u, out, failed);
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler on this machine")
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "loops.cpp").write_text(LOOPS)
    library = folder / "loops.so"
    # A fused multiply-add would round once where the reference rounds twice.
    command = [compiler, "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wall", "-Werror"]
    command += [f"-I{SOURCE.parent}", str(folder / "loops.cpp"), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return ctypes.CDLL(str(library))


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def test_philox_gives_the_published_words(compiled):
    words = np.zeros((1, 4), np.uint32)
    compiled.philox_words(1, pointer(words), 0, 0)
    assert [f"{w:08x}" for w in words[0]] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


@pytest.mark.parametrize("normal", [True, False], ids=["normals", "uniforms"])
def test_draws_equal_the_reference(compiled, normal):
    random = np.random.default_rng(1)
    words = random.integers(0, 2**32, (1000, 4), dtype=np.uint64)
    key = (0xDEADBEEF, 12345)
    draw = REFERENCE.normals if normal else REFERENCE.uniforms
    expected = draw(tuple(words.T), key)
    out = np.empty((1000, 4))
    compiled.draws(1000, pointer(words.astype(np.uint32)), *key, int(normal), pointer(out))
    if normal:
        # Logarithm, root, cosine and two products, each within a few units of rounding; angles
        # up to 2 pi carry their own rounding into the cosine.
        np.testing.assert_allclose(out, expected, rtol=0, atol=6.7 * 16 * np.finfo(float).eps)
    else:
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dithered", [False, True])
def test_rounding_to_levels_equals_the_reference(compiled, dtype, dithered):
    random = np.random.default_rng(2)
    steps = 255
    high = random.uniform(0.5, 3, 4000).astype(dtype)
    low = -high * random.choice([0, 1, 0.3], 4000).astype(dtype)
    values = random.uniform(-4, 4, 4000).astype(dtype)
    # On and between levels, at the limits, and beyond all numbers.
    values[:512] = (low + (high - low) * (np.arange(4000) % 511 / 510).astype(dtype))[:512]
    values[512:516] = np.inf, -np.inf, np.nan, 0
    dither = random.uniform(0, 1, 4000).astype(dtype)
    with np.errstate(invalid="ignore"):
        expected = REFERENCE.quantize(values, low, high, steps, dither if dithered else None)
    per_step, out = (steps / (high - low)).astype(dtype), np.empty_like(values)
    arrays = [values, low, high, per_step, *([dither] if dithered else []), out]
    function = getattr(compiled, f"{'dithered' if dithered else 'quantize'}_{dtype}")
    function(4000, *map(pointer, arrays))
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("bits", "digit_bits"), [(7, 1), (8, 3), (6, 6), (5, 2)])
def test_digits_equal_the_reference(compiled, dtype, bits, digit_bits):
    values = np.linspace(-1, 1, 4 * 2**bits + 1).astype(dtype)
    expected = REFERENCE.digits(values, bits, digit_bits)
    out = np.empty(expected.shape, dtype)
    real = ctypes.c_float if dtype == "float32" else ctypes.c_double
    getattr(compiled, f"digits_{dtype}")(
        len(values), pointer(values), real(2**bits - 1), real(2**digit_bits), len(out), pointer(out)
    )
    np.testing.assert_array_equal(out, expected)


def test_the_device_compiler_takes_it(tmp_path):
    if shutil.which("nvcc") is None:
        pytest.skip("no nvcc on this machine")
    source, target = tmp_path / "all.cu", tmp_path / "all.ptx"
    source.write_text(DEVICE)
    command = ["nvcc", "-ptx", "-arch=sm_90", "-fmad=false", f"-I{SOURCE.parent}"]
    command += [str(source), "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    made = target.read_text()
    assert ".entry all" in made
    assert ".entry read" in made
    assert ".entry program" in made
