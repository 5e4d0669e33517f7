"""Record what was computed, and carry cotangents back through the record.

The flow of data:

    apply(operation, ...)       computes, and returns a node that remembers operation and arguments
    backward_order(root)        the nodes that root depends on, each one before its inputs
    apply_rule(node, ...)       adds to the cotangents of one node's inputs
    carry_back(cotangents, ...) does so at each node that was computed
    backpropagate(root, seed)   composes these: the cotangent of every node

An operation is a row of the table of derivatives, see `table`; a node is one array, see `node`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import copy_context
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import float64, ndarray

import autograd_lite.mutation as mutation
from autograd_lite.cotangents import match, without_nan
from autograd_lite.foreign import PLAIN, admit
from autograd_lite.modes import Rule, noted_now, recording, take, watching
from autograd_lite.mutation import remember, show
from autograd_lite.node import (
    Array,
    Cotangents,
    Node,
    Pass,
    arrays_in,
    clock,
    inputs_of,
    unshared,
    wanted_of,
)
from autograd_lite.operation import Operation
from autograd_lite.precision import in_64_bits
from autograd_lite.refusals import (
    FAILURES,
    raise_explained,
    real_result,
    refuse_stale,
    refuse_without_rule,
)

if TYPE_CHECKING:
    from autograd_lite.modes import Recorder


def apply(operation: Operation, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Compute, and record when an argument requires grad.

    Returns a tensor when an argument is one, else what the function returns.
    """
    holds = operation.of_users and (keywords or not HOLDERS.isdisjoint(map(type, arguments)))
    if holds:
        arguments, keywords = unshared(arguments), unshared(keywords)
    values = [*arguments]
    wanted = []
    constants: tuple[Array, ...] = ()
    found = other = lent = False
    for index, argument in enumerate(arguments):
        if isinstance(argument, Node):
            found = True
            values[index] = value = argument._array
            if argument._requires_grad:
                wanted.append(index)
                if argument.lent:
                    lent = True
            elif type(value) is ndarray:
                constants += (value,)
        elif type(argument) is ndarray:
            constants += (argument,)
        elif type(argument) not in KEPT:
            values[index] = value = _admitted(argument, operation)
            other = other or value is not argument
    operands = tuple(values)
    arguments = tuple(map(_recorded_as, arguments, operands)) if other else arguments
    if found:
        if holds:
            constants = tuple(x for x in arrays_in((operands, keywords)) if type(x) is ndarray)
        return computed(operation, arguments, operands, keywords, wanted, lent, constants)
    try:
        result = operation.compute(*operands, **keywords)
    except FAILURES as error:
        raise_explained(error, operation.name, arguments, keywords)
    return result[0] if operation.residual else result


def computed(
    operation: Operation,
    arguments: tuple[Any, ...],
    operands: tuple[Any, ...],
    keywords: dict[str, Any],
    wanted: Sequence[int],
    lent: bool,
    constants: Sequence[Array] = (),
) -> Any:
    """What `apply` returns for a tensor among the arguments, of which all is known.

    Args:
        operands: the arguments as they are computed with: arrays for tensors.
        wanted: the indices of the arguments that require grad.
        lent: whether one of these is lent, see `Node`.
        constants: the arrays among the others, which may be written to.
    """
    compute = operation.compute
    if operation.of_floats is not None and wanted and len(operands) == 1:
        compute = operation.of_floats
    try:
        # Without an empty dictionary it takes less.
        data = compute(*operands, **keywords) if keywords else compute(*operands)
    except FAILURES as error:
        raise_explained(error, operation.name, arguments, keywords)
    residual = None
    if operation.residual:
        data, residual = data
    kind = type(data)
    if data.dtype.kind != "f" if kind is ndarray else kind is not float64:
        data = real_result(data, operation, arguments, wanted)
    node = record(data, operation, arguments, operands, keywords, wanted, residual)
    if (constants or lent) and not operation.additive and node.operation is not None:
        remember(node, constants, lent)
    return node


KEPT = {tuple, slice, *PLAIN} - {int}
"""Types of what is computed with as it is given."""
HOLDERS = {list, tuple, dict}
"""Types of what may hold arrays that a rule reads; of the table's own rows none does so."""


