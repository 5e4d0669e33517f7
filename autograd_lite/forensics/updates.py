"""What an optimizer does: its steps in place of gradients, and weights that it updated too early.

A step d divides by a curvature, as Newton's, Gauss and Newton's and natural gradients do, if the
product of the curvature with it is the gradient, perhaps with a damping: C d + damping d =
factor g. No matrix is made: products come out of one tangent and one cotangent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.cotangents import seed_of
from autograd_lite.engine import backpropagate
from autograd_lite.forensics.candidate import Candidate, Instead, instead_of_all, with_strength
from autograd_lite.forensics.case import Case
from autograd_lite.forensics.factors import (
    RATES,
    closest_factor,
    flat,
    is_round,
    multiples,
    rounded,
)
from autograd_lite.forensics.place import Place, Wrong, is_recorded
from autograd_lite.forensics.projection import tangents
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.value_mistakes import moved_again, moved_from
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor

FEWEST = 4
"""Entries of a gradient that two numbers are solved for in."""
MOST_ENTRIES = 100_000
"""Entries of several gradients together that two numbers are solved for in."""


def made_of(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """What is handed in for a gradient at times: words, and the array."""
    given, right = case.manual[tensor], case.graph.right[tensor]
    norm = float(np.linalg.norm(right))
    everything = math.sqrt(sum(float(np.sum(case.graph.right[t] ** 2)) for t in case.manual))
    factor = closest_factor(given, right)
    for size, of_what in ((norm, "it is"), (everything, "all gradients together are")):
        if is_round(factor * size) and factor > 0 and right.size > 1:
            yield f"{of_what} scaled to the norm {rounded(factor * size):g}", factor * right
    signs = np.sign(right)
    if right.size > 2 and len(np.unique(signs)) > 1:
        yield from _multiple(given, signs, "it is the sign of the gradient")
        yield "it is the square of the gradient", right**2
        yield "the signs are lost: these are the absolute values of the gradient", abs(right)
    weights = tensor._array
    if tensor.operation is None and weights.any():
        yield "these are the values of the parameter itself, and not its gradient", weights
    rate = closest_factor(weights - given, right)
    if is_round(rate) and rate > 0 and weights.any() and tensor.operation is None:
        what = f"these are the weights after an update with learning rate {rounded(rate):g}"
        yield what, weights - rounded(rate) * right
    strength = closest_factor(given - right, np.sign(weights))
    if is_round(strength) and right.size > 2:
        what = f"an L1 penalty of strength {rounded(strength):g} is added that is not in the loss"
        yield what, right + rounded(strength) * np.sign(weights)
    for axes in (None, *range(right.ndim)) if right.size > 2 else ():
        over = "" if axes is None else f" over axis {axes}"
        mean = right.mean(axis=axes, keepdims=True)
        yield f"it is centred: its mean{over} is subtracted from it", right - mean
    yield from for_a_root(case, tensor)
    yield from _by_its_size(case, tensor)
    yield from _with_velocity(case, tensor)


def limited(given: Array, right: Array) -> Iterator[tuple[str, Array]]:
    """The gradient with a bound for its entries, over the largest, or with few of their digits."""
    largest = float(abs(given).max(initial=0.0))
    if is_round(largest):
        yield f"its entries are clipped at {rounded(largest):g}", right.clip(-largest, largest)
    yield "it is divided by the largest of its entries", right / abs(right).max(initial=1e-300)
    for decimals in range(1, 7):
        yield f"it is rounded to {decimals} decimals", right.round(decimals)
        power = 10.0**decimals
        yield f"it is cut off after {decimals} decimals", np.trunc(right * power) / power
    yield "it is cut off to whole numbers, as in an array of integers", np.trunc(right)
    yield "it is rounded to whole numbers", np.rint(right)
    yield "it is rounded down to whole numbers, as by //", np.floor(right)


def _by_its_size(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """The gradient over its own size, lr g / sqrt(s g² + e) or lr g / (sqrt(s) |g| + e).

    The two numbers are those of the gradient alone, or of all that are wrong.
    """
    right = case.graph.right[tensor]
    for group in ([tensor], case.wrong_ones) if len(case.wrong_ones) > 1 else ([tensor],):
        if not case.are_usable(group):
            continue
        if sum(case.graph.right[t].size for t in group) > MOST_ENTRIES:
            continue
        given, own = map(flat, zip(*[(case.manual[t], case.graph.right[t]) for t in group]))
        if not np.array_equal(given == 0, own == 0):
            continue
        given, own = given[given != 0], own[own != 0]
        # What is one number in all entries fits anything.
        if given.size < FEWEST or len(np.unique(given)) < FEWEST:
            continue
        quotient = own / given
        if not np.ptp(quotient) > 0.01 * abs(quotient).max():
            continue  # It is a multiple.
        for power, how in (
            (1, "root of its square plus a number"),
            (2, "root of the sum of its square and a number"),
        ):
            share, number = multiples([abs(own) ** power, np.ones_like(own)], quotient**power)
            if share > 0 and number >= 0:
                by = (share * abs(right) ** power + number) ** (1 / power)
                words = f"it is divided by the {how}, as by Adagrad, RMSprop or Adam"
                yield words, np.divide(right, by, np.zeros_like(right), where=right != 0)


def _multiple(given: Array, array: Array, words: str) -> Iterator[tuple[str, Array]]:
    factor = rounded(closest_factor(given, array))
    if factor == 1:
        yield words, array
    elif is_round(factor):
        yield f"{words}, times {factor:g}", factor * array


def _with_velocity(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """The weights, or an array of the caller's, that are added, such as momentum's velocity.

    How much of them shows in a few entries only if it is as much as in another gradient.
    """
    right, few = case.graph.right[tensor], tensor.size < FEWEST - 1
    vouched = dict.fromkeys(_strengths_elsewhere(case)) if few else ()
    for name, array in _added(case, tensor):
        for share, rate in vouched if few else _strengths(case, tensor, array):
            of_weights = array is tensor._array
            words = _of_weights(rate, share) if of_weights else _of_velocity(name, rate, share)
            if words:
                yield words, rate * right + share * array


def _added(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """The weights, and what the caller has of their shape, with numbers where they are one."""
    leaves = [leaf._array for leaf in case.graph.leaves]
    own = {n: a for n, a in case.arrays.items() if not any(np.array_equal(a, w) for w in leaves)}
    numbers = case.numbers if tensor.size == 1 else {}
    own |= {name: np.full(tensor.shape, number) for name, number in numbers.items()}
    for name, array in ({"the weights": tensor._array} | own).items():
        if array.shape == tensor.shape and not case.alike(array, case.manual[tensor]):
            yield name, array


def _strengths(case: Case, tensor: Tensor, array: Array) -> Iterator[tuple[float, float]]:
    """How much of an array, and of the gradient that is right, there is in what was handed in."""
    given, right = case.manual[tensor], case.graph.right[tensor]
    if not case.alike(closest_factor(array, right) * right, array):
        share, rate = multiples([array, right], given)
        yield share, rate


def _strengths_elsewhere(case: Case) -> Iterator[tuple[float, float]]:
    for tensor in [t for t in case.wrong_ones if t.size >= FEWEST - 1 and case.are_usable([t])]:
        for _, array in _added(case, tensor):
            for share, rate in _strengths(case, tensor, array):
                both = rate * case.graph.right[tensor] + share * array
                if case.alike(both, case.manual[tensor]):
                    yield share, rate


def _of_weights(rate: float, share: float) -> str:
    if not is_round(rate) or rate == 1:
        return ""  # What is added to the gradient itself is a penalty.
    if rate < 0 and 0.5 < share < 1 and is_round(rounded(1 - share)):
        words = "these are the weights after an update with weight decay"
        return f"{words}: {share:g} times the weights, less {-rate:g} times it"
    decays = is_round(share) and rate > 0 and share > 0
    return f"{rate:g} times it and {share:g} times the weights are added: weight decay" * decays


def _of_velocity(name: str, rate: float, share: float) -> str:
    times = "it" if rate == 1 else f"{abs(rate):g} times it"
    if (rate, share) == (1, -1):
        return f"{name}, which is to be added, is left out"
    if is_round(share) and is_round(rate) and share > 0:
        if rate > 0:
            return f"{times} and {share:g} {name} are added, as by momentum"
        return f"it is {share:g} {name} less {times}, as by momentum with a learning rate"
    momentum = rounded(rate - 1)
    if is_round(momentum) and math.isclose(share, momentum**2):
        return f"{momentum:g} times the velocity of momentum is added, made with {name}: Nesterov's"
    return ""


MOST_STEPS = 1000
"""Steps of a graph whose backward pass is recorded for products with curvatures."""
MOST_NODES = 6
"""Nodes, such as predictions, that a curvature is taken at."""
FEWEST_FOR_TWO = 3
"""Entries of a step from which on a damping is solved for."""
Products = Iterator[tuple[str, list[Array]]]
"""What a curvature is called, and its products with steps."""


def curved_step(case: Case) -> str:
    """What the wrong gradients are, if they are steps that divide by a curvature; else empty."""
    graph, wrong = case.graph, case.wrong_ones
    fits = case.are_usable(wrong) and all(tensor.operation is None for tensor in wrong)
    if not fits or len(graph.places) > MOST_STEPS:
        return ""
    steps = {tensor: case.manual[tensor] for tensor in wrong}
    given, right = flat(steps.values()), flat(graph.right[tensor] for tensor in wrong)
    if not given.any():
        return ""
    try:
        for what, products in _of_curvatures(graph, steps):
            damping = _damping(case, right, flat(products), given)
            if damping is not None:
                return what + (f", with {damping}" if damping else "")
    except Exception:  # A rule of the user's own may not be one that can be differentiated.
        return ""
    return ""


def _damping(case: Case, right: Array, product: Array, step: Array) -> str | None:
    """A factor or a damping in words, empty if there is none; None if it is no such step."""
    close = max(1e-6, case.tolerance) * abs(right).max()
    if not np.isfinite(product).all():
        return None
    factor = closest_factor(right, product)
    known = math.isclose(factor, 1, rel_tol=1e-6) or (len(step) > 1 and is_round(rounded(factor)))
    known = known or (len(step) > 2 and bool(case.usual_words(factor)))
    if known and abs(right - factor * product).max() <= close:
        if math.isclose(factor, 1, rel_tol=1e-6):
            return ""
        return f"{1 / factor:.6g} times it"
    if len(step) < FEWEST_FOR_TWO:
        return None
    share, damping = multiples([product, step], right)
    found = abs(right - share * product - damping * step).max() <= close
    if found and is_round(share) and is_round(damping / share) and damping / share > 0:
        return f"a damping of {rounded(damping / share):g}"
    return None


def _of_curvatures(graph: Graph, steps: Mapping[Tensor, Array]) -> Products:
    gradients = backpropagate(graph.loss, seed_of(graph.loss), create_graph=True)
    along: Any = sum((gradients[t] * step).sum() for t, step in steps.items())
    if isinstance(along, Tensor) and along.requires_grad:
        of_all = backpropagate(along, seed_of(along))
        if all(tensor in of_all for tensor in steps):
            words = "the step of Newton's method: the inverse Hessian times the gradient"
            yield words, [np.asarray(of_all[tensor]) for tensor in steps]
    moved = [tangents(graph, tensor, step) for tensor, step in steps.items()]
    for node in [node for node in graph.bottlenecks if node.size > 1][:MOST_NODES]:
        if not all(node in found for found in moved):
            continue
        tangent: Array = sum(found[node] for found in moved)
        arriving: Any = (gradients[node] * tangent).sum()
        if isinstance(arriving, Tensor) and arriving.requires_grad:
            curved = backpropagate(arriving, seed_of(arriving)).get(node)
            if curved is not None:
                words = "the step of Gauss and Newton, or the natural gradient: the inverse of "
                words += "J.T @ H @ J, of the predictions' derivatives, times the gradient"
                yield words, _sent_from(graph, node, np.asarray(curved), steps)
        if len(node._array) < 2:
            continue  # One sample's product with any step is a multiple of the gradient.
        g = graph.right[node]
        own = (g * tangent).sum(axis=tuple(range(1, node.ndim)), keepdims=True)
        words = "the natural gradient: the inverse of the samples' products g @ g.T, the empirical "
        yield words + "Fisher matrix, times the gradient", _sent_from(graph, node, g * own, steps)


def _sent_from(
    graph: Graph, node: Tensor, cotangent: Array, tensors: Mapping[Tensor, Array]
) -> list[Array]:
    """What arrives at tensors where this arrives at a node."""
    replay = graph.replay(instead_of_all(graph.consumers[node], cotangent))
    return [] if replay is None else [replay[tensor] for tensor in tensors]


def for_a_root(case: Case, tensor: Tensor) -> Iterator[tuple[str, Array]]:
    """Newton's step for a root, f / f', entry by entry; Polyak's, f / |f'|² times f'."""
    graph, right = case.graph, case.graph.right[tensor]
    loss = float(np.sum(graph.loss._array))
    words = "it is the step of Newton's method for a root: the value divided by the derivative"
    if right.all() and loss:
        yield words, loss / right
        alike = [node for node in graph.bottlenecks if node.shape == right.shape]
        for node in alike if right.size > 1 else ():
            shares = np.broadcast_to(graph.right[node], right.shape)
            yield words, node._array * shares / right
    square = float(np.vdot(right, right))
    if right.size > 1 and square:
        what = "it is Polyak's step: the gradient times the loss over the square of its norm"
        yield what, loss / square * right
        yield "it is divided by the square of its norm", right / square


