"""What can be wrong inside a network: a function for each finding, which looks at the evidence.

A network that learns as it should has none of these. What the thresholds separate was measured on
networks of 1 to 8 hidden layers with ReLU, sigmoid and tanh, before, during and after training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nn.diagnosis.evidence import STEPS, Evidence, changes, descended, inputs, optimized
from nn.diagnosis.report import Finding, listed
from nn.layers.dropout import Dropout

VANISHED = 1e-3
"""Of the norm of the gradient at the last layer: what is left of it at another one. He's and
Xavier's initialization keep it within 0.05 and 3. Each sigmoid takes at least three quarters of it,
as its slope is 1/4 at most: 0.002 is left below four layers of sigmoids, which learn slowly, and
0.0002 below six, which do not."""
EXPLODED = 1e3
"""The same in the other direction; in trained networks the ratio reaches 40."""
DEAD_SHARE = 0.75
"""Of the units of a layer. In narrow layers after He up to 0.6 are 0 for all samples by chance, and
in trained ones up to 0.75, where the others suffice."""
SAMPLES_FOR_DEATH = 4
"""With fewer samples many units are 0 for each of them by chance."""
SATURATED_SHARE = 0.6
"""Of the outputs of a layer. After Xavier, with standardized inputs, it is below 0.1, and in
training up to 0.53 before a network has learned."""
SATURATED = 0.01
"""Distance from a limit: the slope of a sigmoid is 1/25 of its largest there, that of a tanh
1/50."""
LARGE_DROPOUT = 0.9
"""Share that is dropped. Half is usual between wide layers, and a tenth elsewhere (Srivastava et
al., "Dropout", 2014)."""
LARGEST_STEP = 1.0
"""Relative to the weights: a step as long as they are. Of 600 networks that were trained for 30
epochs 289 had a longer first step. Of the 224 of them whose loss rose within ten steps 28 learned,
and 181 were no better in the end than a constant; of the 65 whose loss fell 55 learned."""
SMALLEST_STEP = 1e-5
"""Relative to the weights, which 100,000 such steps could change by their own size. Of 500
such networks one in fifty learned with shorter steps."""

# Numbers


def not_finite(arrays: Mapping[str, Any]) -> Finding | None:
    """NaN or infinity in any of these arrays."""
    counts = {name: int((~np.isfinite(array)).sum()) for name, array in arrays.items()}
    bad = {name: count for name, count in counts.items() if count}
    if not bad:
        return None
    first = next(iter(bad))
    meaning = (
        f"{bad[first]} of the {arrays[first].size} entries of {first} are NaN or infinite, and so "
        "is what is computed from them."
    )
    remedy = (
        "Remove such samples; look for a logarithm or a division of 0 with detect_anomaly(); lower "
        "the learning rate, or clip the gradients with nn.GradientClipping, and start again."
    )
    return Finding("values not finite", tuple(bad), bad[first], 0, meaning, remedy)


def not_finite_results(seen: Evidence) -> Finding | None:
    """NaN or infinity in the loss or in gradients."""
    results = {"the loss": np.float64(seen.loss)}
    for name, parameter in seen.learned_parameters.items():
        if parameter in seen.gradients:
            results[f"the gradient of {name}"] = seen.gradients[parameter]
    return not_finite(results)


# Gradients


def no_gradient(seen: Evidence) -> Finding | None:
    """Parameters that the loss does not depend on, or where its gradient is and stays 0."""
    missing = [name for name, p in seen.learned_parameters.items() if p not in seen.gradients]
    zero = _staying(seen, _without_gradient)  # Not behind a layer that begins with weights of 0.
    if not missing and not zero:
        return None
    meaning, remedy = "These parameters are not learned.", ""
    if zero:
        meaning = (
            f"The gradient of {listed(zero)} is 0 in all entries that are used, and {STEPS} steps "
            f"of gradient descent do not change that. {meaning}"
        )
        remedy = "Look for dead or saturated units, and for weights of 0 in several layers. "
    if missing:
        meaning = f"The loss was not computed from {listed(missing)}. {meaning}"
        remedy += (
            "Apply each layer in forward, to tensors rather than to their .data or inside of "
            "no_grad(); what is not to be learned has requires_grad = False."
        )
    names = (*missing, *zero)
    return Finding("no gradient", names, len(names), 0, meaning, remedy.strip())


def _staying(seen: Evidence, found_in: Callable[[Evidence], list[str]]) -> list[str]:
    """What is found now, and is not ended by some steps of gradient descent."""
    found = found_in(seen)
    for after in descended(seen) if found else ():
        found = [name for name in found if name in found_in(after)]
        if not found:
            break
    return found


def _without_gradient(seen: Evidence) -> list[str]:
    """The parameters that are used, and where the gradient is 0 wherever they are."""
    if not np.any(seen.gradients.get(seen.predictions)):
        return []  # The predictions are exact, and no gradient is right.
    uses: dict[Any, list[Any]] = {}
    for node in seen.in_model:
        for argument in inputs(node):
            if argument in seen.names:
                uses.setdefault(argument, []).append(seen.gradients[node])
    learned = seen.learned_parameters.items()
    return [name for name, p in learned if p in uses and not any(map(np.any, uses[p]))]


def _ratios(seen: Evidence, of_uses: Callable[[float, float], float] = min) -> dict[str, float]:
    """The norm of the gradient at what a layer with weights returns, over that at the last one.

    It is of the back-propagated errors, as in Glorot and Bengio, "Understanding the difficulty of
    training deep feedforward neural networks", 2010. He's initialization keeps it the same whatever
    the layers' widths. Of a layer that is used often it is the least, or the largest.
    """
    norms = [float(np.linalg.norm(np.ravel(seen.gradients[node]))) for node in seen.products]
    ratios: dict[str, float] = {}
    for node, norm in zip(seen.products[:-1], norms):
        if norms[-1]:
            layer = seen.layers[node]
            ratio = norm / norms[-1]
            ratios[layer] = of_uses(ratio, ratios.get(layer, ratio))
    return ratios


def vanishing_gradients(seen: Evidence) -> Finding | None:
    """Layers where hardly any gradient arrives, while the model has not learned."""
    ratios = _ratios(seen)
    small = {layer: ratio for layer, ratio in ratios.items() if 0 < ratio < VANISHED}
    if not small or seen.has_learned:
        return None
    # Steps of gradient descent end that behind a layer whose weights begin near 0.
    for after in descended(seen):
        later = _ratios(after)
        small = {layer: ratio for layer, ratio in small.items() if later.get(layer, 0) < VANISHED}
        if not small:
            return None
    worst = min(small, key=small.__getitem__)
    meaning = (
        f"The gradient at layer {worst} is {small[worst]:.2g} times as long as at the last "
        f"layer; by layer {_figures(ratios)}. The first layers hardly learn."
    )
    remedy = (
        "Use ReLU or LeakyReLU instead of sigmoid and tanh, with He initialization; "
        "put nn.BatchNorm1d between layers, or skip connections, nn.Residual, around them."
    )
    return Finding("vanishing gradients", tuple(small), small[worst], VANISHED, meaning, remedy)


def exploding_gradients(seen: Evidence) -> Finding | None:
    """Layers where the gradient is far larger than at the last one, such as in a recurrence."""
    ratios = _ratios(seen, max)
    large = {layer: ratio for layer, ratio in ratios.items() if ratio > EXPLODED}
    if not large:
        return None
    worst = max(large, key=large.__getitem__)
    meaning = (
        f"The gradient at layer {worst} is {large[worst]:.2g} times as long as at the last layer; "
        f"by layer {_figures(ratios)}. It grows from layer to layer, and steps will overshoot."
    )
    remedy = (
        "Use He or Xavier initialization, clip the gradients with nn.GradientClipping, lower the "
        "learning rate, or put nn.BatchNorm1d between layers."
    )
    return Finding("exploding gradients", tuple(large), large[worst], EXPLODED, meaning, remedy)


def _figures(by_layer: dict[str, float]) -> str:
    return listed([f"{layer}: {figure:.2g}" for layer, figure in by_layer.items()], limit=12)


# Units


def dead_relus(seen: Evidence) -> Finding | None:
    """Layers most of whose ReLUs are 0 for each sample."""
    n = seen.n
    dead: dict[str, Any] = {}
    for node in seen.in_model:
        has_rows = node.ndim > 1 and len(node.data) == n >= SAMPLES_FOR_DEATH
        if has_rows and node.operation.traits.rectifies:
            units = node.data.reshape(-1, node.shape[-1])
            dead[seen.layers[node]] = (units == 0).all(axis=0)
    mostly = {layer: units for layer, units in dead.items() if units.mean() > DEAD_SHARE}
    if not mostly:
        return None
    counts = [f"{u.sum()} of {len(u)} units after layer {layer}" for layer, u in mostly.items()]
    return Finding(
        "dead ReLUs",
        tuple(mostly),
        float(max(units.mean() for units in mostly.values())),
        DEAD_SHARE,
        f"{listed(counts)} are 0 for each of the {n} samples, and no gradient flows through them.",
        "Lower the learning rate, or use nn.LeakyReLU, He initialization, and biases of 0.",
    )


def saturated_units(seen: Evidence) -> Finding | None:
    """Layers whose sigmoids or tanhs are mostly at their limits, though nothing is learned yet."""
    shares: dict[str, float] = {}
    for node in seen.in_model:
        traits = node.operation.traits
        # Probabilities near 0 and 1 are what is wanted of the last layer.
        if node is seen.output or not traits.elementwise or not traits.limits:
            continue
        low, high = traits.limits
        distance = np.minimum(node.data - low, high - node.data)
        share = float((distance < SATURATED).mean())
        shares[seen.layers[node]] = max(share, shares.get(seen.layers[node], 0.0))
    saturated = {layer: share for layer, share in shares.items() if share > SATURATED_SHARE}
    if not saturated or seen.has_learned:
        return None
    figure = max(saturated.values())
    meaning = (
        "Outputs of sigmoids or tanhs are at their limits, where these functions are flat and let "
        f"hardly any gradient through. Their share after layer {_figures(saturated)}."
    )
    remedy = "Use Xavier initialization, standardize the inputs, or use ReLU."
    return Finding("saturated units", tuple(saturated), figure, SATURATED_SHARE, meaning, remedy)


def equal_units(seen: Evidence) -> Finding | None:
    """Layers whose units are all the same, and stay so, as the gradients are."""
    # Not behind a layer whose weights begin at 0.
    found = [] if seen.has_learned else _staying(seen, _equal_units)
    if not found:
        return None
    meaning = (
        f"All units of {listed(found)} have the same weights and the same gradients: they stay "
        "the same in training, and do no more than one would."
    )
    remedy = "Initialize weights at random, as He or Xavier initialization does."
    return Finding("equal units", tuple(found), len(found), 0, meaning, remedy)


def _equal_units(seen: Evidence) -> list[str]:
    """The weights of which all units are equal, but not 0, and so are their gradients."""
    found = []
    for name, weight in seen.learned_parameters.items():
        slope = seen.gradients.get(weight)
        if weight.ndim != 2 or slope is None or not weight._array.any():
            continue
        # Units are columns, or rows in x @ W.T.
        for axis in (1, 0):
            equal = not any(np.ptp(x, axis=axis).any() for x in (weight._array, slope))
            if weight.shape[axis] > 1 and equal:
                found.append(name)
                break
    return found


def large_dropout(seen: Evidence) -> Finding | None:
    """Dropout that leaves hardly anything."""
    rates = {
        name or type(module).__name__: module.p
        for name, module in seen.model.named_modules()
        if isinstance(module, Dropout) and module.p > LARGE_DROPOUT
    }
    if not rates:
        return None
    worst = max(rates, key=rates.__getitem__)
    meaning = (
        f"Layer {worst} drops {rates[worst]:.0%} of its input in training; p is the share that is "
        "dropped, not the share that is kept."
    )
    remedy = "Use 0.1 to 0.5."
    return Finding("large dropout", tuple(rates), rates[worst], LARGE_DROPOUT, meaning, remedy)


# Steps


def unusual_steps(seen: Evidence) -> Finding | None:
    """Steps of the optimizer that overwrite weights, or change none noticeably.

    The size of a step is the norm of what is added to a weight, over that of the weight. One that
    is smaller than LeCun's initialization, 1 / sqrt(fan_in), counts as large as that.
    """
    sizes = {}
    added = changes(seen)
    for name, weight in seen.learned_parameters.items():
        if weight.ndim > 1 and name in added:
            initial = np.sqrt(weight.size / max(weight.shape))
            size = max(np.linalg.norm(np.ravel(weight.data)), initial)
            sizes[name] = float(np.linalg.norm(np.ravel(added[name])) / size)
    if not sizes:
        return None
    worst = max(sizes, key=sizes.__getitem__)
    losses = [after.loss for after in optimized(seen)] if sizes[worst] > LARGEST_STEP else []
    descends = len(losses) == STEPS and all(loss < seen.loss for loss in losses)
    if sizes[worst] > LARGEST_STEP and not descends:
        return Finding(
            "large steps",
            tuple(name for name, size in sizes.items() if size > LARGEST_STEP),
            sizes[worst],
            LARGEST_STEP,
            f"A step would change {worst} by {sizes[worst]:.2g} times its own size; a thousandth "
            "to a hundredth is usual.",
            "Lower the learning rate, clip the gradients with nn.GradientClipping, or warm up with "
            "nn.Warmup.",
        )
    if 0 < sizes[worst] < SMALLEST_STEP and not seen.has_learned:
        meaning = (
            f"A step would change no weight by more than {sizes[worst]:.2g} times its size; a "
            "thousandth to a hundredth is usual."
        )
        remedy = (
            "Raise the learning rate, or use nn.Adam, whose steps do not depend on the gradient's "
            "size."
        )
        return Finding("small steps", tuple(sizes), sizes[worst], SMALLEST_STEP, meaning, remedy)
    return None
