"""The rates of an ODE, fitted to noisy observations: prey and predators.

Lotka and Volterra's x' = a x - b x y, y' = d x y - c y is solved by Runge and Kutta's method,
through which gradients flow, and its four rates are fitted to 40 noisy observations by
Levenberg-Marquardt.
Prints the rates with their standard errors, from the same Jacobian, and draws the solution into
output/lotka_volterra, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nn
from autograd_lite import Tensor, jacobian

RATES = {"a": 0.6, "b": 0.03, "c": 0.8, "d": 0.02}
START = np.array([30.0, 8.0])
STEP, BETWEEN, OBSERVED = 0.05, 10, 40
NOISE = 0.1


def slope(state, rates):
    a, b, c, d = rates
    prey, predators = state
    met = prey * predators
    return np.stack([a * prey - b * met, d * met - c * predators])


def solution(rates):
    """The populations every half year, (observed, 2)."""
    state, found = START, []
    for _ in range(OBSERVED):
        for _ in range(BETWEEN):
            k1 = slope(state, rates)
            k2 = slope(state + STEP / 2 * k1, rates)
            k3 = slope(state + STEP / 2 * k2, rates)
            k4 = slope(state + STEP * k3, rates)
            state = state + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        found.append(state)
    return np.stack(found)


def main(folder="output/lotka_volterra"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    true = np.array([*RATES.values()])
    noise = np.random.default_rng(0).normal(size=(OBSERVED, 2))
    observed = solution(true) * np.exp(NOISE * noise)
    # Logarithms of the rates, so that these stay above 0.
    logarithms = Tensor(np.log(true * [1.3, 0.8, 1.2, 0.9]), requires_grad=True)
    fit = nn.fit_least_squares(
        [logarithms], lambda: np.log(solution(np.exp(logarithms))) - np.log(observed)
    )
    rates = np.exp(logarithms.data)
    slopes = jacobian(lambda rates: np.log(solution(rates)))(rates).reshape(-1, 4)
    variance = 2 * fit.loss / (len(slopes) - 4)
    errors = np.sqrt(np.diag(variance * np.linalg.inv(slopes.T @ slopes)))
    for name, rate, error in zip(RATES, rates, errors, strict=True):
        print(f"{name} = {rate:.4f} ± {error:.4f}, made with {RATES[name]}")
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    times = STEP * BETWEEN * np.arange(1, OBSERVED + 1)
    fitted = solution(rates)
    for index, name in enumerate(("prey", "predators")):
        axes.plot(times, observed[:, index], "o", color=f"C{index}", markersize=4)
        axes.plot(times, fitted[:, index], color=f"C{index}", label=name)
    axes.set(xlabel="years", ylabel="number", title="Observations, and the fitted ODE")
    axes.legend()
    figure.savefig(folder / "populations.png", dpi=150)
    plt.close(figure)
    print("picture:", folder / "populations.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
