"""What a declared parameter accepts, and how models are found by name."""

import dataclasses
import math
import warnings
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import errors, registry
from simulator.errors import ModelError, ParameterError, nearest, warn_once
from simulator.schema import Spec, check_fields, parameter


class Colour(IntEnum):
    RED = 1
    BLUE = 3


class Fruit(IntEnum):
    APPLE = 1
    BLUE = 3


SPECS = [
    Spec(float),
    Spec(float, low=0, low_open=True, unit="ohm"),
    Spec(float, low=0, low_open=True, high=math.inf),
    Spec(float, low=-1, high=1, high_open=True, optional=True),
    Spec(int, low=0, high=24),
    Spec(int, optional=True),
    Spec(bool),
    Spec(str),
    Spec(str, choices=("top", "bottom")),
    Spec(Colour),
    Spec("array"),
    Spec(list[int], low=1),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_invalid_examples_are_rejected_with_path_value_and_allowed(spec):
    examples = spec.invalid_examples()
    assert len(examples) > 5
    for wrong in examples:
        with pytest.raises(ParameterError) as caught:
            spec.check("a.b", wrong)
        message = str(caught.value)
        assert message.startswith("a.b: got ")
        assert repr(wrong) in message
        assert spec.allowed in message


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_interval_bounds_decide(value):
    spec = Spec(float, low=-1, high=1, high_open=True)
    if -1 <= value < 1:
        assert spec.check("x", value) == value
    else:
        with pytest.raises(ParameterError, match=r"\[-1, 1\)"):
            spec.check("x", value)


def test_infinity_is_allowed_only_where_it_is_a_bound():
    assert Spec(float, high=math.inf).check("x", math.inf) == math.inf
    for spec in (Spec(float), Spec(float, low=0), Spec(float, low=0, high=math.inf)):
        with pytest.raises(ParameterError):
            spec.check("x", -math.inf)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (float, 3, 3.0),
        (float, np.float32(0.5), 0.5),
        (float, np.int8(4), 4.0),
        (float, np.array(2.5), 2.5),
        (int, 8.0, 8),
        (int, np.uint16(8), 8),
        (int, np.float64(8), 8),
        (bool, np.True_, True),
        (bool, 0, False),
        (str, np.str_("a"), "a"),
        (Colour, "BLUE", Colour.BLUE),
        (Colour, 3, Colour.BLUE),
        (Colour, np.int64(3), Colour.BLUE),
        (Colour, Fruit.BLUE, Colour.BLUE),
        (list[int], np.array([3, 4]), [3, 4]),
        (list[int], (3.0,), [3]),
        ("array", (-1, np.float32(1)), [-1.0, 1.0]),
        ("array", [[-1, 1], [-2, 2]], [[-1.0, 1.0], [-2.0, 2.0]]),
        ("array", None, []),
        ("array", (), []),
    ],
)
def test_values_become_the_declared_type(kind, value, expected):
    got = Spec(kind).check("x", value)
    assert got == expected
    assert type(got) is type(expected)


def test_a_member_of_another_enum_must_mean_the_same():
    with pytest.raises(ParameterError, match=r"RED \(1\)"):
        Spec(Colour).check("x", Fruit.APPLE)


def test_ranges_given_as_arrays_stay_arrays_of_their_own():
    given_range = np.array([[-1, 1], [-2, 2]], dtype=np.float32)
    got = Spec("array").check("x", given_range)
    given_range[0, 0] = 9
    assert got.dtype == np.float64
    assert got.tolist() == [[-1, 1], [-2, 2]]
    assert not got.flags.writeable


def test_wrong_choices_name_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean 'BLUE'"):
        Spec(Colour).check("x", "blue")
    with pytest.raises(ParameterError, match="Did you mean 'bottom'"):
        Spec(str, choices=("top", "bottom")).check("x", "botom")


def test_nearest_is_empty_when_nothing_is_close():
    assert nearest("cel_bits", ["cell_bits", "Rmin"]) == " Did you mean 'cell_bits'?"
    assert nearest("zzz", ["cell_bits", "Rmin"]) == ""


def test_a_declaration_must_allow_its_default():
    with pytest.raises(ParameterError, match="default"):
        parameter(-1, low=0)


def test_fields_of_a_model_are_checked_and_mutable_defaults_not_shared():
    @dataclasses.dataclass(frozen=True)
    class Model:
        gain: float = parameter(1, low=0)
        limits: list = parameter([0, 1], type="array")

        def __post_init__(self):
            check_fields(self)

    assert isinstance(Model(gain=2).gain, float)
    assert Model().limits is not Model().limits
    with pytest.raises(ParameterError, match=r"Model\.gain"):
        Model(gain=-1)


@pytest.fixture
def empty_registry(monkeypatch):
    monkeypatch.setattr(registry, "_models", {kind: {} for kind in registry.KINDS})


@pytest.mark.usefixtures("empty_registry")
def test_the_later_class_of_a_name_wins_and_fields_are_read_when_asked_for():
    class First:
        gain: float = parameter(1.0)
        plain: float = 2.0

    registry.register("adc", First)
    assert registry.fields("adc") == {}
    decorated = dataclasses.dataclass(First)
    assert set(registry.fields("adc")) == {"gain"}
    assert registry.resolve("adc", "First") is decorated

    second = type("First", (), {})
    registry.register("adc", second)
    assert registry.resolve("adc", "First") is second
    assert registry.names("adc") == ["First"]


@pytest.mark.usefixtures("empty_registry")
def test_an_unknown_model_is_named_with_what_exists():
    registry.register("device", type("NormalDevice", (), {}))
    with pytest.raises(ModelError, match=r"'NormlDevice'.*: NormalDevice\. Did you mean"):
        registry.resolve("device", "NormlDevice")
    with pytest.raises(ModelError, match="existing adc models: none"):
        registry.resolve("adc", "FlashADC")
    with pytest.raises(ModelError, match="kinds are"):
        registry.names("converter")


def test_warn_once_warns_once(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())
    with pytest.warns(errors.OhmCoreWarning, match="message") as caught:
        warn_once("key", "message", stacklevel=1)
    assert caught[0].filename == __file__
    with pytest.warns(errors.OhmCoreWarning, match="other"):
        warn_once("other key", "other", stacklevel=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_once("key", "message")


def test_errors_are_caught_as_the_builtin_that_fits():
    assert issubclass(errors.UnknownParameterError, KeyError)
    assert str(errors.UnknownParameterError("a 'b'")) == "a 'b'"
    for cls in (ParameterError, errors.ShapeError, errors.InputError, errors.FileFormatError):
        assert issubclass(cls, ValueError)
        assert issubclass(cls, errors.OhmCoreError)
    assert issubclass(errors.NotSupportedError, NotImplementedError)


@pytest.mark.usefixtures("empty_registry")
def test_a_check_refuses_a_model_before_it_is_registered(monkeypatch):
    monkeypatch.setattr(registry, "_checks", {kind: [] for kind in registry.KINDS})

    def refuse(cls):
        if cls.__name__ == "Second":
            raise errors.ModelError("Second: not here")

    registry.check_definitions("adc", refuse)
    registry.defined("adc", type("First", (), {}))
    registry.defined("adc", type("Base", (), {}), selectable=False)
    registry.defined("dac", type("Second", (), {}))
    with pytest.raises(errors.ModelError, match="not here"):
        registry.defined("adc", type("Second", (), {}))
    assert registry.names("adc") == ["First"]
    with pytest.raises(errors.ModelError, match="kinds are"):
        registry.check_definitions("display", refuse)
