"""Mean and variance of lines whose cells disturb one another, compiled for four zones."""

from __future__ import annotations

from simulator.kernels.cpu.compiling import compiled

ZONES = 4


@compiled
def line_moments(start, stop, currents, squares, inputs, shift, form, sizes, mean, variance):
    """For the lines [start, stop), counted over phases, output parts, input parts and slices.

    ``currents`` (arrays, zones, lines of both sides, vectors), the sides of each slice one after
    the other; ``squares``, ``mean`` and ``variance`` (arrays, lines, vectors); ``inputs`` (phases
    and input parts, zones, vectors); ``shift`` and ``form`` (lines of all tiles and sides, ...);
    ``sizes`` the numbers of output and input parts, of slices, sides, and lines of a side.
    """
    parts, in_parts, slices, sides, lines = sizes
    vectors = currents.shape[3]
    kind = currents.dtype.type
    two, zero, w, m = kind(2), kind(0), form, shift
    for task in range(start, stop):
        rest, line = divmod(task, lines)
        array, s = divmod(rest, slices)
        rest, i = divmod(array, in_parts)
        phase, part = divmod(rest, parts)
        tile, x = part * in_parts + i, phase * in_parts + i
        to = s * lines + line
        for q in range(vectors):
            mean[array, to, q] = zero
            variance[array, to, q] = squares[array, to, q]
        for side in range(sides):
            c, sign = (s * sides + side) * lines + line, kind(1 - 2 * side)
            at = tile * slices * sides * lines + c
            m0, m1, m2, m3 = m[at, 0], m[at, 1], m[at, 2], m[at, 3]
            # The symmetric form: its diagonal, and twice what lies below.
            d0, d1, d2, d3 = w[at, 0, 0], w[at, 1, 1], w[at, 2, 2], w[at, 3, 3]
            d4, d5, d6, d7 = w[at, 4, 4], w[at, 5, 5], w[at, 6, 6], w[at, 7, 7]
            w10 = two * w[at, 1, 0]
            w20, w21 = two * w[at, 2, 0], two * w[at, 2, 1]
            w30, w31, w32 = two * w[at, 3, 0], two * w[at, 3, 1], two * w[at, 3, 2]
            w40, w41, w42 = two * w[at, 4, 0], two * w[at, 4, 1], two * w[at, 4, 2]
            w43 = two * w[at, 4, 3]
            w50, w51, w52 = two * w[at, 5, 0], two * w[at, 5, 1], two * w[at, 5, 2]
            w53, w54 = two * w[at, 5, 3], two * w[at, 5, 4]
            w60, w61, w62 = two * w[at, 6, 0], two * w[at, 6, 1], two * w[at, 6, 2]
            w63, w64, w65 = two * w[at, 6, 3], two * w[at, 6, 4], two * w[at, 6, 5]
            w70, w71, w72 = two * w[at, 7, 0], two * w[at, 7, 1], two * w[at, 7, 2]
            w73, w74, w75 = two * w[at, 7, 3], two * w[at, 7, 4], two * w[at, 7, 5]
            w76 = two * w[at, 7, 6]
            for q in range(vectors):
                a0, a1, a2, a3 = inputs[x, 0, q], inputs[x, 1, q], inputs[x, 2, q], inputs[x, 3, q]
                c0, c1 = currents[array, 0, c, q], currents[array, 1, c, q]
                c2, c3 = currents[array, 2, c, q], currents[array, 3, c, q]
                b0, b1, b2, b3 = c0 - m0 * a0, c1 - m1 * a1, c2 - m2 * a2, c3 - m3 * a3
                mean[array, to, q] += sign * (c0 + c1 + c2 + c3)
                inner = a0 * (d0 * a0)
                inner += a1 * (w10 * a0 + d1 * a1)
                inner += a2 * (w20 * a0 + w21 * a1 + d2 * a2)
                inner += a3 * (w30 * a0 + w31 * a1 + w32 * a2 + d3 * a3)
                r0 = w40 * a0 + w41 * a1 + w42 * a2 + w43 * a3
                r1 = w50 * a0 + w51 * a1 + w52 * a2 + w53 * a3
                r2 = w60 * a0 + w61 * a1 + w62 * a2 + w63 * a3
                r3 = w70 * a0 + w71 * a1 + w72 * a2 + w73 * a3
                inner += b0 * (r0 + d4 * b0)
                inner += b1 * (r1 + w54 * b0 + d5 * b1)
                inner += b2 * (r2 + w64 * b0 + w65 * b1 + d6 * b2)
                inner += b3 * (r3 + w74 * b0 + w75 * b1 + w76 * b2 + d7 * b3)
                variance[array, to, q] += inner
        for q in range(vectors):
            variance[array, to, q] = max(variance[array, to, q], zero)
