"""What the comparison says in sentences, on the terminal and on the page."""

import dataclasses

import pytest

pytest.importorskip("sklearn", reason="the comparison needs the extra 'study'")

from applications.device_aware.results import ANALOG, AWARE, CLEAN, Comparison, Curve, Settings
from applications.device_aware.summary import findings

SETTINGS = Settings("digits", "", 2, 3, 0.3, 64, 1, 1)
CURVES = {CLEAN: Curve((2.0, 1.0), (2.1, 1.1)), AWARE: Curve((2.2, 1.2), (2.3, 1.3))}


def outcome(analog, aware):
    """A comparison over 100 pictures, of which the clean line gets 97 right."""
    correct = {CLEAN: [97], ANALOG: analog, AWARE: aware}
    return Comparison(correct, 100, CURVES, {CLEAN: 1.0, AWARE: 2.0})


def test_differences_are_taken_chip_by_chip():
    comparison = outcome([90, 92, 94], [96, 95, 97])
    assert comparison.differences(CLEAN, ANALOG) == [0.07, 0.05, 0.03]
    assert comparison.differences(ANALOG, CLEAN) == [-0.07, -0.05, -0.03]
    assert comparison.differences(AWARE, ANALOG) == [0.06, 0.03, 0.03]


# Of the digitally trained network on chips, of training with the device, and of the spread.
SENTENCES = {
    "training helps": (
        ([90, 91, 92], [95, 95, 96]),
        (
            "On 3 chips whose cells miss their conductances by 30 %, the digitally trained network"
            " gets 91.00 % of the test images right instead of 97.00 %: it loses 6.00 percentage"
            " points.",
            "it gets 95.33 %: 4.33 percentage points more, so 72 % of the loss is won back and 1.67"
            " percentage points remain.",
            "are 2.00 points apart without such training and 1.00 with it; it helps on every chip.",
        ),
    ),
    "training does harm": (
        ([90, 91, 92], [88, 88, 90]),
        (
            "it loses 6.00 percentage points.",
            "it gets 88.67 %: 2.33 percentage points fewer.",
            "it helps on no chip.",
        ),
    ),
    "training makes up for everything": (
        ([90, 91, 92], [97, 98, 98]),
        (
            "it loses 6.00",
            "6.67 percentage points more, so all that was lost is won back.",
            "every",
        ),
    ),
    "too close to tell": (
        ([96, 90, 99], [97, 91, 96]),
        ("too small a difference to be sure of.", "too small a difference", "2 of 3 chips."),
    ),
    "errors do no harm": (
        ([99, 98, 99], [99, 98, 99]),
        ("it loses nothing and gains 1.67 percentage points.", "just as many.", "no chip."),
    ),
    "nothing to lose": (
        ([97, 97], [98, 98]),
        ("instead of 97.00 %: it loses nothing.", "1.00 percentage points more.", "every chip."),
    ),
    "one chip": (
        ([90], [95]),
        ("On one chip", "5.00 percentage points more, so 71 %", "shows no spread"),
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_the_sentences_say_what_the_numbers_say(name):
    correct, words = SENTENCES[name]
    sentences = findings(outcome(*correct), SETTINGS)
    assert len(sentences) == len(words)
    for sentence, expected in zip(sentences, words):
        assert expected in sentence


def test_training_that_was_cut_short_is_mentioned():
    level, falling = (1.0,) * 8, (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.4)
    curves = {CLEAN: Curve(level, level), AWARE: Curve(level, falling)}
    comparison = dataclasses.replace(outcome([90, 92], [95, 96]), curves=curves)
    # 2.7 on average after 4.5 before.
    assert "fell by 40 % (device-aware) from" in findings(comparison, SETTINGS)[-1]
    assert len(findings(comparison, SETTINGS)) == 4
