"""What a search has found, in sentences that a student understands; how errors look otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from autograd_lite.forensics.candidate import (
    DROPPED,
    FACTORS,
    SIGN,
    Always,
    Arriving,
    Candidate,
    Instead,
    Valued,
    negated,
    unchanged,
)
from autograd_lite.forensics.case import NEARLY, Case, relative_error
from autograd_lite.forensics.explain import Hypothesis
from autograd_lite.forensics.factors import as_written, rounded
from autograd_lite.forensics.names import Names, written
from autograd_lite.forensics.place import Place, is_recorded
from autograd_lite.forensics.replay import Graph
from autograd_lite.forensics.slips import Slip
from autograd_lite.forensics.uses import ONLY_HERE, OnOneWay
from autograd_lite.node import Array
from autograd_lite.tensor import Tensor
from autograd_lite.textbook.naming import key_of
from autograd_lite.textbook.words import contribution_formula


@dataclass(frozen=True)
class Mistake:
    """One mistake of a derivation.

    Attributes:
        kind: what sort it is, such as "transposed" or "derivative forgotten".
        tensor: the name of the tensor whose gradient is first wrong.
        operation: the function whose derivative is mistaken; empty where the gradient as it was
            handed in is the mistake.
        factor: the number that the right result is multiplied by, for mistakes that are one.
        used: the formula that was used, such as "dW = 2 * dz"; empty where it is the right one.
        right: the formula that is right.
        source: file and line of the forward operation: where it ran within `detect_anomaly`, else
            where the caller sets the variable of its result; empty if neither is known.
        sentence: what is wrong, in words.
    """

    kind: str
    tensor: str
    operation: str
    factor: float | None
    used: str
    right: str
    source: str
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """Mistakes that together reproduce the gradients that were handed in.

    Attributes:
        mistakes: one, or two.
        explained: names of the wrong gradients that are right given these mistakes.
        error: the largest relative error that they leave, over all gradients.
        consequences: which gradients are wrong because of them, and which are right, in words.
    """

    mistakes: list[Mistake]
    explained: list[str]
    error: float
    consequences: str

    def __str__(self) -> str:
        lines = []
        for number, mistake in enumerate(self.mistakes, 1):
            count = f"({number}) " if len(self.mistakes) > 1 else ""
            lines.append(f"{count}{mistake.sentence}")
            if mistake.used:
                lines += [f"    by hand:  {mistake.used}", f"    right:    {mistake.right}"]
            if mistake.source:
                lines.append(f"    forward:  {mistake.source}")
        return "\n".join([*lines, self.consequences])

    @property
    def sentence(self) -> str:
        """All in one line."""
        return " ".join(str(self).split())

    def as_dict(self) -> dict[str, Any]:
        """The same as a dict of numbers, strings and lists."""
        return {**asdict(self), "sentence": self.sentence}


def explained(
    case: Case, hypothesis: Hypothesis, wrong: frozenset[Tensor], names: Names
) -> Explanation:
    """The explanation, of gradients that are wrong, that a hypothesis is."""
    mistakes = [
        _slip(case, mistake, names) if isinstance(mistake, Slip) else _in_step(case, mistake, names)
        for mistake in hypothesis.mistakes
    ]
    left = hypothesis.unexplained
    bad = [tensor for tensor in case.manual if tensor in wrong and tensor not in left]
    fine = [names.cotangent(tensor) for tensor in case.manual if tensor not in wrong]
    unexplained = [names.cotangent(tensor) for tensor in case.manual if tensor in wrong & left]
    because = f"wrong because of {'it' if len(mistakes) == 1 else 'them'}"
    parts = [f"{_are([*map(names.cotangent, bad)])} {because}"]
    parts += [f"{_are(unexplained)} wrong too, and nothing explains that"] * bool(unexplained)
    apart = " all the same, where this was not done" * hypothesis.only
    parts += [f"{_are(fine)} right{apart}"] * bool(fine)
    return Explanation(mistakes, [*map(names.own, bad)], hypothesis.error, f"{'; '.join(parts)}.")


def _are(names: list[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} others" if len(names) > MOST_NAMES else ""
    return f"{shown}{more} {'is' if len(names) == 1 else 'are'}"


MOST_NAMES = 12
"""Gradients that are named where many are wrong, or right."""
MOST_TARGETS = 4
"""Steps besides the first that are called by name."""


def _in_step(case: Case, mistake: Candidate, names: Names) -> Mistake:
    place = case.graph.first_of(mistake.wrong)
    # Where a value is used more than once, a step is one of several contributions.
    uses = case.graph.consumers[place.argument]
    every, whole = all(use in mistake.wrong for use in uses), ""
    likewise = "" if mistake.joint else _likewise(case.graph, mistake, every, names)
    what = mistake.what.replace("{operation}", names.function(place))
    what = re.sub(r",(?=[,;:]|$)", "", what)  # after "written out,"
    what = what.replace("{argument}", names.value(place.argument))
    vjp = mistake.wrong[place]
    if isinstance(vjp, Instead):
        what = what.replace("{own}", names.value(place.node.arguments[vjp.slot], "a"))
    if isinstance(vjp, Instead | Arriving):
        unknown = "other data" if isinstance(vjp, Valued) else "another"
        arrives = isinstance(vjp, Arriving) and not isinstance(vjp, Valued)
        name = names.of.get(key_of(vjp.written), unknown)
        what = what.replace("{other}", name if arrives else names.described(vjp.written, unknown))
    step = vjp.use if isinstance(vjp, OnOneWay) else place
    forgets = vjp in (unchanged, negated) or (step is not place and "forgotten" in what)
    if forgets and not mistake.joint and step.multiplies_entries and len(step.others) == 1:
        what = _with_factor(step, what, names)
    if mistake.kind == DROPPED[0] and not mistake.joint:
        own = _left_out(case, mistake, place, names) if mistake.is_any_path else ""
        what = _parts_left_out(mistake, uses) or own or what
    words = f"{names.step(place, _end(case, mistake, place))}{likewise}: {what}"
    is_exact = mistake.kind == "penalty" and mistake.factor in (0, -1)
    is_said = mistake.kind in ("sign", "dropped path") or is_exact
    if mistake.kind == "factor" or (mistake.solve and not is_said):
        number = mistake.number.format(as_written(mistake.strength * mistake.unit))
        if mistake.kind == "penalty" and mistake.neutral == 1:
            reason = case.in_words(mistake.strength)
            number += f": {reason}" if reason else ""
        words += f", {number or _factor(case, mistake.strength, place)}"
    is_one = len(uses) == 1 or mistake.factor is not None
    if every and is_one and place.node not in names.known:
        whole = names.whole_cotangent(place.argument)
    right = whole or written(contribution_formula, place.node, place.slot, names.of)
    if right == f"d{names.of[place.argument]}":  # it only passes on what is called so itself
        right = names.whole_cotangent(place.node)
    used = right and _used(place, mistake, right, names)
    used = _with_whole(used, place.node, names) if whole and right not in used else used
    target = f"d{names.of[place.argument]} {'=' if whole or len(uses) == 1 else '+='} "
    right, used = (target + right, target + used) if used not in ("", right) else ("", "")
    of = mistake.kind, names.own(place.argument), place.operation.name, mistake.factor
    return Mistake(*of, used, right, names.source(place.node), f"{words}.")


def _likewise(graph: Graph, mistake: Candidate, every: bool, names: Names) -> str:
    """The other steps that a mistake is made in."""
    count, first = len(mistake.wrong), names.cotangent(graph.first_of(mistake.wrong).argument)
    targets = dict.fromkeys(names.cotangent(place.argument) for place in mistake.wrong)
    others = [target for target in targets if target != first]
    further = "one other step" if count == 2 else f"{count - 1} other steps"
    if len(others) > MOST_TARGETS:
        further = f"all {count} steps" if graph.are_all(mistake.wrong) else further
        return f", and likewise in {further} of this kind"
    if others:
        return f", and likewise to {', '.join(others)}"
    which = mistake.kind == DROPPED[0] and not mistake.is_any_path
    one_end = every and len({place.argument for place in mistake.wrong}) == 1
    is_said = count == 1 or (mistake.kind in FACTORS and (one_end or which))
    return "" if is_said else f", and likewise in {further} of this kind"


def _end(case: Case, mistake: Candidate, place: Place) -> Tensor:
    """Where the steps of a mistake lead to, one after the other, from the first one on."""
    end = place.argument
    onward = case.graph.places_of.get(end, ())
    while mistake.joint and len(onward) == 1 and onward[0] in mistake.wrong:
        end = onward[0].argument
        onward = case.graph.places_of.get(end, ())
    return end


def _with_factor(place: Place, what: str, names: Names) -> str:
    """What is said where a factor is forgotten that has a name, or that is divided by."""
    (factor,) = place.other_arguments
    name = names.of.get(key_of(factor), "")
    if not name:
        return what
    derivative = f"1 / {name}" if place.operation.function is np.divide else name
    which = "" if SIGN[1] in what else f", which is {derivative}"
    end = ONLY_HERE if what.endswith(ONLY_HERE) else ""
    return f"{name} is forgotten{end}: {what.removesuffix(end)}{which}"


def _left_out(case: Case, mistake: Candidate, place: Place, names: Names) -> str:
    """What is dropped, where that is a term of a sum, or of a product rule; else empty."""
    equal = [argument for argument in place.node.arguments if argument is place.argument]
    if place.traits.product and len(equal) == 2 and len(mistake.wrong) == 1:
        missing = ": a factor of 2 is missing, that of the square" * place.traits.elementwise
        return f"one of two equal factors is not differentiated{missing}"
    uses = case.graph.consumers[place.argument]
    if len(uses) == 2 and len(mistake.wrong) == 1 and place.argument.ndim:
        if case.alike(*map(case.graph.sent, uses)):
            return f"{mistake.what}; as the other one gives the same, a factor of 2 is missing"
    one_name = names.cotangent(place.node) == names.cotangent(place.argument)
    chained = place.argument.operation is place.operation and len(mistake.wrong) == 1
    if place.traits.additive and place.slot == 0 and (one_name or chained):
        words = "only the last term of the sum counts: those before are left out, or overwritten"
        return f"{words}, = for +="
    if place.traits.additive and one_name:
        return "the last term of the sum is left out"
    start, consumers = place, case.graph.consumers
    while len(case.graph.places_of[start.node]) == len(consumers.get(start.node, ())) == 1:
        (start,) = consumers[start.node]
    branches = len(consumers[place.argument]) > 1 and start.node in names.known
    branches = branches or (start is place and all(map(is_recorded, place.other_arguments)))
    if branches and start.multiplies_entries:
        rule = "quotient" if start.operation.function is np.divide else "product"
        words = f"a path is dropped: a term of the {rule} rule is left out, that of"
        return f"{words} {names.operand(start)}"
    return ""


def _parts_left_out(mistake: Candidate, uses: list[Place]) -> str:
    """What is dropped, where that are some of the parts that are taken of an array; else empty."""
    parts = [use for use in uses if use.traits.indexes]
    dropped = sum(use in mistake.wrong for use in parts)
    if 0 < dropped < len(parts):
        share = (
            f"{dropped} of the {len(parts)} parts, such as rows or windows, that are taken of it"
        )
        return f"{share} are left out: what arrives there is lost"
    return ""


def _factor(case: Case, factor: float, place: Place | None = None) -> str:
    whole, part = rounded(factor), rounded(1 / factor) if factor else 0.0
    number = as_written(factor)
    if whole > 1 and whole.is_integer():
        number += f": a factor of {number} too many"
    elif part > 1 and part.is_integer():
        number += f": it is divided by {part:g} once too often"
    return case.in_words(factor, place) or number


def _with_whole(formula: str, node: Tensor, names: Names) -> str:
    """A formula with that of what arrives at a node without a name in its place, if it is short."""
    arriving = names.whole_cotangent(node)
    if not 0 < len(arriving) <= LONGEST:
        return formula
    own = f"d{names.of[node]}"
    simple = formula == own or re.fullmatch(r"[\w.\[\]]+", arriving)
    put = arriving if simple else f"({arriving})"
    return re.sub(rf"(?<![\w.]){re.escape(own)}(?![\w\[])", lambda _: put, formula)


LONGEST = 80
"""Characters of the formula of what arrives at a node that has no name."""


def _used(place: Place, mistake: Candidate, right: str, names: Names) -> str:
    if mistake.joint:
        return ""
    if mistake.kind == "dropped path":
        return "0"
    if mistake.kind == "penalty" and mistake.far_fetched:
        return f"{right} + {mistake.strength * mistake.unit:.6g} * {names.of[place.argument]}"
    if mistake.factor is not None:
        factor = "-" if mistake.factor == -1 else f"{as_written(mistake.factor)} * "
        return factor + (f"({right})" if any(sign in right for sign in " +-*/@") else right)
    vjp = mistake.wrong[place]
    if isinstance(vjp, Always):
        return vjp.written.format(names.value(place.argument), names.of.get(id(vjp.targets), "y"))
    if isinstance(vjp, Arriving):
        return _from_another(place, vjp, names)
    if not isinstance(vjp, Instead):
        formula = written(contribution_formula, place.node, place.slot, names.of, vjp)
        return _without_constants(formula)
    key = key_of(place.node.arguments[vjp.slot])
    if isinstance(vjp.written, str):
        own = names.of.get(place.argument, "")
        name = vjp.written.format(names.of.get(key, "constant"), own)
    else:
        name = names.value(vjp.written, "another")
        name = (f"({name})" if " " in name else name) + ".T" * vjp.turned
    if not name:
        return ""
    formula = written(contribution_formula, place.node, place.slot, {**names.of, key: name})
    formula = re.sub(r"np.swapaxes\((\w+).swapaxes\(-1, -2\), -1, -2\)", r"\1", formula)
    return formula.replace(".T.T", "")


def _from_another(place: Place, vjp: Arriving, names: Names) -> str:
    """The formula with what arrives elsewhere, or with the values of another array, if known."""
    name = names.of.get(key_of(vjp.written), "")
    if isinstance(vjp, Valued):
        name = names.value(vjp.written)
    else:
        renamed = {**names.of, place.node: name or "another"}
        return written(contribution_formula, place.node, place.slot, renamed)
    mark = f" {name}"  # No name has a blank in it.
    formula = written(contribution_formula, place.node, place.slot, {**names.of, place.node: mark})
    return formula.replace(f"d{mark}", name) if name else ""


def _without_constants(formula: str) -> str:
    """A formula; empty if it says nothing: of numbers that are called a constant, or counts."""
    return "" if re.search(r"\bconstant(_\d+)?\b|\bbincount\b", formula) else formula


def _slip(case: Case, slip: Slip, names: Names) -> Mistake:
    what = slip.what if slip.other is None else slip.what.format(names.of[slip.other])
    if slip.kind == "swapped" and len(slip.tensors) > 2:
        what = "the gradients are in another order, as in a list that is to be reversed"
    words = f"{', '.join(map(names.cotangent, slip.tensors))}: {what}"
    if slip.kind == "factor" and slip.factor:
        words += f": {_factor(case, slip.factor)}"
    words += ". The steps before are right."
    return Mistake(slip.kind, names.own(slip.tensors[0]), "", slip.factor, "", "", "", words)


LARGEST = 1_000_000
"""Entries up to which the rank of an error is looked at."""
LARGEST_RANK = 64
"""Ranks of larger matrices take long to compute, and say little."""


def pattern_of(case: Case, wrong: frozenset[Tensor], names: Names) -> str:
    """A sentence for each wrong gradient, in the order in which they were handed in."""
    given = [(t, manual) for t, manual in case.manual.items() if t in wrong]
    found = [(t, _of_one(manual, case.graph.right[t], case.tolerance)) for t, manual in given]
    return " ".join(f"{names.cotangent(tensor)}: {words}." for tensor, words in found)


def _of_one(manual: Array, automatic: Array, tolerance: float) -> str:
    if manual.shape != automatic.shape:
        return f"its shape is {manual.shape}, the gradient's {automatic.shape}"
    for array, whose in ((manual, ""), (automatic, " in the automatic gradient")):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            first = tuple(bad[0].tolist())
            entries = f"{len(bad)} of {array.size} entries are NaN or infinite{whose}"
            return f"{entries}, the first at {first}"
    difference = manual - automatic
    off = np.abs(difference) > tolerance * max(np.abs(manual).max(), np.abs(automatic).max())
    error = relative_error(manual, automatic)
    if error <= NEARLY:
        share = f"{int(off.sum())} of {off.size} entries are off by up to {error:.1g}"
        how = "as finite differences, float32 or constants of few digits are"
        return f"{share} of the largest, {how}"
    return "; ".join(_features(manual, automatic, difference, off))


def _features(manual: Array, automatic: Array, difference: Array, off: Array) -> Iterator[str]:
    count = int(off.sum())
    yield "all entries are off" if off.all() else f"{count} of {off.size} entries are off"
    if not off.all() and off.ndim == 2:
        rows, columns = np.flatnonzero(off.any(axis=1)), np.flatnonzero(off.any(axis=0))
        if len(rows) < off.shape[0]:
            yield f"only in {_listed('row', rows)}"
        if len(columns) < off.shape[1]:
            yield f"only in {_listed('column', columns)}"
    opposite = off & (np.abs(manual + automatic) <= 1e-6 * np.abs(automatic))
    if opposite.any():
        every = "all of these" if (opposite == off).all() else f"{int(opposite.sum())} of these"
        yield f"{every} have the opposite sign"
    if off.ndim == 2 and 1 < min(off.shape) <= LARGEST_RANK and count > 1 and off.size <= LARGEST:
        rank = int(np.linalg.matrix_rank(difference, tol=1e-6 * np.abs(difference).max()))
        if rank < min(off.shape):
            yield f"the error has rank {rank}"


def _listed(what: str, indices: Array) -> str:
    shown = ", ".join(map(str, indices[:5].tolist())) + (", ..." if len(indices) > 5 else "")
    return f"{what}{'s' if len(indices) > 1 else ''} {shown}"
