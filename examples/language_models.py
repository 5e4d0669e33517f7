"""Two language models learn the Zen of Python, letter by letter.

An LSTM and a small transformer are trained to tell the next letter of the text that `import this`
prints. Prints the loss, in bits a letter, and what each model writes as it learns. Draws the losses
and what the transformer's heads look at into output/language_models, or into the folder given as
argument.
"""

import codecs
import contextlib
import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nn
import viz
from autograd_lite import no_grad

WINDOW, BATCH, STEPS = 64, 16, 300
PROMPT = "Beautiful is "


def text():
    """The Zen of Python, which the module `this` keeps in ROT13 and prints when it is imported."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return codecs.decode(this.s, "rot13")


class Recurrent(nn.Module):
    """Letters, a state that goes on from each to the next, and scores of what may follow."""

    def __init__(self, letters, rng):
        self.embedding = nn.Embedding(letters, 32, rng=rng)
        self.lstm = nn.LSTM(32, 96, rng=rng)
        self.head = nn.Dense(96, letters, rng=rng)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


class Transformer(nn.Module):
    """Letters with their places, two layers in which each sees those before it, and scores."""

    def __init__(self, letters, rng):
        self.embedding = nn.Embedding(letters, 48, rng=rng)
        self.position = nn.PositionalEncoding(48, WINDOW, learned=True, rng=rng)
        self.layers = [
            nn.TransformerEncoderLayer(48, 4, 96, 0.0, norm_first=True, rng=rng) for _ in range(2)
        ]
        self.norm = nn.LayerNorm(48)
        self.head = nn.Dense(48, letters, rng=rng)

    def forward(self, x):
        x = self.position(self.embedding(x))
        for layer in self.layers:
            x = layer(x, is_causal=True)
        return self.head(self.norm(x))

    def attention(self, x):
        """What each head of the last layer looks at, (heads, letters, letters)."""
        x = self.layers[0](self.position(self.embedding(x)), is_causal=True)
        x = self.layers[1].norm1(x)
        _, weights = self.layers[1].self_attn(x, x, x, average_attn_weights=False, is_causal=True)
        return weights.data[0]


def write(model, letters, numbers, length, rng):
    """What a model goes on with, one letter at a time, drawn by its probabilities."""
    written = [numbers[letter] for letter in PROMPT]
    with no_grad():
        for _ in range(length):
            logits = model(np.array([written[-WINDOW:]])).data[0, -1] / 0.7
            shares = np.exp(logits - logits.max())
            written.append(int(rng.choice(len(letters), p=shares / shares.sum())))
    return "".join(letters[number] for number in written).replace("\n", " / ")


def learn(name, model, data, letters, numbers, rng):
    """Train on windows at random places; the loss of each step, in bits a letter."""
    optimizer = nn.Adam(model.parameters(), nn.CosineAnnealing(5e-3, steps=STEPS))
    loss_function, losses = nn.CrossEntropyLoss(), []
    for step in range(STEPS):
        starts = rng.integers(0, len(data) - WINDOW, BATCH)
        windows = data[starts[:, None] + np.arange(WINDOW + 1)]
        optimizer.zero_grad()
        scores = model(windows[:, :-1])
        loss = loss_function(np.swapaxes(scores, 1, 2), windows[:, 1:])
        loss.backward()
        nn.clip_gradient_norm(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item() / np.log(2))
        if step + 1 in (20, 100, STEPS):
            print(f"{name}, step {step + 1}: {losses[-1]:.2f} bits a letter")
            print("   ", write(model, letters, numbers, 60, rng))
    return losses


def main(folder="output/language_models"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    zen = text()
    letters = sorted(set(zen))
    numbers = {letter: number for number, letter in enumerate(letters)}
    data = np.array([numbers[letter] for letter in zen])
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, kind in {"LSTM": Recurrent, "transformer": Transformer}.items():
        rng = np.random.default_rng(0)
        model = kind(len(letters), rng)
        losses = learn(name, model, data, letters, numbers, rng)
        axes.plot(losses, label=name)
        print(f"{name}: {np.mean(losses[-20:]):.2f} bits a letter at the end")
    counts = np.bincount(data) / len(data)
    entropy = -(counts * np.log2(counts)).sum()
    axes.axhline(entropy, color="gray", linestyle="--", label="entropy of single letters")
    axes.set(xlabel="step", ylabel="bits a letter", ylim=(0, None), title="The Zen of Python")
    axes.legend()
    figure.savefig(folder / "losses.png", dpi=150)
    plt.close(figure)
    line = "Flat is better than nested."
    weights = model.attention(np.array([[numbers[letter] for letter in line]]))
    figure = viz.plot_attention(weights, list(line.replace(" ", "␣")))
    figure.savefig(folder / "attention.png", dpi=150)
    plt.close(figure)
    for picture in ("losses.png", "attention.png"):
        print("picture:", folder / picture)


if __name__ == "__main__":
    main(*sys.argv[1:2])
