"""A physics-informed network: the heat equation solved by a network, without data.

A rod of length 1 begins with the temperature sin(πx) + ½ sin(3πx) and is cooled at both ends:
∂u/∂t = κ ∂²u/∂x², u(0, t) = u(1, t) = 0. A network u(x, t), which is right at the beginning and at
the ends by its form, is fitted by L-BFGS until it obeys the equation at points inside: the loss is
made of its second derivatives. Prints the error against the exact solution, and draws both into
output/heat_equation, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nn
from autograd_lite import grad

DIFFUSIVITY = 0.1
RNG = np.random.default_rng(0)


def exact(x, t):
    """Each wave dies by itself, short ones sooner."""
    first = np.sin(np.pi * x) * np.exp(-DIFFUSIVITY * np.pi**2 * t)
    return first + np.sin(3 * np.pi * x) * np.exp(-DIFFUSIVITY * 9 * np.pi**2 * t) / 2


def temperature(model, x, t):
    """That of the network, 0 at both ends and right at the beginning by its form."""
    free = model(np.stack([2 * x - 1, 2 * t - 1], axis=1))[:, 0]
    return exact(x, 0 * t) + t * x * (1 - x) * free


def residuals(model, x, t):
    """∂u/∂t - κ ∂²u/∂x² at points: 0 where the equation holds."""

    def total(x, t):
        return temperature(model, x, t).sum()

    slope = grad(total, 0)
    in_time = grad(total, 1)(x, t)
    curvature = grad(lambda x: slope(x, t).sum())(x)
    return in_time - DIFFUSIVITY * curvature


def main(folder="output/heat_equation"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = nn.Sequential(
        nn.Dense(2, 24, "tanh", rng=0), nn.Dense(24, 24, "tanh", rng=1), nn.Dense(24, 1, rng=2)
    )
    x, t = RNG.uniform(size=(2, 500))
    t = t**2  # more of them early, when the temperature changes fast
    fit = nn.fit_lbfgs(
        model.parameters(), lambda: (residuals(model, x, t) ** 2).mean(), iterations=1200
    )
    print(f"loss {fit.loss:.1e} after {fit.evaluations} evaluations")
    xs, ts = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    found = temperature(model, xs.ravel(), ts.ravel()).data.reshape(xs.shape)
    error = np.abs(found - exact(xs, ts))
    print(f"largest error {error.max():.1e}, mean {error.mean():.1e}")
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
    panels = {"network": found, "exact": exact(xs, ts), "error": error}
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        image = ax.pcolormesh(xs, ts, values, cmap="viridis" if name == "error" else "inferno")
        ax.set(xlabel="x", ylabel="t", title=name)
        figure.colorbar(image, ax=ax)
    figure.savefig(folder / "heat.png", dpi=150)
    plt.close(figure)
    print("picture:", folder / "heat.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