# Weights that were updated already: in one product, in all, in a loop

MOST_IN_A_LOOP = 20
"""Steps of a loop whose weights are taken to be updated with each of the learning rates."""


class Use(NamedTuple):
    """A step that multiplies by weights."""

    place: Place
    slot: int  # of the weights, or of what they are rearranged to
    weights: Tensor
    moves: list[Tensor]  # that rearrange them, the last first

    def with_value(self, weights: Array, written: str = "") -> Instead:
        """The step with other weights."""
        return Instead(self.place, self.slot, moved_again(weights, self.moves), written)


def _uses(graph: Graph) -> list[Use]:
    found = []
    for place in graph.places:
        for slot, argument in place.others.items() if place.traits.product else ():
            leaf, moves = moved_from(argument) if is_recorded(argument) else (argument, [])
            if is_recorded(leaf) and leaf.operation is None:
                found.append(Use(place, slot, leaf, moves))
    return found


WORDS = "the weights are read after their update, W - learning_rate dW"


def updated_before(case: Case) -> Iterator[Candidate]:
    """The weights were updated with their gradient before: in one product, or in all."""
    uses = _uses(case.graph)

    def updated(chosen: Sequence[Use], rate: float) -> Wrong:
        wrong: Wrong = {}
        for use in chosen:
            # Updated with the gradient by hand, if there is one.
            right = case.graph.right[use.weights]
            by_hand: Any = case.manual.get(use.weights, right)
            update = by_hand if by_hand.shape == use.weights.shape else right
            written = "" if use.moves else f"({{0}} - {rate:.6g} * d{{0}})"
            wrong[use.place] = use.with_value(use.weights._array - rate * update, written)
        return wrong

    for chosen in [[use] for use in uses] + [uses] * (len(uses) > 1):
        number = "with learning_rate {}"
        yield with_strength("stale weights", WORDS, updated, chosen, neutral=0.0, number=number)


