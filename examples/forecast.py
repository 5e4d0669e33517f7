"""A time series forecast: a recurrent network against saying that nothing changes.

The series is the voltage of a nerve cell's membrane that ships with Matplotlib. A GRU reads 40
values and says what comes 10 later; it learns from the first two thirds, and is tried on the rest.
Prints its error, and that of two baselines: the last value, and a linear regression on the same 40.
Draws the forecast into output/forecast, or into the folder given as argument.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import get_data_path
from numpy.lib.stride_tricks import sliding_window_view

import nn

WINDOW, AHEAD = 40, 10


def series():
    """The voltage, at even times, of mean 0 and variance 1 in the first two thirds."""
    path = Path(get_data_path()) / "sample_data" / "membrane.dat"
    values = np.fromfile(path, np.float32)[::2]
    learned = values[: len(values) * 2 // 3]
    return (values - learned.mean()) / learned.std()


class Forecast(nn.Module):
    """The change that is to come, from the last state of a GRU."""

    def __init__(self, rng):
        self.gru = nn.GRU(1, 32, rng=rng, dtype=np.float32)
        self.head = nn.Dense(32, 1, rng=rng, dtype=np.float32)

    def forward(self, x):
        _, last = self.gru(x)
        return x[:, -1] + self.head(last[0])


def root_mean_square(errors):
    return float(np.sqrt(np.mean(np.square(errors))))


def main(folder="output/forecast"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    values = series()
    windows = sliding_window_view(values, WINDOW)[:-AHEAD, :, None]
    later = values[WINDOW + AHEAD - 1 :, None]
    learned = len(values) * 2 // 3 - WINDOW - AHEAD  # of which nothing is in the last third
    tried = slice(len(values) * 2 // 3, None)
    rng = np.random.default_rng(0)
    model = Forecast(rng)
    nn.fit(
        model,
        windows[:learned],
        later[:learned],
        loss="mse",
        optimizer=nn.Adam(model.parameters(), nn.CosineAnnealing(1e-2, steps=8 * learned // 64)),
        epochs=8,
        batch_size=64,
        rng=rng,
        progress=False,
        callbacks=[nn.GradientClipping(1.0)],
    )
    flat = np.column_stack([windows[:, :, 0], np.ones(len(windows))])
    line, *_ = np.linalg.lstsq(flat[:learned], later[:learned], rcond=None)
    forecasts = {
        "last value": windows[tried, -1],
        "linear regression": flat[tried] @ line,
        "GRU": nn.predict(model, windows[tried]),
    }
    for name, forecast in forecasts.items():
        print(f"{name}: error {root_mean_square(forecast - later[tried]):.3f}")
    share = root_mean_square(forecasts["GRU"] - later[tried])
    share /= root_mean_square(forecasts["last value"] - later[tried])
    print(f"the GRU has {share:.0%} of the error of the last value")
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    shown = slice(300, 700)
    axes.plot(later[tried][shown], color="black", label="what came")
    for name, style in {"last value": ":", "GRU": "-"}.items():
        axes.plot(forecasts[name][shown], style, label=f"{name}, {AHEAD} before")
    axes.set(xlabel="time", ylabel="voltage, standardized", title="A membrane's voltage")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(folder / "forecast.png", dpi=150)
    plt.close(figure)
    print("picture:", folder / "forecast.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
