"""A training as a film: what the model decides in the plane, epoch by epoch."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from autograd_lite.arguments import COUNT, WHOLE, optional, require, threshold_of
from autograd_lite.errors import ArgumentError
from autograd_lite.names import explains_keywords
from autograd_lite.whole_files import FileName
from nn.module import Module, require_model
from nn.training.callback import Callback, Training
from viz.figures import classes_of, drawing, numbers_of
from viz.planes import loss_named, plot_decision_boundary, require_plane
from viz.saving import saved

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation

    from autograd_lite.typing import Labels, Samples

FRAMES_A_SECOND = 6
SYMBOLS = {
    "fa-minus": "-",
    "fa-plus": "+",
    "fa-fast-backward": "|◀",
    "fa-fast-forward": "▶|",
    "fa-step-backward": "◂",
    "fa-step-forward": "▸",
    "fa-play fa-flip-horizontal": "◀",
    "fa-play": "▶",
    "fa-pause": "||",
}
"""Of the buttons of matplotlib's page, in place of a font that it would fetch."""


class TrainingAnimation(Callback):
    """A film of a training: the decision boundary, epoch by epoch. A callback of `nn.fit`.

    In your own loop, `add` takes the frames. A notebook displays the film. Its first frame is the
    model before training.

    Args:
        X: samples (n, 2).
        y: their classes, as for `plot_decision_boundary`; so are `threshold` and `loss`.
        every: epochs from one frame to the next.

    Attributes:
        frames: for each frame, how many epochs were done, and a copy of the model then.

    Raises:
        ShapeError: X is not (n, 2), or y has another length.
        ArgumentError: `every` is not a whole number of at least 1, y holds something other than
            classes, or the loss does not say what predictions are.
        UnsupportedError: X holds no numbers.

    >>> import numpy as np
    >>> import nn
    >>> X, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> model, film = nn.Dense(2, 2, rng=0), TrainingAnimation(X, y, every=5)
    >>> history = nn.fit(model, X, y, loss="cross_entropy", callbacks=[film], epochs=20, rng=0,
    ...                  optimizer=nn.SGD(model.parameters(), 0.5), progress=False)
    >>> [epoch for epoch, _ in film.frames]
    [0, 5, 10, 15, 20]
    """

    @explains_keywords
    def __init__(
        self,
        X: Samples,
        y: Labels,
        *,
        threshold: float | None = None,
        loss: Any = None,
        every: int = 1,
    ) -> None:
        threshold_of("TrainingAnimation", threshold, loss_named(loss))
        require("TrainingAnimation", "every", every, COUNT)
        self.every = every
        self.frames: list[tuple[int, Module]] = []
        X, y = numbers_of(X, "X"), classes_of(y, "y")
        require_plane("TrainingAnimation", X, y)
        self._shown = {"X": X, "y": y, "threshold": threshold, "loss": loss}

    def fit_start(self, training: Training) -> None:
        """Begin with the model as it is; a resumed training adds to the film."""
        if training.epoch == 0:
            self.frames = []
            self.add(training.model)

    def epoch_end(self, training: Training) -> None:
        """Add a frame when one is due."""
        if (training.epoch + 1) % self.every == 0:
            self.add(training.model, training.epoch + 1)

    def add(self, model: Module, epoch: int | None = None) -> None:
        """Add a frame of the model as it is now.

        Args:
            model: the model, which is copied.
            epoch: how many epochs are done; by default one more than in the last frame, and 0 for
                the first.

        Raises:
            UnsupportedError: the model is not a module.
            ArgumentError: the epoch is not a whole number of at least 0.
        """
        require_model(model, "TrainingAnimation.add of")
        require("TrainingAnimation.add", "epoch", epoch, optional(WHOLE))
        if epoch is None:
            epoch = self.frames[-1][0] + 1 if self.frames else 0
        self.frames.append((epoch, copy.deepcopy(model)))

    def save(self, path: FileName) -> Path:
        """Write the film to a file and return its path; the suffix selects the format.

        Args:
            path: a file name ending in .gif, or in .html for a page on which the film can be paused
                and stepped, and which needs no internet connection.

        Raises:
            ArgumentError: the suffix is another one, or there are no frames.
            UnsupportedError: that is not the name of a file.
            FileError: the file cannot be written.
            RenderingError: matplotlib is not installed. No file is written then.
        """
        formats = {".gif": self._gif, ".html": self._page}
        return saved(path, "TrainingAnimation.save", "a film", formats)

    def _page(self) -> bytes:
        return f'<!DOCTYPE html><meta charset="utf-8">{self._repr_html_()}'.encode()

    def _gif(self) -> bytes:
        film = self._film()
        with TemporaryDirectory() as folder:
            film.save(Path(folder) / "film.gif", writer="pillow", fps=FRAMES_A_SECOND)
            return (Path(folder) / "film.gif").read_bytes()

    def _repr_html_(self) -> str:
        page: str = self._film().to_jshtml(fps=FRAMES_A_SECOND, default_mode="once")
        for name, symbol in SYMBOLS.items():
            page = page.replace(f'<i class="fa {name}"></i>', symbol)
        return re.sub(r'<link rel="stylesheet"\s[^>]*>', "", page)

    def _film(self) -> FuncAnimation:
        if not self.frames:
            reason, remedy = "it has no frames", "Give it to nn.fit, or call add(model) first"
            raise ArgumentError("TrainingAnimation of no epoch", reason, remedy)
        figure, ax = drawing(None, (6.0, 4.5))
        from matplotlib import pyplot
        from matplotlib.animation import FuncAnimation

        def draw(frame: tuple[int, Module]) -> list[Any]:
            epoch, model = frame
            ax.clear()
            plot_decision_boundary(model, **self._shown, ax=ax)
            ax.set_title(f"epoch {epoch}: {ax.get_title()}")
            return []

        pyplot.close(figure)  # or a notebook shows its last frame beside the film
        draw(self.frames[0])  # which raises what is wrong, where a writer would fail of no frames
        for _ in range(2):  # after which panels stay where they are
            figure.draw_without_rendering()
        figure.set_layout_engine("none")
        return FuncAnimation(figure, draw, self.frames, init_func=list)