def _admitted(value: Any, operation: Operation) -> Any:
    if type(value) is int:
        return in_64_bits(value)
    return unshared(admit(value, f"{operation.name} of"))


def _recorded_as(argument: Any, value: Any) -> Any:
    return argument if isinstance(argument, Node) else value


def record(
    data: Array,
    operation: Operation,
    arguments: tuple[Any, ...],
    operands: tuple[Any, ...],
    keywords: dict[str, Any],
    wanted: Sequence[int],
    residual: Any = None,
) -> Any:
    """The node of a computed array, with its history if that is wanted and recording is on."""
    node = _new(Node.tensor_class)
    node._array = data
    node._grad = None
    node.name = None
    node.created = next(clock)
    node.mutated = 0
    if wanted and (mode := recording_now()):
        node._requires_grad = True
        node.operation = operation
        node.arguments = arguments
        node.operands = operands
        node.wanted = wanted
        node.lent = operation.moves
        node.keywords = keywords
        node.residual = residual
        node.seen = ()
        node.scope = None
        if wanted[-1] >= operation.with_rules:
            refuse_without_rule(operation, arguments)
        if mode is not True:
            mode.recorded(node)
    else:
        node._requires_grad = False
        node.operation = None  # type: ignore[assignment] # of what is not recorded
        node.arguments = node.wanted = ()
        node.lent = True
        if wanted and operation.moves:
            node._array = show(data, [arguments[index] for index in wanted])
        if noted_now() is not None:
            function = operation.function if operation.residual else operation.compute
            take(function, arguments, keywords, node)
    return node


_new = object.__new__
recording_now, watching_now = recording.get, watching.get  # bound once, see `modes`


def backward_order(*roots: Node, stop: Iterable[Node] = ()) -> list[Node]:
    """The nodes requiring grad that roots depend on, themselves included; leaves are the last.

    Those that were computed go from the last made to the first, so each is before its inputs.
    Without those to stop at, and what only these depend on.
    """
    computed, leaves = computed_and_leaves(roots, stop)
    return computed + leaves


def computed_and_leaves(
    roots: Iterable[Node], stop: Iterable[Node] = ()
) -> tuple[list[Node], list[Node]]:
    """The two parts of a backward order."""
    seen = set(stop)
    required = mutation.required
    computed: list[Node] = []
    leaves: list[Node] = []
    waiting: list[Node] = []
    for root in roots:
        if root not in seen:
            seen.add(root)
            (leaves if root.operation is None else waiting).append(root)
    while waiting:
        # The last one's inputs come next, as they lie beside it in memory.
        node = waiting.pop()
        computed.append(node)
        arguments = node.arguments
        if node.created < required:
            node.wanted = wanted_of(arguments)  # as leaves require grad since
        for index in node.wanted:
            argument = arguments[index]
            if argument not in seen and argument._requires_grad:
                seen.add(argument)
                (leaves if argument.operation is None else waiting).append(argument)
    computed.sort(key=_created, reverse=True)
    return computed, leaves


_created = attrgetter("created")


def apply_rule(node: Node, cotangents: Cotangents, way: Pass, careful: bool) -> None:
    """Add what reaches the inputs of a computed node through it to their cotangents.

    The cotangent of `node` itself is complete. Where the pass creates a graph the rules are handed
    tensors instead of arrays, and so record themselves. With `careful` no NaN arises from a
    cotangent of 0.
    """
    operation, arguments, left_out = node.operation, node.arguments, way.left_out
    given = given_to_rules(node, cotangents[node], way.create_graph)
    if operation.add_to and added_in_place(node, cotangents, way, given):
        return
    for index in node.wanted:
        argument = arguments[index]
        if argument._requires_grad and argument not in left_out:
            if careful:
                contribution = careful_contribution(node, index, given, cotangents[node])
            else:
                contribution = operation.contribution(index, given, node.keywords)
            contribution = match(contribution, argument._array, node)
            if argument in cotangents:
                contribution = cotangents[argument] + contribution
            cotangents[argument] = contribution