def updated_in_loop(case: Case) -> Iterator[Candidate]:
    """The weights of a loop were updated before, or are while it runs, with what they get."""
    graph, uses = case.graph, _uses(case.graph)
    for leaf in graph.leaves:
        chosen = [use for use in uses if use.weights is leaf and not use.moves]
        own = [_step_to_weights(graph, use) for use in chosen]
        if not 2 <= len(chosen) <= MOST_IN_A_LOOP or None in own:
            continue
        for rate in RATES:
            words = f"{WORDS}, in all steps, with learning_rate {rate:g}"
            value = leaf._array - rate * graph.right[leaf]
            wrong: Wrong = {use.place: use.with_value(value) for use in chosen}
            yield Candidate("stale weights", words, wrong)
            words = f"the weights are updated in each step of the loop, with learning_rate {rate:g}"
            for at_once in (True, False):
                yield Candidate("stale weights", words, _while_it_runs(chosen, own, rate, at_once))


def _step_to_weights(graph: Graph, use: Use) -> Place | None:
    of_node = graph.places_of[use.place.node]
    return next((place for place in of_node if place.argument is use.weights), None)


def _while_it_runs(uses: list[Use], own: list[Any], rate: float, at_once: bool) -> Wrong:
    """Weights less what they got by then; `at_once`, also less what the step itself gives."""
    got: list[Any] = []

    def with_updated(use: Use, step: Place, is_first: bool) -> Callable[..., Any]:
        def vjp(g: Array, *given: Any, **keywords: Any) -> Any:
            got[:] = [] if is_first else got
            before = sum(got)
            got.append(step.vjp(g, *given, **keywords))
            weights = use.weights._array - rate * (before + at_once * got[-1])
            return use.with_value(weights)(g, *given, **keywords)

        return vjp

    first = itertools.chain([True], itertools.repeat(False))
    return {use.place: with_updated(use, *rest) for use, *rest in zip(uses, own, first)}
