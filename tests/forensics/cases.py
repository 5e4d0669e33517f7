"""Networks with planted mistakes, and what counts as a right diagnosis of one.

Two mistakes that give the same gradients cannot be told apart: each is then a right answer for the
other. A mistake that changes nothing is no case.
"""

import warnings
from collections import Counter, defaultdict
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from by_hand import Mistake, Slip, derive, scaled

SAME = {"float64": 1e-5, "float32": 3e-3}
"""Relative difference up to which gradients count as the same. An epsilon of 1e-8 in a logarithm
is below it, every planted mistake that can be told is above."""

UNNAMED = "unnamed"
"""The place of a mistake that may be found at any tensor without a name of its own."""


class Group(NamedTuple):
    """A network, its gradients, and the cases of mistakes in it."""

    title: str
    tensors: dict
    loss: object
    steps: list
    values: dict
    right: dict
    cases: list


class Case(NamedTuple):
    """Gradients as handed in, and the mistakes that were made: one, or several at once.

    `answers` are, for each of the mistakes, those that count as its right diagnosis.
    """

    group: Group
    mistakes: tuple
    gradients: dict
    answers: tuple = ()

    @property
    def kind(self):
        return in_words(self.mistakes)

    @property
    def distinguishable(self):
        """Whether no mistake of another kind gives the same gradients."""
        return all(len({answer.kind for answer in answers}) == 1 for answers in self.answers)

    def manual(self):
        return {self.group.tensors[name]: array for name, array in self.gradients.items()}


def in_words(mistakes):
    """The kinds of mistakes, each once."""
    counts = Counter(mistake.kind for mistake in mistakes)
    return " + ".join(f"{n} x {kind}" if n > 1 else kind for kind, n in sorted(counts.items()))


def make_group(title, steps, values, tensors, loss, names=None, slips=None):
    """All single mistakes of a network; `names` of the gradients handed in, all by default."""
    gradients = derive(steps, values)
    names = list(gradients) if names is None else list(names)
    right = {name: gradients[name] for name in names}
    group = Group(title, tensors, loss, steps, values, right, [])
    mistakes = [mistake for step in steps for mistake in step.mistakes]
    if slips is not None:
        mistakes += slips(right, names)
    found = []
    for mistake in mistakes:
        handed = hand_in(group, (mistake,))
        if handed is not None:
            found.append(Case(group, (mistake,), handed))
    group.cases.extend(told_apart(found, right))
    return group


