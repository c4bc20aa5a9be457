/* What one thread of a GPU does to one value, for every kernel. CuPy compiles this for the device;
   the tests compile it for the host too and compare it with the reference. Counters, keys and
   digits are those of philox.py and reference.py. */

#ifndef OHM_FUNCTION
#define OHM_FUNCTION static __device__ __forceinline__
#endif

typedef unsigned int ohm_word;
typedef unsigned long long ohm_wide;

/* Philox4x32-10 of one counter: four words, in place. */
OHM_FUNCTION void ohm_philox(ohm_word word[4], ohm_word first, ohm_word second) {
  for (int round = 0; round < 10; ++round) {
    ohm_wide even = (ohm_wide)word[0] * 0xD2511F53u;
    ohm_wide odd = (ohm_wide)word[2] * 0xCD9E8D57u;
    ohm_word low = (ohm_word)(odd >> 32) ^ word[1] ^ first;
    ohm_word high = (ohm_word)(even >> 32) ^ word[3] ^ second;
    word[0] = low;
    word[1] = (ohm_word)odd;
    word[2] = high;
    word[3] = (ohm_word)even;
    first += 0x9E3779B9u;
    second += 0xBB67AE85u;
  }
}

OHM_FUNCTION double ohm_unit_interval(ohm_word word) { return ((double)word + 0.5) * 0x1p-32; }

/* Two standard normals of two words (Box and Muller 1958). */
OHM_FUNCTION void ohm_box_muller(ohm_word first, ohm_word second, double *cosine, double *sine) {
  double radius = sqrt(-2.0 * log(ohm_unit_interval(first)));
  double angle = 6.283185307179586 * ohm_unit_interval(second);
  *cosine = radius * cos(angle);
  *sine = radius * sin(angle);
}

OHM_FUNCTION void ohm_normals(ohm_word word[4], ohm_word first, ohm_word second, double out[4]) {
  ohm_philox(word, first, second);
  ohm_box_muller(word[0], word[1], &out[0], &out[1]);
  ohm_box_muller(word[2], word[3], &out[2], &out[3]);
}

OHM_FUNCTION void ohm_uniforms(ohm_word word[4], ohm_word first, ohm_word second, double out[4]) {
  ohm_philox(word, first, second);
  for (int lane = 0; lane < 4; ++lane) out[lane] = ohm_unit_interval(word[lane]);
}

/* Clip to [low, high] and round to the nearest of equidistant levels, `per_step` to the unit. NaN
   passes. */
template <typename T>
OHM_FUNCTION T ohm_quantize(T value, T low, T high, T per_step) {
  value = value < low ? low : value > high ? high : value;
  return (T)rint((value - low) * per_step) / per_step + low;
}

/* The same, rounding up with the probability of the distance from the level below. */
template <typename T>
OHM_FUNCTION T ohm_quantize_dithered(T value, T low, T high, T per_step, T dither) {
  value = value < low ? low : value > high ? high : value;
  T position = (value - low) * per_step;
  T below = (T)floor(position);
  return (below + (T)(dither < position - below)) / per_step + low;
}

/* Signed digits of a value in [-1, 1], least significant first, `stride` values apart. */
template <typename T>
OHM_FUNCTION void ohm_digits(T value, T levels, T base, int count, long long stride, T *out) {
  T whole = (T)rint((value < 0 ? -value : value) * levels);
  T sign = (T)((value > 0) - (value < 0)) / (base - 1);
  for (int k = 0; k < count; ++k) {
    T rest = (T)floor(whole / base);
    out[k * stride] = (whole - rest * base) * sign;
    whole = rest;
  }
}
