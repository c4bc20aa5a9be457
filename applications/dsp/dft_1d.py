"""A recording through an analog Fourier transform and back: ``--help`` lists the options."""

from __future__ import annotations

if __name__ == "__main__":  # before all that is slow to import
    from applications.common.interrupts import leave_on_interrupt
    from applications.dsp import IF_STOPPED

    leave_on_interrupt(IF_STOPPED)

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from applications.common.drawing import COLOURS, GREY
from applications.mvm_study.statistics import relative_rms_error, signal_to_noise
from simulator import CrossSimParameters

from .data import Signal, eeg, signal_file
from .hardware import with_settings
from .report import LOOK, Picture, Report, Table, dots, picture, plus_minus
from .study import Study, progress, run, several, whole
from .transforms import Pair, fitted_pair, on_chip

_SWEEPS = {"error": "programming error (%)", "adc_bits": "ADC resolution (bits)"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this study asks for beside the hardware."""
    parser.add_argument(
        "--signal", type=Path, metavar="FILE",
        help=".npy or text with a number per line, instead of the electroencephalogram",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=whole(1), default=1, metavar="HZ", help="of --signal (default: %(default)s)"
    )
    parser.add_argument(
        "--length", type=whole(8, 8192), default=400, help="samples (default: %(default)s)"
    )
    parser.add_argument(
        "--chips", type=whole(1, 1000), default=5, help="per setting (default: %(default)s)"
    )
    parser.add_argument(
        "--errors", type=several(0, 1), default=[0.003, 0.01, 0.03, 0.1], metavar="A,B,...",
        help="programming errors to compare (default: 0.003,0.01,0.03,0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--resolutions", type=several(1, 24, int), default=[4, 6, 8, 10, 12], metavar="A,B,...",
        help="bits of the ADCs to compare (default: 4,6,8,10,12)",
    )  # fmt: skip


def compute(options: argparse.Namespace, params: CrossSimParameters) -> Report:
    """Measure the given hardware, and every value of the two sweeps."""
    if options.signal is None:
        signal = eeg(options.length)
    else:
        signal = signal_file(options.signal, options.length, options.rate)
    settings: list[tuple[str, float, dict[str, Any]]] = [("", 0.0, {})]
    settings += [("error", value, {"error": value}) for value in options.errors]
    settings += [("adc_bits", value, {"adc_bits": value}) for value in options.resolutions]
    records, base = [], []
    for sweep, value, changed in progress(settings, len(settings), "setting"):
        hardware = for_signal(with_settings(params, changed), signal.samples)
        for chip in range(options.chips):
            spectrum, back = there_and_back(hardware, signal.samples, chip)
            records.append(_record(sweep, value, chip, signal.samples, spectrum, back))
            if not sweep:
                base.append((spectrum, back))
                shown = hardware[0]
    return Report(
        title="A recording through an analog Fourier transform and back",
        lead="A crossbar that holds the Fourier matrix transforms a signal in one step. Its error"
        " is much the same at every frequency, so the strong ones survive and the weak ones drown.",
        data=signal.description,
        params=shown,
        findings=_findings(signal, base, records),
        pictures=[_picture(signal, base, records)],
        tables=[_table(records)],
        records=records,
        notes=[("Intervals", "95 % over chips (Student's t)")],
    )


def for_signal(params: CrossSimParameters, samples: np.ndarray) -> Pair:
    """Return `params` fitted to the transform of `samples`, and to the inverse transform."""
    centred = samples - samples.mean()
    return fitted_pair(
        params,
        len(samples),
        lambda forward: forward.dft_1d(centred),
        lambda backward: backward.dft_1d(np.fft.fft(centred)),
    )


def there_and_back(hardware: Pair, samples: np.ndarray, chip: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectrum of `samples` and what its inverse transform gives, both from a chip.

    The mean is kept digitally: it would take most of the range that the other frequencies share.
    """
    mean, length = samples.mean(), len(samples)
    forward, backward = on_chip(hardware, length, chip)
    spectrum = forward.dft_1d(samples - mean)
    back = backward.dft_1d(spectrum).real / length + mean
    spectrum[0] += mean * length
    return spectrum, back


def _record(
    sweep: str, value: float, chip: int, samples: np.ndarray, spectrum: np.ndarray, back: np.ndarray
) -> dict[str, Any]:
    centred = samples - samples.mean()
    errors = {
        "spectrum": relative_rms_error(np.fft.fft(samples)[1:], spectrum[1:]),
        "signal": relative_rms_error(centred, back - samples.mean()),
    }
    record: dict[str, Any] = {"sweep": sweep or "base", "value": value, "chip": chip}
    for name, error in errors.items():
        record[f"{name}_relative_rms_error"] = error
        record[f"{name}_snr_db"] = signal_to_noise(error)
    return record


def _of(records: list[dict[str, Any]], sweep: str, value: float | None = None) -> list[Any]:
    return [r for r in records if r["sweep"] == sweep and value in (None, r["value"])]


def _findings(signal: Signal, base: list[Any], records: list[dict[str, Any]]) -> list[str]:
    own = _of(records, "base")
    exact = np.fft.rfft(signal.samples)
    # Without the mean, which is not measured.
    amplitude = np.abs(exact)[1:]
    error = np.sqrt(np.mean([_error(s, exact) ** 2 for s, _ in base], axis=0))[1:]
    share = float(np.mean(amplitude > error))
    return [
        f"The signal comes back with {plus_minus([r['signal_snr_db'] for r in own])} dB, after a"
        f" spectrum with {plus_minus([r['spectrum_snr_db'] for r in own])} dB.",
        f"{100 * share:.0f} % of the frequencies are stronger than the error of the transform;"
        f" it is {error.max() / np.median(error):.1f} times its median at worst.",
    ]


def _error(spectrum: np.ndarray, exact: np.ndarray) -> np.ndarray:
    return np.abs(spectrum[: len(exact)] - exact)


def _table(records: list[dict[str, Any]]) -> Table:
    rows = []
    for sweep, value in dict.fromkeys((r["sweep"], r["value"]) for r in records):
        own = _of(records, sweep, value)
        name = "as given" if sweep == "base" else _SWEEPS[sweep]
        shown = "" if sweep == "base" else f"{100 * value if sweep == 'error' else value:g}"
        cells = [plus_minus([r[f"{x}_snr_db"] for r in own]) for x in ("spectrum", "signal")]
        rows.append([name, shown, *cells, str(len(own))])
    columns = ["varied", "value", "SNR of the spectrum (dB)", "SNR of the signal (dB)", "chips"]
    return Table("Signal-to-noise ratios", columns, rows)


def _picture(signal: Signal, base: list[Any], records: list[dict[str, Any]]) -> Picture:
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(10.4, 7.4))
        (time, frequency), (errors, bits) = figure.subplots(2, 2)
        _draw_signal(time, signal, base)
        _draw_spectrum(frequency, signal, base)
        for axes, sweep in ((errors, "error"), (bits, "adc_bits")):
            own = _of(records, sweep)
            scale = 100 if sweep == "error" else 1
            for place, name in enumerate(("spectrum", "signal")):
                points = [(scale * r["value"], r[f"{name}_snr_db"]) for r in own]
                dots(axes, points, place, label=name, log=sweep == "error")
            axes.set_title(f"Fidelity by {_SWEEPS[sweep].partition(' (')[0]}")
            axes.set_xlabel(_SWEEPS[sweep])
            axes.set_ylabel("signal-to-noise ratio (dB)")
            axes.legend()
    return picture(
        "dft_1d", figure, "Signal, spectrum and signal-to-noise ratios of the analog transform",
        "Top: the signal that came back from the first chip, and the spectrum before; the band"
        " spans the errors of all chips. Below: one dot per chip, lines through their means.",
    )  # fmt: skip


