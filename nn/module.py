"""Module: what has parameters, a training mode and a forward computation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from reprlib import recursive_repr
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import WeakValueDictionary

from autograd_lite import Tensor
from autograd_lite.arguments import FLAG, FLOATING, require
from autograd_lite.errors import UnsupportedError, describe_one, own_cause
from autograd_lite.foreign import beside, is_on_card, on_host
from autograd_lite.interruption import whole
from autograd_lite.modes import modes
from autograd_lite.names import by_name, explains_keywords, tell_of, told_of_own_call
from autograd_lite.node import begun, plain
from autograd_lite.trees import leaves_of
from nn.calls import NAME, ForwardHook, HookHandle, Hooks, watching_calls
from nn.configuration import opened, shown, text_of
from nn.members import (
    Members,
    Parameter,
    fitting_arrays,
    require_assignable,
    same_name,
    without_record,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_lite.typing import Array, Forward, Parameters, Result_co
_watch = watching_calls.get  # bound once, which takes a third of the time
named_by: WeakValueDictionary[int, Module] = WeakValueDictionary()
"""By id of a parameter the module that gave it its name; a tensor is no key, as == compares."""


class Module(Members):
    """Base of layers and models: subclasses assign parameters and modules, and define `forward`.

    Attributes that are parameters or modules, or that hold them in lists, tuples and dicts at any
    depth, are found automatically, in the order of assignment. Parameters are named after their
    attributes, the keys of dicts and the positions in lists. The same holds for buffers, which are
    saved with the parameters but not learned. A tensor that `forward` computed may be kept as an
    attribute, and is not part of the model. Subclasses need not call `__init__`. Numbers that a
    subclass is given may be fields with a range, see `nn/declared.py`.

    Raises:
        ArgumentError: several have the same name, as under the keys 0 and "0".
        UnsupportedError: a tensor that requires grad is not a parameter; something else is assigned
            in place of a parameter or a buffer; parameters or modules are attributes of a class, or
            in a container that is not searched, such as a set; or an attribute has the name of a
            method.

    >>> import numpy as np
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> model = Scale()
    >>> model(np.array([1.0, 3.0])).data
    array([2., 6.])
    >>> dict(model.named_parameters())
    {'factor': Tensor([2.], name='factor', requires_grad=True)}
    """

    _forward_hooks: ClassVar[Hooks | None] = None

    def __init_subclass__(cls, *, init: bool = True) -> None:
        super().__init_subclass__(init=init)
        for name, value in vars(cls).items():
            _require_no_method(cls, name, value)
            _require_nothing_learned(cls, name, value)

    @property
    def training(self) -> bool:
        """Whether layers that differ between training and use, such as Dropout, are training.

        It is False in `nn.predict`, and while `nn.fit` measures, unless it is set there.
        """
        given = modes.get()
        return vars(self).get("training", True) if given is None else given.get(self, False)

    @training.setter
    def training(self, mode: bool) -> None:
        given = modes.get()
        if given is None:
            vars(self)["training"] = mode
        else:
            given[self] = mode

    def __setattr__(self, name: str, value: Any) -> None:
        _require_no_method(type(self), name, value)
        _require_meant_here(type(self), name, value)
        before = vars(self).get(name)
        require_assignable(type(self).__name__, name, before, value)
        object.__setattr__(self, name, value)
        if any(isinstance(item, Module | Parameter) for _, item in opened([("", before)])):
            self._name(self.named_parameters())
        elif not isinstance(value, bool | int | float | str):
            self._name_new(name, value)

    def _name_new(self, attribute: str, value: Any) -> None:
        """Name the parameters in a new attribute; all, where one is in another attribute, too."""
        found: dict[str, Any] = {}
        named: list[tuple[str, Parameter]] = []
        for own, item in self._opened([(attribute, value)]):
            if isinstance(item, Module | Parameter) and found.setdefault(own, item) is not item:
                raise same_name(self, own, item)
            if isinstance(item, Module):
                named += [(f"{own}.{path}", each) for path, each in item.named_parameters()]
            elif isinstance(item, Parameter):
                named.append((own, item))
        shared = len({id(each) for _, each in named}) < len(named)
        if shared or any(named_by.get(id(each)) is self for _, each in named):
            self._name(self.named_parameters())
        else:
            self._name(named)

    def _name(self, named: Iterable[tuple[str, Parameter]]) -> None:
        for name, parameter in named:
            parameter.name = name
            named_by[id(parameter)] = self

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What a call computes, from any arguments: tensors, or tuples or dicts of them."""
        own = type(self).__name__
        raise NotImplementedError(
            f"{own}(...): it has no method forward. Write def forward(self, x): in the class {own}"
        )

    def _called(self, *inputs: Any, **named: Any) -> Any:
        """Compute `forward`."""
        number = next(begun)
        try:
            result = self.forward(*inputs, **named) if named else self.forward(*inputs)
        except TypeError as error:
            told = told_of_own_call(type(self).forward, (self, *inputs), error)
            if told is None:
                raise
            raise told from None
        except ValueError as error:
            raise own_cause(error)  # noqa: B904 - it is that error, or its cause
        if self._forward_hooks is not None:
            result = self._forward_hooks.applied(self, inputs, result)
        given = (*inputs, *named.values()) if named else inputs
        for tensor in (result,) if type(result) is Tensor else _tensors_in(result):
            if tensor.operation is not None:
                before = tensor.scope
                if before is None or before[1] is None or before[2] > number:  # not from earlier
                    tensor.scope = self, given, number, before
        if (watch := _watch()) is not None:
            watch(self, result)
        return result

    if TYPE_CHECKING:  # a call takes and returns what the `forward` of its own class does

        def __call__(  # noqa: D102 - it has that of what it is at run time
            self: Forward[Parameters, Result_co],
            *inputs: Parameters.args,
            **named: Parameters.kwargs,
        ) -> Result_co: ...

    else:
        __call__ = _called

    @explains_keywords
    def register_forward_hook(self, hook: ForwardHook) -> HookHandle:
        """Call a function with what this module computes, until it is removed.

        Each call of the module calls `hook(module, inputs, output)`, with the tuple of its
        positional arguments; if the hook returns something other than None, that replaces the
        output. This includes evaluation, and the check that `nn.fit` makes before training:
        `module.training` tells. Meanwhile training steps are not compiled. Copies and files of the
        module contain no hooks.

        Returns:
            A handle whose `remove()` removes the hook, as does the end of a `with`.

        Raises:
            UnsupportedError: the hook is not a function of these three.

        >>> import numpy as np
        >>> from nn import Dense
        >>> layer, seen = Dense(2, 3, rng=0), []
        >>> with layer.register_forward_hook(lambda module, inputs, output: seen.append(output)):
        ...     y = layer(np.ones((1, 2)))
        >>> seen[0] is y
        True
        """
        return HookHandle(self, hook)

    def __getstate__(self) -> dict[str, Any]:
        # What forward kept is copied and pickled without what it was computed from.
        kept = [item for item in vars(self).items() if item[0] != NAME]
        return {name: without_record(value) for name, value in kept}

    def extra_repr(self) -> str:
        """The arguments shown when this module is printed: by default, its configuration.

        These are the arguments of its constructor that it keeps as attributes of the same names and
        that differ from the default.
        """
        return shown(self)

    def _text_is_of(self) -> Module:
        """Of which the text is: within `functional_call` the module that this one stands for."""
        return self

    @recursive_repr()
    def __repr__(self) -> str:
        return text_of(self._text_is_of())

    @explains_keywords
    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        is_own = type(self).parameters is not Members.parameters
        for parameter in self.parameters() if is_own else self._unnamed_parameters():
            parameter._grad = None  # in less time than `.grad`

    @explains_keywords
    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training, or away from it.

        Raises:
            ArgumentError: the mode is neither True nor False.
        """
        require(self, "mode", mode, FLAG)
        modules = [module for _, module in self.named_modules()]
        with whole():
            for module in modules:
                module.training = mode
        return self

    @explains_keywords
    def eval(self) -> Self:
        """Switch this module and all inside it from training to use."""
        return self.train(False)

    @explains_keywords
    def astype(self, dtype: DTypeLike) -> Self:
        """Convert all parameters and buffers to another floating dtype, and forget gradients.

        Raises:
            ArgumentError: it is not a floating dtype.
        """
        require(self, "dtype", dtype, FLOATING)
        tensors = self._state().values()
        with whole():
            for tensor in tensors:
                tensor.data = tensor.data.astype(dtype)
                tensor.zero_grad()
        return self

    def _state(self) -> dict[str, Tensor]:
        """Parameters, then buffers, by name."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    @explains_keywords
    def state_dict(self) -> dict[str, Array]:
        """Copies of the arrays of all parameters and buffers, by name."""
        return {name: plain(tensor).copy() for name, tensor in self._state().items()}

    @explains_keywords
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters and buffers of the same names.

        Raises:
            ArgumentError: names are missing or unknown, or a shape differs; nothing is loaded.

        >>> import numpy as np
        >>> model = Module()
        >>> model.bias = Parameter([0.0, 0.0])
        >>> model.load_state_dict({"bias": np.array([1.0, 2.0])})
        >>> model.bias.data
        array([1., 2.])
        """
        own = self._state()
        arrays = fitting_arrays(self, own, state)
        with whole():
            for name, tensor in own.items():
                array = arrays[name].astype(tensor.dtype)
                tensor.data = beside(array, tensor) if is_on_card(tensor) else on_host(array)


def _tensors_in(result: Any) -> list[Tensor]:
    return [leaf for leaf in leaves_of(result) if isinstance(leaf, Tensor)]


SWITCHES = {
    **dict.fromkeys(
        ("requires_grad", "trainable"),
        "for parameter in model.parameters(): parameter.requires_grad = False",
    ),
    "stop_training": 'training.stop_reason = "good enough", in a hook of a callback',
}
"""Attributes that freeze or stop models of other libraries, and what to write here."""
HERE = {
    "layer.weight": "W kernel",
    "layer.bias": "b",
    "model.children(), which gives names, too": "named_children",
    "model.parameters()": "trainable_variables trainable_weights weights",
    "self.name = module, in __init__; of an nn.Sequential model.append(layer)": "add_module",
    "model = nn.load(path)": "load",
    "model.append(layer), of an nn.Sequential": "add",
    "for name, module in model.named_modules(): ...": "apply",
    "dict(model.named_buffers()).values()": "buffers",
    "nn.fit(model, X, y, loss=..., optimizer=..., epochs=...)": "compile fit",
    "sum(p.size for p in model.parameters())": "count_params num_parameters",
    "tensor.data = cupy.asnumpy(tensor.data) for each parameter and buffer": "cpu",
    "tensor.data = cupy.asarray(tensor.data) for each parameter and buffer": "cuda",
    "model.astype(np.float64)": "double",
    "loss(model(X), y), or nn.accuracy(nn.predict(model, X), y)": "evaluate",
    "model.astype(np.float32)": "float",
    "model.state_dict()": "get_weights",
    "model.astype(np.float16)": "half",
    "nn.load(path, model)": "load_weights",
    "[module for _, module in model.named_modules()]": "modules",
    "nn.predict(model, X)": "predict",
    "self.name = nn.Buffer(array)": "register_buffer",
    "self.name = nn.Parameter(array)": "register_parameter",
    "parameter.requires_grad = False for each of model.parameters()": "requires_grad_",
    "nn.save(model, path)": "save save_weights",
    "model.load_state_dict(state)": "set_weights",
    "print(nn.summary(model, X))": "summary",
    "model.astype(dtype); to a graphics card goes the data of each tensor, by cupy.asarray": "to",
}
"""What is written here, and attributes of other libraries' models that mean it."""
ATTRIBUTES = by_name(HERE) | SWITCHES
"""Attributes of other libraries' models, and what to write for each."""
tell_of(Module, ATTRIBUTES, "a model")


