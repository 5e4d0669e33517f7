"""What optimizers share: parameter groups, penalties on large weights, steps and their state.

Parameters of one group and dtype lie in one buffer: few calls for any number of layers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from operator import attrgetter, setitem
from typing import Any, ClassVar

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arguments import NOT_NEGATIVE, require_flag
from autograd_lite.errors import ArgumentError, describe_one
from autograd_lite.interruption import at_once, whole
from autograd_lite.modes import raises_errors
from autograd_lite.mutation import note_change
from autograd_lite.names import explains_keywords, tell_of
from autograd_lite.read_only import writable
from nn.declared import Declared, Field, declared
from nn.optimizers.flat import Run, copy_in, runs_of
from nn.optimizers.groups import (
    RATE,
    LearningRate,
    Options,
    Rate,
    as_python,
    group_entries,
    hyper_parameters,
    loaded_options,
    misfits,
    shown,
    told_options,
)
from nn.schema import require_fitting

# In C, as they are asked for in each step.
_at_once, _copied = attrgetter("at_once"), attrgetter("copied")
watching_steps: ContextVar[Callable[[Optimizer], None] | None]
watching_steps = ContextVar("watching_steps", default=None)
"""Called before each step in this thread or task, with the optimizer; gradients have to be finite
then."""
_watch = watching_steps.get  # bound once, which takes a third of the time


class Optimizer(Declared):
    """Base of optimizers: a subclass says how it updates a flat array.

    `groups` lists dicts with the "parameters" and hyper-parameters of each group. The
    hyper-parameters may be changed there between steps, and are checked by the next one; the
    parameters may not. As attributes of the optimizer, hyper-parameters are those of the first
    group, and assigning one sets it for every group.

    A learning rate that is a schedule, or any function of the step, is evaluated before each step;
    `optimizer.learning_rate` is its value for the next one.

    There are three ways to keep weights small, all off by default:

    - l2: adds l2 θ to the gradient, the gradient of l2/2 Σθ². A cost that ends in λ/(2m) ΣW², over
      m samples, is l2 = λ/m, in a group with the weights but not the biases.
    - l1: adds l1 sign(θ) to the gradient, the gradient of l1 Σ|θ|.
    - weight_decay: multiplies θ by 1 - learning_rate weight_decay before the step, independently of
      the gradient, its momentum and its scaling (Loshchilov and Hutter, "Decoupled weight decay
      regularization", 2019).

    The arrays of parameters move into buffers of the optimizer: an array that was taken from
    `parameter.data` before no longer belongs to the parameter. Steps of float16 parameters, and the
    state of the optimizer, are computed in float32.

    A subclass declares its own hyper-parameters as fields, see `nn/declared.py`: `momentum: float =
    declared(FRACTION, default=0.9)`.

    Args:
        parameters: leaf tensors, such as `model.parameters()`, or groups: dicts of "parameters" and
            the hyper-parameters that differ in this group. Tensors without a gradient, such as
            frozen ones, are not changed.
        learning_rate: factor of the step, 0 or more; or a schedule, such as
            `nn.CosineAnnealing(0.1, steps=100)`.
        l1, l2, weight_decay: as above.

    Raises:
        ArgumentError: there are no parameters, one is in two groups, or a hyper-parameter is
            unknown or out of its range.
        UnsupportedError: a parameter is not a leaf tensor of floats.

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

    parameters: Field[list[Tensor], Iterable[Any]] = declared()
    learning_rate: LearningRate = declared(RATE)
    l1: float = declared(NOT_NEGATIVE, default=0.0, kw_only=True)
    l2: float = declared(NOT_NEGATIVE, default=0.0, kw_only=True)
    weight_decay: float = declared(NOT_NEGATIVE, default=0.0, kw_only=True)

    state_names: ClassVar[tuple[str, ...]] = ()
    """The arrays of the parameters' size that `update` keeps."""

    @classmethod
    def _declare(cls, name: str) -> None:
        setattr(
            cls,
            name,
            property(lambda self: self._value(name), lambda self, value: self._assign(name, value)),
        )

    def _begin(self, values: Mapping[str, Any]) -> None:
        self.steps = 0
        """How many were taken."""
        entries = group_entries(type(self).__name__, values["parameters"])
        defaults = self._checked(hyper_parameters(values))
        self.groups = [
            {"parameters": entry["parameters"], **defaults, **entry} for entry in entries
        ]
        # What groups were when they were looked at; the same with numbers for schedules, if any.
        self._seen = [{"parameters": group["parameters"]} for group in self.groups]
        self._accepted, self._scheduled = [dict(seen) for seen in self._seen], False
        self._changes = 0
        """How often hyper-parameters were changed."""
        self._change(map(hyper_parameters, self.groups))
        self._parameters = [tensor for entry in entries for tensor in entry["parameters"]]
        self._make_runs({})

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Hyper-parameters as Python's numbers, so that they do not change an array's dtype."""
        for name, value in values.items():
            if name not in self._fields or name == "parameters":
                raise ArgumentError(
                    f"{type(self).__name__} with {name}={value!r}",
                    "it has no such hyper-parameter",
                    f"It has {', '.join(hyper_parameters(self._fields))}",
                )
        checked = {name: as_python(value) for name, value in super()._checked(values).items()}
        if "learning_rate" in checked:
            self._rate(checked["learning_rate"])
        return checked

    def _value(self, name: str) -> Any:
        if name == "parameters":
            return self._parameters
        value = self.groups[0][name]
        return self._rate(value) if name == "learning_rate" else value

    def _assign(self, name: str, value: Any) -> None:
        self._change([{**hyper_parameters(group), name: value} for group in self.groups])

    def _change(self, options: Iterable[Mapping[str, Any]]) -> None:
        """Set the hyper-parameters of each group, or raise an ArgumentError and set none."""
        held = [id(group.get("parameters")) for group in self.groups]
        if held != [id(accepted["parameters"]) for accepted in self._accepted]:
            raise ArgumentError(
                f"{type(self).__name__} with other groups or parameters than it was made with",
                "it keeps no state for them",
                "Make a new optimizer, of all of them",
            )
        checked = [self._checked(each) for each in options]
        self._take(checked, [self._rate(each["learning_rate"]) for each in checked])

    def _take(self, options: Sequence[Mapping[str, Any]], rates: Sequence[float]) -> None:
        """Take over the hyper-parameters of each group, and what learning rates are now."""
        scheduled = any(callable(each["learning_rate"]) for each in options)
        changes: list[tuple[Any, ...]] = [(object.__setattr__, self, "_scheduled", scheduled)]
        changes.append((object.__setattr__, self, "_changes", self._changes + 1))
        both = zip(self._seen, self._accepted)
        for group, (seen, accepted), each, rate in zip(self.groups, both, options, rates):
            changes += (group.update, each), (seen.update, group), (accepted.update, group)
            changes.append((setitem, accepted, "learning_rate", rate))
        at_once(changes)

    def _rate(self, rate: Rate) -> float:
        """A learning rate as a number, which for a schedule is that of the next step."""
        if not callable(rate):
            return rate
        value = rate(self.steps)
        if not NOT_NEGATIVE.holds(value):
            raise ArgumentError(
                f"{type(self).__name__} with learning_rate={shown(rate)}",
                f"in step {self.steps} that gives {describe_one(value)}",
                f"Give a function of the step to {NOT_NEGATIVE.wanted}",
            )
        return float(value)

    def __repr__(self) -> str:
        groups = [{**group, "parameters": len(group["parameters"])} for group in self.groups]
        texts = [", ".join(f"{n}={shown(v)}" for n, v in group.items()) for group in groups]
        frozen = sum(not tensor.requires_grad for tensor in self.parameters)
        counted = f"  # {frozen} frozen" if frozen else ""
        return f"{type(self).__name__}({'; '.join(texts)}){counted}"

    def _make_runs(self, states: Mapping[Tensor, Mapping[str, Any]]) -> None:
        """Put together what takes its steps together, with these states, or before the first."""
        runs = runs_of(self._accepted, self.state_names, states)
        copy_in(runs)
        self._runs = runs
        note_change()

    def _states(self) -> dict[Tensor, dict[str, Any]]:
        """The number of steps and the arrays of each parameter."""
        found = {}
        for run in self._runs:
            views = [run.views(array) for array in run.arrays[2:]]
            for tensor, *arrays in zip(run.tensors, *views):
                found[tensor] = {"steps": run.steps, **dict(zip(self.state_names, arrays))}
        return found

    @explains_keywords
    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for run in self._runs:
            for parameter in run.tensors:
                parameter.grad = None

    @explains_keywords
    def step(self, *, require_finite: bool = False) -> None:
        """Change each parameter that has a gradient.

        Args:
            require_finite: refuse gradients with NaN or infinite entries.

        Raises:
            ArgumentError: a hyper-parameter in `groups` was changed to an invalid value, or a
                schedule gives an invalid learning rate.
            MutationError: the shape or dtype of a parameter was changed, or its array is read-only.
            ShapeError: a gradient has another shape than its parameter.
            UnsupportedError: a gradient is not an array of real numbers.
            GradientError: a gradient is not finite, and that is required.

        After an error, or an interruption, nothing is updated.
        """
        if require_finite is not False:
            require_finite = require_flag(self, "require_finite", require_finite)
        if (watch := _watch()) is not None:
            watch(self)
            require_finite = True
        self.accept()
        runs = self._runs
        if not all(map(Run.gather, runs)):
            copy_in(runs)
            if any(map(Run.lacks_some_gradients, runs)):
                self._make_runs(self._states())
            runs = [run for run in self._runs if run.tensors[0].grad is not None]
            for run in runs:
                run.collect_gradients()
        for run in runs if require_finite else ():
            run.refuse_unless_finite(run.arrays[1])
        self._finish(runs)

    def accept(self) -> None:
        """Take in hyper-parameters that were changed in `groups`, and the rate of a schedule."""
        if self.groups != self._seen:
            self._change(map(hyper_parameters, self.groups))
        elif self._scheduled:
            self._take(self._seen, [self._rate(each["learning_rate"]) for each in self._seen])

    def kept(self) -> Callable[[], None]:
        """What puts parameters and state back to what they are now."""
        steps, runs = self.steps, [(run, run.put_back()) for run in self._runs]

        def put_back() -> None:
            self.steps, self._runs = steps, [run for run, _ in runs]
            for _, each in runs:
                each()

        return put_back

    def _finish(self, runs: Sequence[Run]) -> None:
        """Update runs whose gradients are collected, unless something is refused."""
        for run in filter(_copied, runs):
            run.refuse_unless_writable()
        if all(map(_at_once, runs)):
            self._update(runs)
            return
        # Only what is one's own raises, or what NumPy is told to raise.
        may_fail = raises_errors() or not type(self).update.__module__.startswith("nn.")
        put_back = self.kept() if may_fail else None
        with whole():
            try:
                self._update(runs)
            except BaseException:
                if put_back is not None:
                    put_back()
                raise

    def _update(self, runs: Sequence[Run]) -> None:
        changes: list[tuple[Any, ...]] = [(object.__setattr__, self, "steps", self.steps + 1)]
        for run in runs:
            if run.at_once:
                run.computed[...] = run.kept
            for block in run.blocks:
                self._updated(run.options, run.steps + 1, *block)
            changes += run.changes()
        if any(map(_copied, runs)):
            with writable(*[tensor._array for run in runs for tensor, _ in run.copied]):
                at_once(changes)
        else:
            at_once(changes)

    def _updated(
        self, options: Options, step: Any, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """`update`, and what keeps weights small."""
        if options["l1"] or options["l2"] or options["weight_decay"]:
            _keep_small(options, scratch, values, gradient)
        self.update(options, step, scratch, values, gradient, *state)

    def update(
        self, options: Options, step: int, scratch: Any, values: Any, gradient: Any, *state: Any
    ) -> None:
        """Change flat values in place, in their step number `step`, counted from 1.

        `options` are the hyper-parameters. The gradient and the scratch array may be overwritten;
        the state, arrays in the order of `state_names`, begins as zeros.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method update")

    @explains_keywords
    def state_dict(self) -> dict[str, Any]:
        """What a run needs to resume from here, besides the parameters themselves.

        "groups" lists the hyper-parameters of each group, and how many "parameters" it has; "state"
        lists, for each parameter, its number of "steps" and copies of its arrays; "steps" is the
        number of steps taken.

        A learning rate that is a function of the step is kept as text, and a state is loaded only
        if the text is the same. The text identifies a function by its module and qualified name, a
        nested function also by its defaults and closure, a lambda by its code, and an object, such
        as a schedule or a `functools.partial`, by its class and attributes. So a function that was
        changed but kept its name is accepted.

        Raises:
            UnsupportedError: a learning rate holds something that cannot be identified, such as a
                lock.
        """
        states = self._states()
        return {
            "groups": [told_options(group) for group in self.groups],
            "state": [copy.deepcopy(states[parameter]) for parameter in self.parameters],
            "steps": self.steps,
        }

    @explains_keywords
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
        require_fitting(self, misfits(self, state))
        with whole():
            self._change(map(loaded_options, self.groups, state["groups"]))
            self.steps = int(state["steps"])
            self._make_runs(dict(zip(self.parameters, state["state"])))


ATTRIBUTES = {
    "add_param_group": 'nn.Adam([{"parameters": [w]}, {"parameters": [b], "learning_rate": 0.1}])',
    "apply_gradients": "loss.backward(), then optimizer.step()",
    "defaults": "optimizer.groups[0]",
    "lr": "optimizer.learning_rate",
    "minimize": "loss.backward(), then optimizer.step()",
    "param_groups": 'optimizer.groups: dicts with "parameters" and "learning_rate"',
    "state": "optimizer.state_dict()",
}
"""Attributes of other libraries' optimizers, and what to write for each."""
tell_of(Optimizer, ATTRIBUTES, "an optimizer")


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
