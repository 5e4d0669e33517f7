"""A generative adversarial network, in a loop of one's own: points that are told from none.

A generator makes points of noise; a discriminator tells them from points around eight places on a
circle; each learns from the other (Goodfellow et al., "Generative adversarial networks", 2014).
Prints how many of the generator's points lie near a place, and how many places have some, and draws
the points as they move into output/adversarial_ring, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nn
from autograd_lite import no_grad

PLACES, WIDTH, NOISE = 8, 0.08, 4
STEPS, BATCH = 2500, 128
SHOWN = (0, 300, 1000, STEPS)


def places():
    angles = 2 * np.pi * np.arange(PLACES) / PLACES
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def real(rng, n):
    return places()[rng.integers(PLACES, size=n)] + WIDTH * rng.normal(size=(n, 2))


def network(inputs, outputs, rng):
    return nn.Sequential(
        nn.Dense(inputs, 64, "leaky_relu", rng=rng),
        nn.Dense(64, 64, "leaky_relu", rng=rng),
        nn.Dense(64, outputs, rng=rng),
    )


def judged(points):
    """The share of points that lie near a place, and how many places have some near."""
    distances = np.linalg.norm(points[:, None] - places(), axis=2)
    near = distances.min(axis=1) < 4 * WIDTH
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=PLACES)
    return near.mean(), int((counts > len(points) / PLACES / 5).sum())


def learn(rng):
    """The generator's points at the steps that are shown, for the same noise."""
    generator, discriminator = network(NOISE, 2, rng), network(2, 1, rng)
    makes = nn.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.99))
    tells = nn.Adam(discriminator.parameters(), 1e-3, betas=(0.5, 0.99))
    loss, ones, zeros = nn.BCEWithLogitsLoss(), np.ones((BATCH, 1)), np.zeros((BATCH, 1))
    noise, seen = rng.normal(size=(1000, NOISE)), {}
    for step in range(STEPS + 1):
        if step in SHOWN:
            with no_grad():
                seen[step] = generator(noise).data
        with no_grad():
            fake = generator(rng.normal(size=(BATCH, NOISE))).data
        # Real points move, too, at first: what can be told apart by a hair teaches nothing.
        blur = 0.3 * max(0.0, 1 - step / (STEPS / 2))
        shown = real(rng, BATCH) + blur * rng.normal(size=(BATCH, 2))
        tells.zero_grad()
        fake = fake + blur * rng.normal(size=fake.shape)
        (loss(discriminator(shown), ones) + loss(discriminator(fake), zeros)).backward()
        tells.step()
        makes.zero_grad()
        made = generator(rng.normal(size=(BATCH, NOISE)))
        loss(discriminator(made + blur * rng.normal(size=(BATCH, 2))), ones).backward()
        makes.step()
    return seen


def main(folder="output/adversarial_ring"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    seen = learn(rng)
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(12, 3.4), layout="constrained")
    truth = real(rng, 400)
    for ax, (step, points) in zip(axes, seen.items(), strict=True):
        near, found = judged(points)
        print(f"step {step}: {near:.0%} of the points lie near {found} of {PLACES} places")
        ax.scatter(*truth.T, s=4, color="lightgray", label="data")
        ax.scatter(*points.T, s=4, label="made by the generator")
        ax.set(title=f"step {step}", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(folder / "points.png", dpi=150)
    plt.close(figure)
    print("picture:", folder / "points.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
