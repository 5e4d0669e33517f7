"""Sample inputs of the functions that join arrays, and of those that take them apart."""

from typing import Any

import numpy as np
from sampling import Sample, normal, sample


def joining(f: Any) -> list[Sample]:
    return [
        sample(lambda a: f([a]), normal(3)),
        sample(lambda a, b: f([a, b]), normal(3), 2 * normal(3)),
        sample(lambda a, b: f((a, b, a)), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a, b: f([a, b], axis=1), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a, b: f([a, b], -1), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a: f([np.ones((2, 3)), a, np.ones((2, 3))], axis=-2), normal(2, 3)),
        sample(lambda a, b: f([a, b]), normal(0, 3), normal(0, 3)),
    ]


def joining_columns(f: Any) -> list[Sample]:
    return [
        sample(lambda a: f([a]), normal(3)),
        sample(lambda a, b: f([a, b]), normal(3), 2 * normal(3)),
        sample(lambda a, b: f((a, b, a)), normal(2, 3), 2 * normal(2, 3)),
        sample(lambda a: f([np.ones((2, 1, 2)), a]), normal(2, 1, 2)),
        sample(lambda a, b: f([a, b]), normal(), 2 * normal()),
        sample(lambda a: f([a, [1.0, 2.0]]), normal(2)),
        sample(lambda a, b: f([a, b]), normal(0, 3), normal(0, 3)),
        sample(f, normal(3, 2)),
    ]


def taking_apart(f: Any, sections: Any, *shapes: tuple[int, ...], **how: Any) -> list[Sample]:
    return [
        sample(lambda x, s=s: all_entries(f(x, s, **how)), normal(*shape))
        for shape in shapes
        for s in sections
    ]


def all_entries(parts: Any) -> Any:
    """The entries of several arrays, those of each array by another factor."""
    return np.concatenate([np.ravel(part) * (1 + i) for i, part in enumerate(parts)])


SECTIONS = [1, 2, [1], [1, 1, 3], [3, 1], [-1], [9]]

SAMPLES = {
    np.concatenate: [
        *joining(np.concatenate),
        sample(lambda a, b: np.concatenate([a, b]), normal(2, 3), normal(4, 3)),
        sample(lambda a, b: np.concatenate([a, b], axis=-1), normal(2, 1), normal(2, 4)),
        sample(lambda a, b: np.concatenate([a, b], axis=None), normal(2, 3), normal(4)),
        sample(lambda a, b: np.concatenate([a, b]), normal(0), normal(4)),
    ],
    np.stack: [*joining(np.stack), sample(lambda a, b: np.stack([a, b]), normal(), 2 * normal())],
    np.vstack: [
        *joining_columns(np.vstack),
        sample(lambda a, b: np.vstack([a, b]), normal(3), normal(2, 3)),
    ],
    np.hstack: [
        *joining_columns(np.hstack),
        sample(lambda a, b: np.hstack([a, b]), normal(2, 1), normal(2, 4)),
        sample(lambda a, b: np.hstack([a, b]), normal(1), normal()),
    ],
    np.dstack: joining_columns(np.dstack),
    np.column_stack: [
        *joining_columns(np.column_stack),
        sample(lambda a, b: np.column_stack([a, b]), normal(3), normal(3, 2)),
    ],
    np.append: [
        sample(lambda a, b: np.append(a, b), normal(2, 3), normal(4)),
        sample(lambda a: np.append(a, 2.5), normal(2)),
        sample(lambda b: np.append([[1.0, 2.0]], b, axis=0), normal(3, 2)),
        sample(lambda a, b: np.append(a, b, -1), normal(2, 3), normal(2, 1)),
    ],
    np.split: [
        *taking_apart(np.split, SECTIONS, (4,), (2, 3)),
        *taking_apart(np.split, SECTIONS, (3, 4), axis=-1),
        *taking_apart(np.split, [[2]], (0, 3)),
    ],
    np.array_split: [
        *taking_apart(np.array_split, [*SECTIONS, 3, 5], (4,), (2, 3)),
        *taking_apart(np.array_split, SECTIONS, (2, 3), axis=-1),
    ],
    np.hsplit: taking_apart(np.hsplit, SECTIONS, (4,), (3, 2), (1, 2, 3)),
    np.vsplit: taking_apart(np.vsplit, SECTIONS, (4, 1), (2, 3, 1)),
    np.dsplit: taking_apart(np.dsplit, SECTIONS, (1, 3, 2)),
}
