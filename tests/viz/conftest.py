"""Figures do not outlive their test."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of what draws


@pytest.fixture(autouse=True)
def close_figures():
    plt.close("all")  # those of doctests
    yield
    plt.close("all")
