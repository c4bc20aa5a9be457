"""Models in the tree: as objects, listed, printed, and told what their methods must take."""

import dataclasses
import inspect
from dataclasses import dataclass

import numpy as np
import pytest

import simulator
from simulator import AnalogCore, CrossSimParameters, ModelError, ParameterError, registry
from simulator.circuits import Circuit
from simulator.converters import ADC, DAC, QuantizerADC
from simulator.devices import Device
from simulator.parameters.model_parameters import ModelParameters
from simulator.schema import parameter

pytestmark = pytest.mark.usefixtures("own_registry")  # models defined here are forgotten

BASES = {"device": Device, "adc": ADC, "dac": DAC, "circuit": Circuit}


def model_nodes(node):
    """Every node of a tree that chooses a model."""
    for name in node._children:
        child = getattr(node, name)
        if isinstance(child, ModelParameters):
            yield child.path
        else:
            yield from model_nodes(child)


def node_at(params, path):
    for name in path.split("."):
        params = getattr(params, name)
    return params


PLACES = sorted(set(model_nodes(CrossSimParameters())))
CHOICES = [
    (path, name)
    for path in PLACES
    for name, cls in simulator.models(node_at(CrossSimParameters(), path).kind).items()
    # Those of other tests are not ours to look at.
    if cls.__module__.startswith(("simulator.devices.", "simulator.converters."))
]


TABLES = {"levels": (1e-6, 1e-4), "spread": (1e-7, 2e-7)}


def other_value(field):
    """A value that the field allows and that is not its default."""
    spec, default = field.metadata["spec"], registry.default_of(field)
    if spec.choices:
        return next(c for c in spec.choices if c != default)
    if spec.type is bool:
        return not default
    if spec.type is int:
        return default + 1
    return default * 0.5 + (spec.low or 0) * 0.5 if default else default


@pytest.mark.parametrize(("path", "name"), CHOICES)
def test_an_object_brings_its_model_and_all_its_values(path, name):
    params = CrossSimParameters()
    node = node_at(params, path)
    cls = registry.resolve(node.kind, name)
    plain = TABLES if name == "TableDevice" else {}
    try:
        model = cls(**{n: other_value(f) for n, f in registry.spec_fields(cls).items()})
    except (ParameterError, TypeError):
        model = cls(**plain)
    node.model = model
    assert node.model == name
    for field in registry.spec_fields(cls):
        assert np.array_equal(getattr(node, field), getattr(model, field))
    assert not getattr(node, "enable", False)
    # What an earlier choice set does not stay.
    again = cls(**plain)
    node.model = again
    for field in registry.spec_fields(cls):
        assert np.array_equal(getattr(node, field), getattr(again, field))


@pytest.mark.parametrize("path", PLACES)
def test_objects_in_every_way_to_set(path):
    kind = node_at(CrossSimParameters(), path).kind
    name = {"device": "NormalProportionalDevice", "adc": "QuantizerADC", "dac": "QuantizerDAC"}[
        kind
    ]
    cls = registry.resolve(kind, name)
    field, value = ("magnitude", 0.25) if kind == "device" else ("bits", 5)
    model = cls(**{field: value})
    assigned, updated = CrossSimParameters(), CrossSimParameters()
    node_at(assigned, path).model = model
    updated.update({f"{path}.model": model})
    nested = {"model": model}
    for step in reversed(path.split(".")):
        nested = {step: nested}
    built = CrossSimParameters(**nested)
    for params in (assigned, built):
        assert getattr(node_at(params, path), field) == value
        assert node_at(params, path).model == name
    assert node_at(updated, path).model == name
    assert assigned == built
    by_class = CrossSimParameters()
    node_at(by_class, path).model = cls
    assert node_at(by_class, path).model == name


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize(
    "wrong", [5, None, object(), int, {"bits": 3}, QuantizerADC(bits=3), Device]
)
def test_what_is_no_model_of_the_kind_is_refused(path, wrong):
    params = CrossSimParameters()
    node = node_at(params, path)
    if node.kind == "adc" and isinstance(wrong, QuantizerADC):
        return
    if node.kind == "device" and wrong is Device:
        return
    before = params.copy()
    with pytest.raises(
        ParameterError, match=rf"{path}\.model: got .*simulator\.models\('{node.kind}'\)"
    ):
        node.model = wrong
    assert params == before