def hand_in(group, mistakes):
    """The gradients after these mistakes, or None where they cannot be made in this network.

    Nor can those that nobody overlooks: gradients of another shape, or of nothing but 0.
    """
    inside = [mistake for mistake in mistakes if isinstance(mistake, Mistake)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gradients = derive(group.steps, group.values, inside)
    except (ValueError, KeyError, RuntimeWarning):
        # Shapes that do not fit, a layer that is not there, a division by 0.
        return None
    for mistake in mistakes:
        if isinstance(mistake, Slip):
            gradients = mistake.change(gradients)
    handed = {name: gradients[name] for name in group.right}
    misshapen = any(handed[name].shape != group.right[name].shape for name in handed)
    vanished = any(group.right[name].any() and not handed[name].any() for name in handed)
    if vanished or (misshapen and not {mistake.kind for mistake in mistakes} & MISSHAPING):
        return None
    return handed


MISSHAPING = {"transposed", "wrong axis", "not summed"}
"""Kinds that may give a parameter's gradient another shape; after others it would be noticed."""


def told_apart(cases, right):
    """The cases that are wrong at all, each with the mistakes that explain it."""
    scales = scales_of(right)
    by_shapes = defaultdict(list)
    for case in cases:
        by_shapes[tuple(array.shape for array in case.gradients.values())].append(case)
    shapes_of_right = tuple(array.shape for array in right.values())
    found = []
    for shapes, alike in by_shapes.items():
        vectors = np.array([flat(case.gradients, scales) for case in alike])
        if shapes == shapes_of_right:
            wrong = ~same(vectors, flat(right, scales), right)
            alike = [case for case, keep in zip(alike, wrong, strict=True) if keep]
            vectors = vectors[wrong]
        for case, vector in zip(alike, vectors, strict=True):
            twins = np.flatnonzero(same(vectors, vector, right))
            found.append(case._replace(answers=(tuple(alike[i].mistakes[0] for i in twins),)))
    return found


def scales_of(gradients):
    """The largest entry of each; of all, for one that is nothing but the rounding of a 0."""
    sizes = {name: np.abs(array).max() for name, array in gradients.items()}
    largest = max(sizes.values()) or 1.0
    return {name: size if size > 1e-9 * largest else largest for name, size in sizes.items()}


def flat(gradients, scales):
    return np.concatenate([(array / scales[name]).ravel() for name, array in gradients.items()])


def same(vectors, vector, right):
    """Which rows equal a vector, relative to its entries or to the right gradients' scales."""
    (dtype,) = {array.dtype.name for array in right.values()}
    allowed = SAME[dtype] * np.maximum(1.0, np.abs(vector))
    return (np.abs(vectors - vector) <= allowed).all(axis=1)


def pairs(group, rng, number):
    """Cases of two mistakes at two steps, that do not look like one mistake or none."""
    found = []
    for _ in range(number):
        first, second = (group.cases[i] for i in rng.choice(len(group.cases), 2, replace=False))
        mistakes = first.mistakes + second.mistakes
        if steps_of(first.mistakes[0]) & steps_of(second.mistakes[0]):
            continue
        handed = hand_in(group, mistakes)
        if handed is None:
            continue
        simpler = [case.gradients for case in group.cases] + [group.right]
        if any(looks_like(handed, other, group.right) for other in simpler):
            continue
        answers = first.answers + second.answers
        found.append(Case(group, mistakes, handed, answers))
    return found


def in_every_layer(group):
    """Cases of one mistaken line in a loop over the layers: it is wrong in each of them."""
    families = defaultdict(list)
    for step in group.steps:
        seen = Counter()
        for mistake in step.mistakes:
            seen[mistake.kind] += 1
            key = step.place[0], mistake.kind, mistake.factor, seen[mistake.kind]
            families[key].append(mistake)
    single = {case.mistakes[0] for case in group.cases}
    found = []
    for mistakes in families.values():
        mistakes = tuple(mistake for mistake in mistakes if mistake in single)
        handed = hand_in(group, mistakes) if len(mistakes) > 1 else None
        if handed is not None:
            answers = tuple((mistake,) for mistake in mistakes)
            found.append(Case(group, mistakes, handed, answers))
    return found


def steps_of(mistake):
    return {mistake.step} if isinstance(mistake, Mistake) else mistake.places


def looks_like(gradients, others, right):
    scales = scales_of(right)
    if any(gradients[name].shape != others[name].shape for name in gradients):
        return False
    return same(flat(others, scales)[None], flat(gradients, scales), right)[0]


def is_answer(case, explanation):
    """Whether an explanation names the planted mistakes, in kind and in place."""
    if explanation is None:
        return False
    found = [mistake for mistake in explanation.mistakes if mistake.kind != "epsilon"]
    if not 0 < len(found) <= len(case.mistakes):
        return False
    if len(case.mistakes) == 1 and found[0].kind != case.kind:
        return names_them(case, found)
    return (
        names_them(case, found)
        or names_all_at_once(case, found, explanation.sentence)
        or gives_the_same(case, found)
    )


def names_them(case, found):
    return len(found) == len(case.answers) and any(
        all(
            any(matches(answer, mistake, case) for answer in answers)
            for answers, mistake in zip(case.answers, order, strict=True)
        )
        for order in permutations(found)
    )


def names_all_at_once(case, found, sentence):
    """Whether the kind that all have is found, and said to be in all their places."""
    kinds = {mistake.kind for mistake in (*case.mistakes, *found)}
    return len(kinds) == 1 and all(
        any(f"d{place}" in sentence for place in mistake.places) for mistake in case.mistakes
    )


def gives_the_same(case, found):
    """Whether the mistakes found, made by hand, give the gradients that were handed in.

    Several mistakes can be such as others: a factor before and one after a branch, say.
    """
    candidates = [made_by_hand(case.group, mistake) for mistake in found]
    for mistakes in product(*candidates):
        handed = hand_in(case.group, mistakes)
        if handed is not None and looks_like(case.gradients, handed, case.group.right):
            return True
    return False


def made_by_hand(group, found):
    """The planted mistakes of this kind and place, and a factor of any size."""
    planted = [
        case.mistakes[0]
        for case in group.cases
        if case.mistakes[0].kind == found.kind and found.tensor in case.mistakes[0].places
    ]
    if found.kind in ("factor", "sign"):
        planted += [
            scaled(step.place, step.right, found.factor)
            for step in group.steps
            if step.place == found.tensor
        ]
    return planted


def matches(planted, found, case):
    if planted.kind != found.kind or not is_place(planted, found.tensor, case.group):
        return False
    return planted.factor is None or np.isclose(planted.factor, found.factor, rtol=1e-4)


def is_place(planted, name, group):
    """Whether a tensor is where the mistake was made; the loss's own tensors have no names."""
    if name in group.tensors:
        return name in planted.places
    last = max((place for place in group.tensors if place[0] == "A"), default="A")
    return UNNAMED in planted.places or last in planted.places
