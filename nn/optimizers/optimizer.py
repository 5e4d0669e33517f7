"""What optimizers share: parameter groups, penalties on large weights, steps and their state.

Parameters of one group and dtype lie in one buffer, so that a step takes a handful of NumPy calls
however many layers there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import NOT_NEGATIVE, WHOLE, Range, as_array, require
from autograd_lite.errors import ArgumentError, UnsupportedError, describe_one
from autograd_lite.read_only import writable
from nn.module import Parameter
from nn.optimizers.flat import Run

MOST_STEPS = 2**53
"""Up to here a float counts every one."""


class Optimizer:
    """Base of optimizers: a subclass says how it updates a flat array.

    `groups` lists dicts with the "parameters" and hyper-parameters of each group. Learning rates
    and the three strengths below may be changed there between steps, of which the next one checks
    them; what shapes the state, such as momentum and betas, stays as it was made.

    Three ways to keep weights small, all off by default, and each the caller's to scale:

    - l2: adds l2 θ to the gradient, which is that of l2/2 Σθ². A cost that ends in λ/(2m) ΣW²,
      over m samples, is l2 = λ/m, in a group that holds the weights and not the biases.
    - l1: adds l1 sign(θ) to the gradient, which is that of l1 Σ|θ|.
    - weight_decay: multiplies θ by 1 - learning_rate weight_decay before the step, past the
      gradient, its momentum and its scaling (Loshchilov and Hutter, "Decoupled weight decay
      regularization", 2019).

    The arrays of parameters move into buffers of the optimizer's: an array that was taken from
    `parameter.data` before is no longer the parameter's.

    Args:
        parameters: leaf tensors, such as `model.parameters()`, or groups: dicts of "parameters"
            and the hyper-parameters that differ in this group. Tensors without a gradient, such
            as frozen ones, are left alone.
        learning_rate: factor of the step, 0 or more.
        l1: strength of the penalty on absolute values.
        l2: strength of the penalty on squares.
        weight_decay: strength of the decoupled decay.
        own: hyper-parameters of the subclass; its `ranges` say what they may be.

    Raises:
        ArgumentError: there are no parameters, one is in two groups, or a hyper-parameter is
            unknown or out of its range.
        UnsupportedError: a parameter is no leaf tensor of floats.

    >>> class SignDescent(Optimizer):
    ...     def update(self, options, step, scratch, values, gradient):
    ...         values -= options["learning_rate"] * np.sign(gradient)
    >>> weight, bias = Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True)
    >>> groups = [{"parameters": [weight], "l2": 0.1}, {"parameters": [bias], "learning_rate": 0.5}]
    >>> optimizer = SignDescent(groups, learning_rate=0.25)
    >>> (3 * weight - bias).sum().backward()
    >>> optimizer.step()
    >>> weight.data, bias.data
    (array([0.75]), array([2.5]))
    """

    ranges: ClassVar[dict[str, Range]] = {
        "learning_rate": NOT_NEGATIVE,
        "l1": NOT_NEGATIVE,
        "l2": NOT_NEGATIVE,
        "weight_decay": NOT_NEGATIVE,
    }
    """What each hyper-parameter may be."""

    state_names: ClassVar[tuple[str, ...]] = ()
    """The arrays of the parameters' size that `update` keeps."""

    def __init__(
        self,
        parameters: Iterable[Any],
        learning_rate: float,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        **own: Any,
    ) -> None:
        defaults = {"learning_rate": learning_rate, "l1": l1, "l2": l2}
        defaults |= {"weight_decay": weight_decay, **own}
        self.groups = self._make_groups(parameters, self._checked(defaults))
        self._accepted = [dict(group) for group in self.groups]
        self.parameters: list[Tensor] = [p for group in self.groups for p in group["parameters"]]
        self._refuse_wrong_parameters()
        self._runs = self._make_runs({})
        self._copy_in()

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Hyper-parameters as Python's numbers, so that they do not change an array's dtype."""
        for name, value in options.items():
            if name not in self.ranges:
                raise ArgumentError(
                    f"{type(self).__name__} with {name}={value!r}",
                    "it has no such hyper-parameter",
                    f"It has {', '.join(self.ranges)}",
                )
            require(self, name, value, self.ranges[name])
        return {name: _as_python(value) for name, value in options.items()}

    def _make_groups(self, parameters: Any, defaults: dict[str, Any]) -> list[dict[str, Any]]:
        entries = self._as_list(parameters)
        if not any(isinstance(entry, Mapping) for entry in entries):
            entries = [{"parameters": entries}]
        groups = []
        for entry in entries:
            if not isinstance(entry, Mapping) or "parameters" not in entry:
                raise ArgumentError(
                    f"{type(self).__name__} with the group {describe_one(entry)}",
                    "it is no dict with a list of parameters",
                    'Write {"parameters": [...], "learning_rate": 0.1} for each group',
                )
            tensors = self._leaves(self._as_list(entry["parameters"]))
            options = self._checked({**defaults, **_hyper_parameters(entry)})
            groups.append({"parameters": tensors, **options})
        return groups

    def _as_list(self, parameters: Any) -> list[Any]:
        if isinstance(parameters, Tensor | Mapping | str) or not isinstance(parameters, Iterable):
            raise UnsupportedError(
                f"{type(self).__name__} of {describe_one(parameters)}",
                "parameters are a list of tensors, or of groups",
                "Give model.parameters(), or write [tensor]",
            )
        return list(parameters)

    def _leaves(self, entries: list[Any]) -> list[Tensor]:
        for entry in entries:
            leaf = isinstance(entry, Tensor) and entry.operation is None
            if not leaf or entry.dtype.kind != "f":
                raise UnsupportedError(
                    f"{type(self).__name__} of {describe_one(entry)}",
                    "it is no tensor of floats that was made rather than computed",
                    "Give model.parameters(), or tensors made with requires_grad=True",
                )
        return list(dict.fromkeys(entries))

    def _refuse_wrong_parameters(self) -> None:
        if not self.parameters:
            raise ArgumentError(
                f"{type(self).__name__} with no parameters",
                "nothing would be learned",
                "Give at least one tensor",
            )
        seen: set[Tensor] = set()
        for parameter in self.parameters:
            if parameter in seen:
                raise ArgumentError(
                    f"{type(self).__name__} of {describe_one(parameter)}",
                    "it is in two groups",
                    "Give each parameter in one group",
                )
            seen.add(parameter)

    def _make_runs(self, steps: Mapping[Tensor, int]) -> list[Run]:
        """Runs with states of zeros, each parameter at its step number, 0 if it has none."""
        together: dict[Any, list[Tensor]] = {}
        for index, group in enumerate(self.groups):
            for parameter in group["parameters"]:
                key = index, parameter.dtype, steps.get(parameter, 0)
                together.setdefault(key, []).append(parameter)
        runs = []
        for (index, dtype, step), tensors in together.items():
            shapes = [tensor.shape for tensor in tensors]
            size = sum(tensor.size for tensor in tensors)
            arrays = [np.zeros(size, dtype) for _ in range(2 + len(self.state_names))]
            runs.append(Run(tensors, shapes, self.groups[index], arrays, step))
        return runs

    def _copy_in(self) -> None:
        """Take in the arrays of plain tensors, and those newly assigned to parameters."""
        found = [entry for run in self._runs for entry in run.elsewhere()]
        for tensor, view, values in found:
            with writable(view):
                view[...] = values
            if isinstance(tensor, Parameter):
                tensor._data = view

    @property
    def learning_rate(self) -> float:
        """The learning rate of the first group; assigning sets that of every group."""
        return self.groups[0]["learning_rate"]  # type: ignore[no-any-return]

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        checked = self._checked({"learning_rate": rate})
        for group in self.groups:
            group.update(checked)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, *, require_finite: bool = False) -> None:
        """Change each parameter that has a gradient.

        Args:
            require_finite: refuse gradients with entries that are NaN or infinite.

        Raises:
            ArgumentError: a hyper-parameter was changed in `groups` to what it cannot be.
            MutationError: the shape or dtype of a parameter was changed.
            ShapeError: a gradient has another shape than its parameter.
            UnsupportedError: a gradient is no array of real numbers.
            GradientError: a gradient is not finite, and that is required.

        After an error nothing is updated.
        """
        if self.groups != self._accepted:
            self._accept_groups()
        runs = self._runs
        if not all(run.gather() for run in runs):
            self._runs = [part for run in runs for part in run.parts()]
            self._copy_in()
            runs = [run for run in self._runs if run.tensors[0].grad is not None]
            for run in runs:
                run.collect_gradients()
        if require_finite:
            for run in runs:
                run.refuse_unless_finite()
        for run in runs:
            run.steps += 1
            options = run.options
            kept_small = options["l1"] or options["l2"] or options["weight_decay"]
            for block in run.blocks:
                if kept_small:
                    _keep_small(options, *block[:3])
                self.update(options, run.steps, *block)
            run.copy_out()

    def _accept_groups(self) -> None:
        """Raise if a hyper-parameter was changed to what it cannot be."""
        checked = [self._checked(_hyper_parameters(group)) for group in self.groups]
        for group, options in zip(self.groups, checked):
            group.update(options)
        self._accepted = [dict(group) for group in self.groups]

    def update(
        self,
        options: Mapping[str, Any],
        step: int,
        scratch: Any,
        values: Any,
        gradient: Any,
        *state: Any,
    ) -> None:
        """Change flat values in place, in their step number `step`, counted from 1.

        `options` are the hyper-parameters. The gradient and the scratch array may be overwritten;
        the state, arrays in the order of `state_names`, begins as zeros.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method update")

    def state_dict(self) -> dict[str, Any]:
        """What a run needs to go on from here, besides the parameters themselves.

        "groups" lists the hyper-parameters of each group, and how many "parameters" it has;
        "state" lists for each parameter its number of "steps" and copies of its arrays.
        """
        groups = [{**group, "parameters": len(group["parameters"])} for group in self.groups]
        state: dict[Tensor, dict[str, Any]] = {}
        for run in self._runs:
            views = [run.views(array) for array in run.arrays[2:]]
            for tensor, *arrays in zip(run.tensors, *views):
                copies = {name: array.copy() for name, array in zip(self.state_names, arrays)}
                state[tensor] = {"steps": run.steps, **copies}
        return {"groups": groups, "state": [state[parameter] for parameter in self.parameters]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, for parameters of the same shapes in the same order.

        Raises:
            ArgumentError: something is missing, unknown or of the wrong shape; nothing is loaded.

        >>> x = Tensor([1.0], requires_grad=True)
        >>> optimizer = Optimizer([x], learning_rate=0.1)
        >>> optimizer.load_state_dict(Optimizer([x], learning_rate=0.5).state_dict())
        >>> optimizer.learning_rate
        0.5
        """
        problems = list(self._misfits(state))
        if problems:
            raise ArgumentError(
                f"load_state_dict into {type(self).__name__}",
                "; ".join(problems),
                "Give a state_dict() of an optimizer made the same way; nothing was loaded",
            )
        loaded = [self._checked(_hyper_parameters(group)) for group in state["groups"]]
        for group, options in zip(self.groups, loaded):
            group.update(options)
        entries = dict(zip(self.parameters, state["state"]))
        self._runs = self._make_runs({p: int(entry["steps"]) for p, entry in entries.items()})
        for run in self._runs:
            for name, array in zip(self.state_names, run.arrays[2:]):
                for tensor, view in zip(run.tensors, run.views(array)):
                    view[...] = entries[tensor][name]
        self._copy_in()

    def _misfits(self, state: Any) -> Iterator[str]:
        """What keeps a state from being loaded."""
        if not isinstance(state, Mapping) or state.keys() != {"groups", "state"}:
            yield 'it is no dict of "groups" and "state"'
            return
        groups, entries = state["groups"], state["state"]
        if not _are_dicts(groups) or not _are_dicts(entries):
            yield "its groups or state are no lists of dicts"
            return
        sizes = [group.get("parameters") for group in groups]
        if sizes != [len(group["parameters"]) for group in self.groups]:
            yield f"its groups have {sizes} parameters"
            return
        for index, (own, given) in enumerate(zip(self.groups, groups)):
            if own.keys() != given.keys():
                differing = sorted(map(str, own.keys() ^ given.keys()))
                yield f"group {index} differs in {', '.join(differing)}"
        if len(entries) != len(self.parameters):
            yield f"it has the state of {len(entries)} parameters"
            return
        for index, (parameter, entry) in enumerate(zip(self.parameters, entries)):
            if entry.keys() != {"steps", *self.state_names}:
                yield f"state {index} has {', '.join(sorted(map(str, entry)))}"
                continue
            if not WHOLE.holds(entry["steps"]) or entry["steps"] > MOST_STEPS:
                yield f"state {index} has steps={entry['steps']!r}"
            for name in self.state_names:
                array = as_array(entry[name], f"load_state_dict into {type(self).__name__} of")
                if array.shape != parameter.shape or array.dtype.kind != "f":
                    yield f"{name} of {describe_one(parameter)} is {array.dtype} {array.shape}"


def _hyper_parameters(group: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a group, without its parameters."""
    return {name: value for name, value in group.items() if name != "parameters"}


def _are_dicts(entries: Any) -> bool:
    return isinstance(entries, list | tuple) and all(isinstance(e, Mapping) for e in entries)


def _as_python(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return tuple(map(float, value)) if isinstance(value, tuple | list) else float(value)


def _keep_small(options: Mapping[str, Any], scratch: Any, values: Any, gradient: Any) -> None:
    """Apply l1, l2 and weight_decay to flat arrays."""
    if options["l2"]:
        np.multiply(values, options["l2"], out=scratch)
        gradient += scratch
    if options["l1"]:
        np.sign(values, out=scratch)
        scratch *= options["l1"]
        gradient += scratch
    if options["weight_decay"]:
        values *= 1 - options["learning_rate"] * options["weight_decay"]
