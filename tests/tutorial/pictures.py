"""What the tests of the tutorial read off a decision boundary."""

import matplotlib
import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.path import Path

import nn

matplotlib.use("Agg")


def assert_boundary_shows(ax, model, X, y):
    """The points of each class, filled regions where the model decides, and its accuracy."""
    points = [c for c in ax.collections if isinstance(c, PathCollection)]
    for label, drawn in enumerate(points):
        np.testing.assert_array_equal(drawn.get_offsets(), X[y[:, 0] == label])
    regions = [c for c in ax.collections if getattr(c, "filled", False)]
    probabilities = nn.predict(model, X).ravel()
    sure = np.abs(probabilities - 0.5) > 0.05  # between grid points the boundary is interpolated
    below, above = (covers(region, X[sure]) for region in regions)
    np.testing.assert_array_equal(below, probabilities[sure] < 0.5)
    np.testing.assert_array_equal(above, probabilities[sure] > 0.5)
    right = np.mean((probabilities > 0.5) == y[:, 0])
    assert ax.get_title() == f"{right:.1%} of {len(X)} points right"


def covers(region, points):
    """Whether a filled region covers each point: it is inside of an odd number of outlines."""
    outlines = [outline for path in region.get_paths() for outline in path.to_polygons()]
    return sum(Path(outline).contains_points(points) for outline in outlines) % 2 == 1