def given_to_rules(node: Node, cotangent: Array, create_graph: bool) -> Sequence[Any]:
    """What the rules of a node are called with, none of which was changed since."""
    operation = node.operation
    given: tuple[Any, ...] = (cotangent, node if create_graph else node._array)
    given += node.arguments if create_graph else node.operands
    if operation.residual:
        given += (None if create_graph else node.residual,)
    if node.created < mutation.latest or (node.seen and mutation.rewritten(node)):
        refuse_stale(node, given)
    return [*given] if operation.variadic else given


def added_in_place(node: Node, cotangents: Cotangents, way: Pass, given: Sequence[Any]) -> bool:
    """Add what reaches the first argument to its cotangent, where that is in memory of its own.

    Else it will be, when this has come: an array with few entries that are not 0.
    """
    first = node.arguments[0]
    if way.create_graph:
        return False
    if first in way.own:
        node.operation.add_to(cotangents[first], *given, **node.keywords)  # type: ignore[misc] # the caller asked whether there is one
        return True
    if type(first._array) is ndarray and first not in way.left_out:
        way.own.add(first)
    return False


def backpropagate(root: Node, seed: Array, create_graph: bool = False) -> Cotangents:
    """The cotangent of each node that `root` depends on, given that of `root`."""
    cotangents = {root: seed}
    carry_back(cotangents, computed_and_leaves([root])[0], Pass(create_graph))
    return cotangents


def carry_back(
    cotangents: Cotangents, nodes: Iterable[Node], way: Pass, rule: Rule = apply_rule
) -> None:
    """Complete the cotangents of what nodes were computed from, by a rule, node by node."""
    watch = watching_now()
    if watch is None and not way.create_graph:
        step_through(cotangents, nodes, way, rule)
        return
    step = watch.around(rule) if watch else rule
    # What is set in a copy of the context ends with it, wherever an interruption comes.
    copy_context().run(_carry, cotangents, nodes, way, step, way.create_graph and (watch or True))


def _carry(
    cotangents: Cotangents, nodes: Iterable[Node], way: Pass, step: Rule, on: bool | Recorder
) -> None:
    recording.set(on)
    step_through(cotangents, nodes, way, step)


def step_through(cotangents: Cotangents, nodes: Iterable[Node], way: Pass, rule: Rule) -> None:
    """Call a rule at each of the computed nodes of a backward order.

    It is told which ones are reached through a selection of entries: to those `apply_rule` is
    careful.
    """
    leaves_only, selected = way.leaves_only, set[Node]()
    is_plain = rule is apply_rule and not (way.create_graph or way.left_out)
    for node in nodes:
        operation = node.operation
        careful = node in selected
        if (
            not is_plain
            or careful
            or operation.special
            or node.keywords
            or node.created < mutation.latest
            or (node.seen and mutation.rewritten(node))
        ):
            rule(node, cotangents, way, careful)
        else:
            # The same written out, as a call takes a tenth of what a small rule does.
            given: Any = (cotangents[node], node._array)
            given += node.operands
            if operation.residual:
                given += (node.residual,)
            rules, arguments = operation.vjps, node.arguments
            for index in node.wanted:
                argument = arguments[index]
                if argument._requires_grad:
                    contribution = rules[index](*given)
                    value = argument._array
                    kind = type(contribution)
                    if (
                        type(value) is not float64
                        if kind is float64
                        else kind is not ndarray
                        or contribution.dtype is not value.dtype
                        or contribution.shape != value.shape
                    ):
                        contribution = match(contribution, value, node)
                    if argument in cotangents:
                        contribution = cotangents[argument] + contribution
                    cotangents[argument] = contribution
        if careful or operation.selects:
            selected.update(inputs_of(node))
        if leaves_only:
            del cotangents[node]


def careful_contribution(node: Node, index: int, given: Sequence[Any], cotangent: Array) -> Any:
    """What reaches an argument, without a warning, and without NaN where the cotangent is 0."""
    with np.errstate(all="ignore"):
        contribution = node.operation.contribution(index, given, node.keywords)
    return without_nan(contribution, cotangent)
