"""The nodes of the parameter tree: checked at assignment, aware of their place in the tree.

A node class declares its fields once, leaves with :func:`~simulator.schema.parameter` and
sub-nodes with :func:`~simulator.schema.child`. Values live in the instance dictionary, so that
reading one costs as much as on any object; only assignment is intercepted.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar, TypeVar

import numpy as np

from simulator.errors import ParameterError, UnknownParameterError, nearest, warn_once
from simulator.schema import Child, Spec

from . import files, pickles
from .frozen_lists import frozen_list
from .hints import hint

Node = TypeVar("Node", bound="BaseParameters")


class BaseParameters:
    """A node of the parameter tree.

    Args:
        *args: Values of its fields, in the order of declaration.
        **kwargs: Values of its fields, by name. A sub-node is given as a node, as a dictionary of
            the arguments of its class, or as None for its default.

    Raises:
        ParameterError: A value has a wrong type or lies outside of what is allowed.
        UnknownParameterError: There is no field of this name; also a KeyError.
    """

    _specs: ClassVar[dict[str, Spec]] = {}
    _children: ClassVar[dict[str, Child]] = {}
    _defaults: ClassVar[dict[str, Any]] = {}
    _mutable: ClassVar[dict[str, Spec]] = {}
    _read_only: ClassVar[frozenset[str]] = frozenset()
    _parent: BaseParameters | None = None
    _name: str = ""
    _frozen: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        declared = dict(vars(cls))
        specs, children = dict(cls._specs), dict(cls._children)
        cls._defaults = dict(cls._defaults)
        for name, value in declared.items():
            if isinstance(value, Child):
                children[name] = value
                delattr(cls, name)
            elif isinstance(value, dataclasses.Field):
                specs[name] = value.metadata["spec"]
                mutable = value.default is dataclasses.MISSING
                cls._defaults[name] = [] if mutable else value.default
                delattr(cls, name)
        cls._specs, cls._children = specs, children
        cls._mutable = {name: spec for name, spec in specs.items() if spec.mutable}
        public = {name for name in dir(cls) if not name.startswith("_")}
        cls._read_only = frozenset(public - {name for name in public if _settable(cls, name)})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = self.names()
        if len(args) > len(names):
            cls = type(self).__name__
            raise ParameterError(f"{cls}: got {len(args)} arguments; it has {len(names)} fields")
        for name, value in zip(names, args, strict=False):
            if name in kwargs:
                raise ParameterError(f"{self._where(name)}: given twice")
            kwargs[name] = value
        self._fill(kwargs)

    def _fill(self, values: Mapping[str, Any]) -> None:
        """Set all fields of a new node: `values`, and the defaults for everything else."""
        values = self._completed(dict(values))
        for name in values:
            if not (isinstance(name, str) and self._knows(name)):
                raise self._unknown(name)
        state = vars(self)
        state.update(self._defaults)
        for name in self._mutable:
            state[name] = []
        for name, value in values.items():
            if name not in self._children:
                state[name] = self._checked(name, value)
        self._fill_children({name: values.get(name) for name in self._children})

    def _fill_children(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            vars(self)[name] = self._node(name, value)

    def _completed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return constructor arguments with what follows from which of them were given."""
        return values

    def _node(self, name: str, value: Any) -> BaseParameters:
        """Return the node that `value` stands for, attached to this one as `name`."""
        declared = self._children[name]
        if isinstance(value, declared.node_class):
            node: BaseParameters = value if value._parent is None else value.copy()
            vars(node).update(_parent=self, _name=name)
            return node
        if value is None:
            value = declared.defaults
        elif not isinstance(value, Mapping):
            raise ParameterError(
                f"{self._where(name)}: got {value!r} ({type(value).__name__}); allowed is a"
                f" {declared.node_class.__name__}, a dictionary of its arguments, or None"
            )
        node = object.__new__(declared.node_class)
        vars(node).update(_parent=self, _name=name)
        node._fill(value)
        return node

    @classmethod
    def names(cls) -> list[str]:
        """Names of all declared fields: leaves in the order of declaration, then sub-nodes."""
        return [*cls._specs, *cls._children]

    def _extra_names(self) -> list[str]:
        """Names beside the declared ones that count as parameters of this node."""
        return []

    def _spec(self, name: str) -> Spec | None:
        """The spec of the leaf `name`, or None if nothing restricts it."""
        return self._specs.get(name)

    def _knows(self, name: str) -> bool:
        return name in self._specs or name in self._children

    def _where(self, name: str) -> str:
        """The full path of the field `name`, for messages."""
        return f"{self._prefix()}.{name}".lstrip(".")

    def _prefix(self) -> str:
        if self._parent is None:
            return type(self).__name__
        return f"{self._parent._prefix()}.{self._name}".lstrip(".")

    def _unknown(self, name: Any) -> UnknownParameterError:
        known = [*self.names(), *self._extra_names()]
        return UnknownParameterError(
            f"{self._where(str(name))}: no such parameter; {type(self).__name__} has"
            f" {', '.join(name.lstrip('_') for name in known)}.{hint(self, str(name))}"
        )

    def _checked(self, name: str, value: Any) -> Any:
        spec = self._spec(name)
        return value if spec is None else spec.check(self._where(name), value)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen:
            raise self._is_frozen(name)
        if name in self._children:
            self._set_child(name, value)
        elif self._knows(name):
            vars(self)[name] = self._checked(name, value)
        elif name in self._read_only:
            raise ParameterError(f"{self._where(name)}: cannot be set; it is derived or a method")
        else:
            if not name.startswith("_") and not hasattr(type(self), name):
                self._warn_unknown(name)
            object.__setattr__(self, name, value)

    def _is_frozen(self, name: str) -> ParameterError:
        return ParameterError(
            f"{self._where(name)}: these parameters belong to arrays that are built, and cannot be"
            " changed. Change a copy of them, params.copy(), and build a new core from it; of a"
            " layer, change its own params and reinitialize it"
        )

    def _freeze(self) -> None:
        """Make this node and all below refuse to be changed; a copy can be changed again."""
        state = vars(self)
        state["_frozen"] = True
        for name in self._mutable:
            state[name] = frozen_list(state[name], str(self._is_frozen(name)))
        for name in self._children:
            vars(self)[name]._freeze()

    def __delattr__(self, name: str) -> None:
        if name in self._specs or name in self._children:
            raise ParameterError(f"{self._where(name)}: cannot be deleted; assign another value")
        object.__delattr__(self, name)

    def _set_child(self, name: str, value: Any) -> None:
        old = vars(self).get(name)
        if value is not old:
            vars(self)[name] = self._node(name, value)
            if isinstance(old, BaseParameters):
                vars(old).update(_parent=None, _name="")

    def _warn_unknown(self, name: str) -> None:
        cls = type(self)
        warn_once(
            ("unknown parameter", cls, name),
            f"{self._where(name)}: {cls.__name__} has no parameter of this name; it is kept but"
            f" has no effect.{hint(self, name)}",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        methods = [known for known in dir(type(self)) if known[0] != "_"]
        said = hint(self, name) or nearest(name, methods)
        raise AttributeError(f"{self._where(name)}: there is no such parameter.{said}")

    @property
    def parent(self) -> BaseParameters | None:
        """The node that holds this one, or None."""
        return self._parent

    @property
    def parents(self) -> list[BaseParameters]:
        """The nodes above this one, the root first."""
        if self._parent is None:
            return []
        return [*self._parent.parents, self._parent]

    @property
    def root(self) -> BaseParameters:
        """The topmost node above this one; the node itself if nothing holds it."""
        return self if self._parent is None else self._parent.root

    @property
    def path(self) -> str:
        """The dotted path from the root to this node; empty for a root."""
        if self._parent is None:
            return ""
        return f"{self._parent.path}.{self._name}".lstrip(".")

    def items(self) -> list[tuple[str, Any]]:
        """Fields as (name, value): leaves, then extra ones that have been set, then sub-nodes."""
        state = vars(self)
        return [(name, state[name]) for name in (*self._specs, *self._set_extras())] + [
            (name, state[name]) for name in self._children
        ]

    def _set_extras(self) -> list[str]:
        """Names of the extra parameters that have been set on this node."""
        return []

    def as_dict(self) -> dict[str, Any]:
        """The tree as nested dictionaries that share nothing with it."""
        return {
            name: value.as_dict() if name in self._children else self._copy_value(name, value)
            for name, value in self.items()
        }

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several fields of this node and of nodes below; if one is wrong, none is set.

        Args:
            values: Values by path relative to this node, such as ``{"xbar.dac.mvm.bits": 8}``.

        Raises:
            ParameterError: A value has a wrong type or lies outside of what is allowed.
            UnknownParameterError: There is no field at such a path; also a KeyError.
        """
        found = [(*self._find(path), value) for path, value in values.items()]
        # What a field may be depends on the model of its node, which may be among the values.
        models = {id(node): value for node, name, value in found if name == "model"}
        for node, name, value in found:
            if name not in node._children:
                node._with(models.get(id(node)))._checked(name, value)
        for node, name, value in sorted(found, key=lambda item: item[1] != "model"):
            setattr(node, name, value)

    def _with(self, model: Any) -> BaseParameters:
        """This node as it would be with another model, to check values; itself for None."""
        if model is None:
            return self
        other = object.__new__(type(self))
        vars(other).update(vars(self), model=self._checked("model", model))
        return other

    def _find(self, path: str) -> tuple[BaseParameters, str]:
        node: BaseParameters = self
        *above, name = str(path).split(".")
        for step in above:
            if step not in node._children:
                raise node._unknown(step)
            node = getattr(node, step)
        if not node._knows(name):
            raise node._unknown(name)
        return node, name

    def validate(self) -> None:
        """Check every field again, and every combination of fields, of this node and below.

        Building a core does this. Single fields are also checked where they are assigned.

        Raises:
            ParameterError: A field is wrong, or fields contradict each other; the message names
                their paths.
        """
        for name, value in self.items():
            if name in self._children:
                value.validate()
            else:
                self._checked(name, value)
        self._check_combinations()

    def _check_combinations(self) -> None:
        """Raise ParameterError if fields of this node and below contradict each other."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = dict(self.items()), dict(other.items())
        return mine.keys() == theirs.keys() and all(
            _same(value, theirs[name]) for name, value in mine.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}:", *self._lines("  ")])

    def _lines(self, indent: str) -> list[str]:
        lines = []
        for name, value in self.items():
            if isinstance(value, BaseParameters):
                lines += [f"{indent}{name}:", *value._lines(indent + "  ")]
            else:
                lines.append(f"{indent}{name}: {files.in_words(value)}")
        return lines

    def __str__(self) -> str:
        return "\n".join([f"{type(self).__name__}:", *self._explained("  ")])

    def _explained(self, indent: str) -> list[str]:
        """As ``_lines``, with unit and meaning of each parameter, and those of the chosen model."""
        lines = []
        for name, value in self._described():
            if isinstance(value, BaseParameters):
                lines += [f"{indent}{name}:", *value._explained(indent + "  ")]
                continue
            spec = self._spec(name)
            told = [] if spec is None else [word for word in (spec.unit, spec.doc) if word]
            text = f"{indent}{name}: {files.in_words(value)}"
            lines.append(f"{text:<40}  # {'; '.join(told)}" if told else text)
        return lines

    def _described(self) -> list[tuple[str, Any]]:
        """What ``print`` shows of this node: fields as (name, value), sub-nodes last."""
        return self.items()

    def copy(self: Node) -> Node:
        """A copy of this node and all below, which shares nothing with it and has no parent."""
        new = type(self).__new__(type(self))
        state = vars(new)
        state.update(vars(self), _parent=None, _name="", _frozen=False)
        for name, spec in self._mutable.items():
            state[name] = spec.copy_value(state[name])
        for name in state.keys() - self._specs.keys() - self._children.keys():
            state[name] = self._copy_value(name, state[name])
        self._copy_children(new)
        return new

    def _copy_children(self, new: BaseParameters) -> None:
        for name in self._children:
            node = vars(self)[name].copy()
            vars(node).update(_parent=new, _name=name)
            vars(new)[name] = node

    def _copy_value(self, name: str, value: Any) -> Any:
        if isinstance(value, bool | int | float | str | None):
            return value
        spec = self._spec(name)
        if spec is not None:
            return spec.copy_value(value)
        return deepcopy(value)

    __copy__ = copy

    def __deepcopy__(self: Node, memo: dict[int, Any]) -> Node:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        state = {key: value for key, value in vars(self).items() if key not in _PLACE}
        # A frozen list belongs to the arrays, not to what is saved of them.
        return state | {name: spec.copy_value(state[name]) for name, spec in self._mutable.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled node, also one of another version of the tree.

        Missing fields get their defaults, obsolete ones are dropped with a warning, and unknown
        ones are kept.
        """
        state = pickles.without_obsolete(self, state)
        known = {name: value for name, value in state.items() if self._knows(name)}
        place = {key: value for key, value in vars(self).items() if key in _PLACE}
        vars(self).update(self._defaults)
        for name in self._mutable:
            vars(self)[name] = []
        for name, value in state.items():
            if name not in self._children and name not in _PLACE:
                vars(self)[name] = self._checked(name, value) if name in known else value
        for name in self._children:
            node = known.get(name)
            if isinstance(node, BaseParameters):
                vars(node).update(_parent=self, _name=name)
            else:
                node = self._node(name, node)
            vars(self)[name] = node
        vars(self).update(place)

    def _count_as_published(self) -> None:
        """Take what this node says now as set by no user; of a whole tree, see ``idle``."""

    @classmethod
    def _preset(cls, name: str) -> str | None:
        """The file of the shipped preset `name`, or None."""
        return None

    def to_json(self, path: str | os.PathLike[str], **open_kwargs: Any) -> None:
        """Write this node and all below as JSON, with choices as numbers.

        Args:
            path: Path of the file, which is overwritten.
            **open_kwargs: Further arguments of :func:`open`.
        """
        files.write_json(self, path, open_kwargs)

    def to_yaml(self, path: str | os.PathLike[str], **open_kwargs: Any) -> None:
        """Write this node and all below as YAML, with choices by name.

        Args:
            path: Path of the file, which is overwritten.
            **open_kwargs: Further arguments of :func:`open`.
        """
        files.write_yaml(self, path, open_kwargs)

    @classmethod
    def from_json(cls: type[Node], path: str | os.PathLike[str], **open_kwargs: Any) -> Node:
        """Read a node from a JSON file or a shipped preset.

        Args:
            path: Path of the file, or name of a preset (:meth:`CrossSimParameters.presets`).
            **open_kwargs: Further arguments of :func:`open`.

        Returns:
            A new node; fields that are not in the file have their defaults.

        Raises:
            FileFormatError: The file is not JSON; the message says where.
            ParameterError: A name or a value in the file is wrong.
            FileNotFoundError: There is neither such a file nor such a preset.
        """
        return files.read(cls, path, "json", open_kwargs)

    @classmethod
    def from_yaml(cls: type[Node], path: str | os.PathLike[str], **open_kwargs: Any) -> Node:
        """Read a node from a YAML file or a shipped preset.

        Args:
            path: Path of the file, or name of a preset (:meth:`CrossSimParameters.presets`).
            **open_kwargs: Further arguments of :func:`open`.

        Returns:
            A new node; fields that are not in the file have their defaults.

        Raises:
            FileFormatError: The file is not YAML; the message says where.
            ParameterError: A name or a value in the file is wrong.
            FileNotFoundError: There is neither such a file nor such a preset.
        """
        return files.read(cls, path, "yaml", open_kwargs)


# What a node knows of its place, and of who set it, which does not travel.
_PLACE = (
    "_parent", "_name", "_implicitly_initialized", "_frozen", "_assigned", "_of_course",
)  # fmt: skip


def _settable(cls: type, name: str) -> bool:
    attribute = getattr(cls, name)
    return isinstance(attribute, property) and attribute.fset is not None


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return bool(a == b)
