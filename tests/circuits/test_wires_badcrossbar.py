"""Arrays with wire resistance against badcrossbar, an independent solver (Joksas, Mehonic 2020).

Optional: `pip install --no-deps badcrossbar pathvalidate sigfig`. It runs in a process of its own,
because it reconfigures logging when it is imported.
"""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from simulator.circuits import Wires, effective

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import badcrossbar
job = json.load(sys.stdin)
solution = badcrossbar.compute(
    np.array(job["volts"]), np.array(job["ohms"]),
    r_i_word_line=job["word"], r_i_bit_line=job["bit"],
)
print(json.dumps(np.atleast_2d(solution.currents.output).tolist()))
"""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("badcrossbar") is None, reason="badcrossbar is not installed"
)


@pytest.mark.parametrize(("m", "n"), [(4, 3), (12, 20), (40, 25)])
@pytest.mark.parametrize(("word", "bit"), [(1.0, 1.0), (5.0, 0.5), (0.2, 30.0)])
def test_output_currents_agree(m, n, word, bit):
    rng = np.random.default_rng(4)
    siemens, volts = rng.uniform(1e-6, 1e-4, (m, n)), rng.uniform(0, 0.3, (n, 3))
    # Its word lines are our input lines: resistances (inputs, outputs).
    job = {"volts": volts.tolist(), "ohms": (1 / siemens.T).tolist(), "word": word, "bit": bit}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, input=json.dumps(job), capture_output=True, text=True, check=True
    )
    wanted = np.array(json.loads(done.stdout.splitlines()[-1])).T
    got = effective.effective(siemens[None], Wires(word, bit))[0] @ volts
    # Its sparse solution loses what the smallest segment takes from the matrix: 1e-16 / (r G).
    assert np.abs(got - wanted).max() <= 1e-9 * np.abs(wanted).max()
