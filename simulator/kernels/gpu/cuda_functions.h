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

/* Mean plus a normal times the standard deviation. */
template <typename T>
OHM_FUNCTION T ohm_add_noise(T mean, T variance, T normal) {
  return mean + (T)sqrt(variance) * normal;
}

/* Sum over phases and sides of what converters make of the currents of one line. `strides` are
   those of phase and side; `counts` of phases and sides. */
template <typename A, typename T>
OHM_FUNCTION T ohm_line_sum(const A *amps, const long long strides[2], const long long counts[2],
                            T low, T high, T per_step, const T *weights, T unit) {
  T difference = 0;
  for (long long side = 0; side < counts[1]; ++side) {
    T sum = 0;
    for (long long phase = 0; phase < counts[0]; ++phase) {
      T amp = (T)amps[phase * strides[0] + side * strides[1]];
      sum += ohm_quantize(amp, low, high, per_step) * weights[phase];
    }
    sum *= unit;
    difference = side ? difference - sum : sum;
  }
  return difference;
}

/* One result: conversion of all currents of one output and vector, and the sums that follow, in the
   order of reading.py. Tasks run over (output part, output, batch, vector), the vector fastest.
   `layout` holds sizes (phases, input parts, slices, sides, outputs, batch, vectors, unit columns),
   strides of the currents (phase, output part, input part, slice, side, line, batch) and of the
   results (output part, output, batch), in elements; vectors are neighbours. `numbers` are the unit
   of the phases, and width, full, span, back and scale of the slices; `offsets` what is taken off
   for each unit of the totals, which may be null, from every slice and from their sum. */
template <typename A, typename T, typename R>
OHM_FUNCTION void ohm_read_codes(long long task, const A *amps, const long long *layout,
                                 const T *low, const T *high, const T *per_step, const T *weights,
                                 const T *gains, const T *slice_weights, const T *numbers,
                                 const R *offsets, const R *totals, R *out) {
  const long long inputs = layout[1], slices = layout[2], outputs = layout[4], batch = layout[5];
  const long long vectors = layout[6], unit = layout[7];
  const long long *strides = layout + 8, *places = layout + 15;
  const long long counts[2] = {layout[0], layout[3]}, steps[2] = {strides[0], strides[4]};
  const long long vector = task % vectors, entry = task / vectors % batch;
  const long long output = task / vectors / batch % outputs;
  const long long part = task / vectors / batch / outputs;
  const A *first = amps + part * strides[1] + entry * strides[6] + vector;
  const R total = totals ? totals[entry * vectors + vector] : 0;
  T sum = 0;
  for (long long s = 0; s < slices; ++s) {
    T tiles = 0;
    for (long long i = 0; i < inputs; ++i) {
      const long long at = i * slices + s;
      const A *lines = first + i * strides[2] + s * strides[3];
      T code = ohm_line_sum(lines + (output + unit) * strides[5], steps, counts, low[at], high[at],
                            per_step[at], weights, numbers[0]);
      if (unit)
        code -= ohm_line_sum(lines, steps, counts, low[at], high[at], per_step[at], weights,
                             numbers[0]);
      tiles += code * gains[part * inputs + i];
    }
    if (totals) tiles -= (T)(offsets[0] * total);
    sum += tiles / numbers[1] * slice_weights[s];
  }
  sum *= numbers[2];
  if (totals) sum -= (T)(offsets[1] * total);
  sum = sum / numbers[3] * numbers[4] * numbers[5];
  out[part * places[0] + output * places[1] + entry * places[2] + vector] = (R)sum;
}

/* Sides and spreads of programming.py. */
enum { OHM_ONE_SIDED = 1, OHM_TWO_SIDED = 2, OHM_OFFSET = 3 };
enum { OHM_NO_ERROR = 0, OHM_CONSTANT = 1, OHM_INVERSE = 3 };