def test_a_core_uses_the_object():
    params = CrossSimParameters()
    params.xbar.adc.mvm.model = QuantizerADC(bits=3)
    params.xbar.adc.mvm.adc_range_option = "MAX"
    by_name = CrossSimParameters()
    by_name.xbar.adc.mvm.model, by_name.xbar.adc.mvm.bits = "QuantizerADC", 3
    by_name.xbar.adc.mvm.adc_range_option = "MAX"
    x = np.linspace(-1, 1, 4)
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    assert np.array_equal(AnalogCore(matrix, params) @ x, AnalogCore(matrix, by_name) @ x)


def test_classes_of_ones_own():
    @dataclass(frozen=True)
    class _Hidden(Device):
        spread: float = parameter(1e-6, low=0, unit="S", doc="spread of cells")

        def programming_sigma(self, siemens, cell):
            return self.spread + 0 * siemens

    params = CrossSimParameters()
    error = params.xbar.device.programming_error
    error.model = _Hidden(spread=2e-6)
    assert (error.model, error.spread) == ("_Hidden", 2e-6)
    error.enable = True
    AnalogCore(np.eye(2), params)

    old = _Hidden()
    first = _Hidden

    @dataclass(frozen=True)
    class _Hidden(Device):
        def programming_sigma(self, siemens, cell):
            return 0 * siemens

    registry.register("device", _Hidden)
    for given in (old, first):
        with pytest.raises(ParameterError, match=r"_Hidden was defined again"):
            error.model = given


def test_an_object_with_a_field_that_the_tree_cannot_hold():
    @dataclass(frozen=True)
    class Tabled(Device):
        table: tuple = ()

        def programming_sigma(self, siemens, cell):
            return 0 * siemens

    with pytest.raises(
        ParameterError, match=r"Tabled\.table is no parameter.*simulator\.parameter"
    ):
        CrossSimParameters().xbar.device.programming_error.model = Tabled((1, 2))


# -- looking at the tree -----------------------------------------------------------------------


@pytest.mark.parametrize(("path", "name"), CHOICES)
def test_a_node_shows_the_parameters_of_its_model(path, name):
    params = CrossSimParameters()
    node = node_at(params, path)
    node.model = name
    printed = str(node)
    for field, declared in registry.spec_fields(registry.resolve(node.kind, name)).items():
        assert field in dir(node)
        spec = node._spec(field)
        line = next(line for line in printed.splitlines() if line.strip().startswith(f"{field}: "))
        assert spec.doc in line
        assert spec.unit in line
        assert declared.metadata["spec"].type == spec.type
    for other in set(node._extra_names()) - set(dir(node)):
        assert f" {other}: " not in printed


def leaves(node):
    for name, value in node.items():
        if name in node._children:
            yield from leaves(value)
        else:
            yield node, name, value


def test_every_parameter_is_printed_with_its_meaning():
    params = CrossSimParameters()
    printed = str(params)
    for node, name, _ in leaves(params):
        if name != "_match":
            assert f"{name}: " in printed
            assert node._spec(name).doc in printed
            assert node._spec(name).doc


@pytest.mark.parametrize("kind", registry.KINDS)
def test_models_are_listed_by_kind(kind):
    listed = simulator.models(kind)
    assert list(listed) == registry.names(kind)
    text = repr(listed)
    for name, cls in listed.items():
        assert f"{name}: {inspect.getdoc(cls).splitlines()[0]}" in text
        for field in registry.spec_fields(cls).values():
            assert field.metadata["spec"].doc in text
    assert set(listed) <= set(simulator.models())


def test_models_of_an_unknown_kind():
    with pytest.raises(ModelError, match="kinds are device, adc, dac, circuit"):
        simulator.models("amplifier")


# -- hints -------------------------------------------------------------------------------------

SLIPS = {
    "xbar.adc.bits": "xbar.adc.mvm.bits",
    "xbar.dac.signed": "xbar.dac.mvm.signed",
    "seed": "simulation.seed",
    "useGPU": "simulation.useGPU",
    "core.mapping.inputs.min": "core.mapping.inputs.mvm.min",
    "core.inputs": "core.mapping.inputs",
    "xbar.adc.Rmin": "xbar.device.Rmin",
    "core.cell_bits": "xbar.device.cell_bits",
    "xbar.device.Rp_row": "xbar.array.parasitics.Rp_row",
    "xbar.weight_bits": "core.weight_bits",
    "core.mapping.num_slices": "core.bit_sliced.num_slices",
    "xbar.device.programming_error.sigma": "magnitude",
    "xbar.device.read_noise.std": "magnitude",
    "xbar.adc.mvm.precision": "bits",
    "xbar.device.Gmax": "Rmin",
    "xbar.device.programming_error.enabled": "enable",
    "random_seed": "simulation.seed",
    "xbar.device.noise": "read_noise",
    "xbar.device.cel_bits": "cell_bits",
    "Rmim": "xbar.device.Rmin",
}