METHODS = frozenset(
    name
    for kind in (Module, Members)
    for name, value in vars(kind).items()
    if isinstance(value, FunctionType)
)
"""What a module is used through, which no attribute may hide."""


def _require_no_method(kind: type[Module], name: str, value: Any) -> None:
    """Raise if an attribute would take the place of a method of all modules."""
    if name in METHODS and (isinstance(value, Module) or not callable(value)):
        raise UnsupportedError(
            f"{kind.__name__}.{name} = {describe_one(value)}",
            f"it would hide the method {name} of modules",
            "Choose another name for the attribute",
        )


def _require_meant_here(kind: type[Module], name: str, value: Any) -> None:
    """Raise if an attribute would be taken for another library's switch, which nothing reads."""
    if name in SWITCHES and not hasattr(kind, name):
        raise UnsupportedError(
            f"{kind.__name__}.{name} = {describe_one(value)}",
            "a model has no such attribute, and nothing would read it",
            f"Write {SWITCHES[name]}",
        )


def _require_nothing_learned(kind: type[Module], name: str, value: Any) -> None:
    """Raise if an attribute of a class has what instances would learn."""
    if name == "__slots__" and value:
        reason = "what is in slots would not be among the parameters"
        raise UnsupportedError(f"class {kind.__name__} with __slots__", reason, "Leave them out")
    for _, item in opened([(name, value)]):
        learned = isinstance(item, Tensor) and item.requires_grad
        if learned or (isinstance(item, Module) and item._state()):
            raise UnsupportedError(
                f"class {kind.__name__} with {name} = {type(item).__name__}(...)",
                "all instances would share it, and it would not be among the parameters",
                f"Write self.{name} = ... in __init__",
            )


def require_model(model: Any, attempted: str) -> None:
    """Raise an UnsupportedError unless it is a module, and no class of them."""
    if not isinstance(model, Module):
        remedy = "Give an nn.Module, such as nn.Sequential(nn.Dense(2, 1))"
        if isinstance(model, type):
            remedy = f"Give an instance: {model.__name__}(...)"
        raise UnsupportedError(f"{attempted} {describe_one(model)}", "it is no module", remedy)