/* Cells of four neighbouring weights of one row, which share a counter: digits, sides, levels,
   error and limits in the order of programming.py. Tasks run over (row, counter), the counter
   fastest. `layout` holds rows, columns, counters of a row, number of the first counter, lanes to
   skip in it, slices and sides of the cells, style of the sides, steps of the levels, slices of an
   integer weight (0 for a whole one), 1 for signed slices, and what the error is proportional to.
   `numbers` hold low, high and limit of the weights, lowest, span, steps, base, shift, magnitude,
   full scale and its square, and the limits of a cell. A cell that is no number sets `failed`. */
OHM_FUNCTION void ohm_program(long long task, const double *weights, const ohm_wide *row_names,
                              const long long *layout, const double *numbers, ohm_word event,
                              ohm_word first_key, ohm_word second_key, double *out, bool *failed) {
  const long long rows = layout[0], columns = layout[1], row = task / layout[2];
  const long long counter = task % layout[2], at = 4 * counter - layout[4];
  const long long slices = layout[5], sides = layout[6], style = layout[7], spread = layout[11];
  const bool whole = layout[9] == 0, is_signed = layout[10] != 0;
  const double lowest = numbers[3], width = 1 - lowest, base = numbers[6], full = numbers[9];
  const double level_steps = (double)layout[8], per_width = level_steps / width;
  double rest[4], gain[4], value[4];
  for (int lane = 0; lane < 4; ++lane) {
    if (at + lane < 0 || at + lane >= columns) continue;
    double w = weights[row * columns + at + lane];
    w = (w < numbers[0] ? numbers[0] : w > numbers[1] ? numbers[1] : w) / numbers[2];
    double integer = rint(w * numbers[5]);
    double sign = is_signed ? (double)((integer > 0) - (integer < 0)) : 1.0;
    gain[lane] = sign / (base - 1);
    rest[lane] = is_signed ? fabs(integer) : integer + numbers[7];
    value[lane] = w;
  }
  for (long long s = 0; s < slices; ++s) {
    for (int lane = 0; lane < 4 && !whole; ++lane) {
      double next = s == slices - 1 ? 0.0 : floor(rest[lane] / base);
      value[lane] = (rest[lane] - next * base) * gain[lane];
      rest[lane] = next;
    }
    for (long long side = 0; side < sides; ++side) {
      double normal[4];
      ohm_word word[4] = {(ohm_word)(layout[3] + counter), (ohm_word)row_names[row], event,
                          (ohm_word)(s * sides + side)};
      if (spread != OHM_NO_ERROR) ohm_normals(word, first_key, second_key, normal);
      for (int lane = 0; lane < 4; ++lane) {
        if (at + lane < 0 || at + lane >= columns) continue;
        double v = side ? -value[lane] : value[lane], cell;
        if (style == OHM_OFFSET) {
          const double used = width * numbers[4];
          cell = used * (v / 2 + 0.5) + (1 - used);
        } else {
          if (style == OHM_TWO_SIDED) v = (1 + v) / 2;
          if (style == OHM_ONE_SIDED && v < 0) v = 0;
          cell = width * v + lowest;
        }
        if (layout[8]) cell = rint((cell - lowest) * per_width) / level_steps * width + lowest;
        if (spread != OHM_NO_ERROR) {
          double siemens = cell * full, of = spread == OHM_CONSTANT ? full : siemens;
          if (spread == OHM_INVERSE) of = siemens > 0 ? numbers[10] / siemens : 0.0;
          siemens += numbers[8] * of * normal[lane];
          if (!(siemens - siemens == 0)) *failed = true;
          siemens = siemens < numbers[11] ? numbers[11] : siemens;
          cell = (siemens > numbers[12] ? numbers[12] : siemens) / full;
          if (!(cell - cell == 0)) *failed = true;
        }
        out[((s * sides + side) * rows + row) * columns + at + lane] = cell;
      }
    }
  }
}