def _draw_signal(axes: Axes, signal: Signal, base: list[Any]) -> None:
    seconds = np.arange(len(signal.samples)) / signal.rate
    back = base[0][1]
    axes.plot(seconds, signal.samples, color=GREY, lw=2.4, alpha=0.55, label="recorded")
    axes.plot(seconds, back, color=COLOURS[0], lw=1, label="there and back")
    axes.plot(seconds, back - signal.samples, color=COLOURS[1], lw=0.9, label="difference")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.set_title("Signal")
    axes.set_xlabel("time (s)")
    axes.set_ylabel("amplitude (units of the recording)")
    axes.legend(ncols=3, loc="upper center", columnspacing=1.2, handlelength=1.4)


def _draw_spectrum(axes: Axes, signal: Signal, base: list[Any]) -> None:
    exact = np.fft.rfft(signal.samples)
    hertz = np.arange(len(exact)) * signal.rate / len(signal.samples)
    top = np.abs(exact[1:]).max()
    errors = np.array([_error(spectrum, exact) for spectrum, _ in base])

    def decibel(values: Any) -> Any:
        return 20 * np.log10(np.maximum(values[..., 1:], 1e-12 * top) / top)

    axes.plot(hertz[1:], decibel(np.abs(exact)), color=GREY, lw=2.4, alpha=0.55, label="exact")
    first = np.abs(base[0][0][: len(exact)])
    axes.plot(hertz[1:], decibel(first), color=COLOURS[0], lw=1, label="analog")
    rms = decibel(np.sqrt((errors**2).mean(axis=0)))
    axes.fill_between(
        hertz[1:], decibel(errors.min(axis=0)), decibel(errors.max(axis=0)),
        color=COLOURS[1], alpha=0.18, lw=0,
    )  # fmt: skip
    axes.plot(hertz[1:], rms, color=COLOURS[1], lw=1, label="error (RMS over chips)")
    axes.set_ylim(max(float(rms.min()) - 25, -150), 12)
    axes.set_title("Spectrum")
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel("amplitude (dB of the largest)")
    axes.legend(ncols=3, loc="upper center", columnspacing=1.2, handlelength=1.4)


STUDY = Study(
    name="dft_1d",
    description="Send a recording through an analog Fourier transform and back: its spectrum, the"
    " error at every frequency, and how it depends on programming errors and ADCs.",
    add_options=add_options,
    settings={"input_bits": 10, "adc_bits": 10, "error": 0.01},
    compute=compute,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 0, 2 for what the user can put right, or 130 for ^C."""
    return run(STUDY, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
