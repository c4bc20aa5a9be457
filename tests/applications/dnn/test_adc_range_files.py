"""Files of ADC ranges: arrays of no limit, and archives that are broken."""

import numpy as np
import pytest

from applications.dnn.find_adc_range import find_adc_range
from simulator.errors import FileFormatError


def test_arrays_of_no_limit_have_the_ranges_of_all_large_arrays(tmp_path):
    ranges = np.array([[-1.0, 1.0], [-2.0, 2.0]])
    np.save(tmp_path / "adc_limits_net_balanced.npy", ranges)
    np.save(tmp_path / "adc_limits_net_balanced_144rows.npy", 2 * ranges)
    keywords = {"adc_range_option": "CALIBRATED"}
    for rows, wanted in ((None, ranges), (0, ranges), (144, 2 * ranges)):
        found = find_adc_range({**keywords, "NrowsMax": rows}, 2, folder=tmp_path)
        np.testing.assert_array_equal(found, wanted)


def test_a_broken_archive_is_no_array_of_ranges(tmp_path):
    (tmp_path / "adc_limits_net_balanced.npy").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FileFormatError, match="adc_limits_net_balanced"):
        find_adc_range({"adc_range_option": "CALIBRATED"}, 2, folder=tmp_path)