def every_parameter():
    """Each parameter, and every node where it is looked for in vain."""
    params = CrossSimParameters()
    nodes = [("", params), *((path, node_at(params, path)) for path in all_paths(params))]
    for node, name, _ in leaves(params):
        for where, other in nodes:
            if not name.startswith("_") and name != "match" and not hasattr(other, name):
                yield f"{where}.{name}".lstrip("."), f"{node.path}.{name}"


def all_paths(node):
    for name in node._children:
        child = getattr(node, name)
        yield child.path
        yield from all_paths(child)


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.filterwarnings("ignore")
def test_a_slip_is_told_where_the_parameter_is(slip):
    *above, name = slip.split(".")
    params = CrossSimParameters()
    node = node_at(params, ".".join(above)) if above else params
    wanted = f"Did you mean .*'{SLIPS[slip]}'"
    with pytest.raises(AttributeError, match=wanted):
        getattr(node, name)
    with pytest.raises(KeyError, match=wanted):
        params.update({slip: 1})
    with pytest.raises(KeyError, match=wanted):
        type(node)(**{name: 1}) if node is params else params.update({slip: 1})


def test_a_parameter_that_is_looked_for_anywhere_is_found():
    params = CrossSimParameters()
    for slip, place in every_parameter():
        *above, name = slip.split(".")
        node = node_at(params, ".".join(above)) if above else params
        with pytest.raises(AttributeError) as caught:
            getattr(node, name)
        said = str(caught.value)
        # One of the places of this name, of either direction.
        assert f".{name}'" in said or f"'{name}'" in said, (slip, place, said)


def test_setting_a_slip_warns_at_the_users_line(fresh_warnings):
    params = CrossSimParameters()
    with pytest.warns(simulator.OhmCoreWarning, match=r"'xbar\.adc\.mvm\.bits'") as caught:
        params.xbar.adc.bits = 4
    assert caught[0].filename == __file__


@pytest.fixture
def fresh_warnings(monkeypatch):
    monkeypatch.setattr("simulator.errors._warned", set())


# -- methods of one's own ----------------------------------------------------------------------


def methods():
    """Every method and property that a model may override."""
    for kind, base in BASES.items():
        for name, found in vars(base).items():
            if not name.startswith("_") and (
                inspect.isfunction(found) or isinstance(found, property)
            ):
                yield kind, name


METHODS = list(methods())


def define(kind, name, value):
    return dataclasses.make_dataclass("Mine", [], bases=(BASES[kind],), namespace={name: value},
                                      frozen=True)  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), METHODS)
def test_a_method_with_another_signature_is_told_what_it_must_take(kind, name):
    declared = vars(BASES[kind])[name]
    if isinstance(declared, property):
        with pytest.raises(ModelError, match=rf"Mine\.{name} is a method.*{BASES[kind].__name__}"):
            define(kind, name, lambda self: True)
        define(kind, name, property(lambda self: True))
        return
    wanted = list(inspect.signature(declared).parameters)

    def too_many(self, a, b, c, d, e, f, g, h, i):
        """Takes more than anything gives."""

    with pytest.raises(ModelError) as caught:
        define(kind, name, too_many)
    said = str(caught.value)
    assert f"Mine.{name}" in said
    assert "a, b, c, d, e, f, g, h, i" in said
    assert all(argument in said for argument in wanted)
    assert "Mine" not in registry.names(kind)
    if len(wanted) > 1:
        with pytest.raises(ModelError, match=rf"Mine\.{name} takes \(self\), but"):
            define(kind, name, lambda self: None)
    with pytest.raises(ModelError, match=rf"Mine\.{name} is a property, but"):
        define(kind, name, property(lambda self: None))
    define(kind, name, lambda self, *args: None)


@pytest.mark.parametrize(("kind", "arguments"), [("adc", "amps, low"), ("dac", "volts, low")])
def test_a_converter_without_a_conversion_is_refused_when_a_core_is_built(kind, arguments):
    @dataclass(frozen=True)
    class Nothing(BASES[kind]):
        """Says nothing."""

    params = CrossSimParameters()
    node = getattr(params.xbar, kind).mvm
    node.model = Nothing(bits=4)
    params.xbar.adc.mvm.adc_range_option = "MAX"
    told = rf"xbar\.{kind}\.mvm\.model: Nothing.*def convert\(self, {arguments}"
    with pytest.raises(ModelError, match=told):
        AnalogCore(np.eye(2), params)
