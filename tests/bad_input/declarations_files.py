"""Bad input of saving and loading: files stay as they are, and so do models."""

import numpy as np
from declaring import Spreads, bad, declare
from world import NAN, RAGGED, network

import nn
from autograd_lite.errors import ArgumentError, FileError, UnsupportedError


def over(w, content):
    """Save over an older file."""
    nn.save(content, w.saved())


def cut(w):
    path = w.saved()
    path.write_bytes(path.read_bytes()[:-1])


def flip(w):
    path = w.saved()
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def load_into_world(w):
    nn.load(w.saved("weights"), w.model)


def with_weights(change):
    """A file of weights that were changed."""

    def given(w):
        state = network().state_dict()
        change(state)
        nn.save(state, w.saved("weights"))

    return given


def refused_weights(kind, change, *words):
    return bad(kind, load_into_world, ArgumentError, "weights.safetensors", *words,
               given=with_weights(change), named="nn.load")  # fmt: skip


def narrow(state):
    state.update({"0.bias": np.ones(3, np.float32)})


def load_nan(w):
    with_weights(lambda state: state.update({"3.bias": np.array([NAN])}))(w)
    load_into_world(w)
    return w.model[3].bias


def taken(w):
    """A class of one's own, by the name of a layer of nn."""
    nn.register(type("Dense", (nn.Module,), {"__module__": "mine"}))


DECLARED = {
    "nn.register": declare(
        bad("type", lambda w: nn.register(3), UnsupportedError, "3"),
        bad("type", lambda w: nn.register(nn.ReLU()), UnsupportedError, "ReLU()"),
        bad("type", lambda w: nn.register(dict), UnsupportedError, "dict"),
        bad("range", taken, ArgumentError, "Dense from mine", "Dense from nn.layers.dense"),
        shape="it takes a class",
        length="it takes a class",
        nan="it takes a class",
    ),
    "nn.save": declare(
        bad("type", lambda w: over(w, 3), UnsupportedError, "of 3"),
        bad("type", lambda w: over(w, nn.Dense), UnsupportedError, "Dense"),
        bad("type", lambda w: over(w, nn.Dense(2, 2, activation=np.cos)), UnsupportedError, "cos"),
        bad("type", lambda w: over(w, {"a": None}), UnsupportedError, "'a'", "object"),
        bad("type", lambda w: over(w, {"a": "b"}), UnsupportedError, "'a'", "<U1"),
        bad("type", lambda w: over(w, {3: np.ones(2)}), UnsupportedError, "3"),
        bad("type", lambda w: nn.save(w.model, 3), UnsupportedError, "3"),
        bad("type", lambda w: nn.save(w.model, None), UnsupportedError, "None"),
        bad("length", lambda w: over(w, {"a": RAGGED}), UnsupportedError, "'a'"),
        bad("type", lambda w: nn.save(w.model, b"model"), UnsupportedError, "b'model'"),
        bad("range", lambda w: nn.save(w.model, w.folder / "nowhere" / "model"),
            FileNotFoundError, "no folder", "nowhere"),
        bad("range", lambda w: nn.save(w.model, w.folder), IsADirectoryError, "it is a folder"),
        bad("range", lambda w: nn.save(w.model, "/dev/null"), FileError, "a device"),
        bad("range", lambda w: nn.save(w.model, ""), ArgumentError, "empty"),
        bad("range", lambda w: nn.save(w.model, "a\0b"), ArgumentError, "null character"),
        bad("range", lambda w: nn.save(w.model, w.folder / (300 * "n")), FileError, "too long"),
        shape="arrays of any shape are saved",
        nan="NaN is saved as any number is",
    ),
    "nn.load": declare(
        bad("type", lambda w: nn.load(3), UnsupportedError, "3"),
        bad("type", lambda w: nn.load(None), UnsupportedError, "None"),
        bad("type", lambda w: nn.load(w.saved(), 3), UnsupportedError, "into 3"),
        bad("type", lambda w: nn.load(w.saved(), nn.Dense), UnsupportedError, "Dense(...)"),
        bad("range", lambda w: nn.load(w.saved("nowhere")), FileNotFoundError, "nowhere"),
        bad("range", lambda w: nn.load(w.folder), IsADirectoryError, "it is a folder"),
        bad("range", lambda w: nn.load("/dev/zero"), FileError, "a device"),
        bad("range", lambda w: nn.load("a\0b"), ArgumentError, "null character"),
        bad("range", lambda w: nn.load(w.saved()), ArgumentError, "checksum", given=flip),
        bad("range", lambda w: nn.load(w.saved("run")), ArgumentError, "run.safetensors"),
        bad("range", lambda w: nn.load(w.saved("weights")), ArgumentError, "weights.safetensors"),
        bad("length", lambda w: nn.load(w.saved(), w.model), ArgumentError, "truncated", given=cut),
        refused_weights("length", lambda s: s.pop("3.bias"), "3.bias is missing"),
        refused_weights("length", lambda s: s.update(odd=np.ones(1)), "odd is unknown"),
        refused_weights("shape", lambda s: s.update({"0.bias": np.ones(4)}), "(4,)", "(3,)"),
        refused_weights("type", narrow, "float32"),
        Spreads(load_nan),
    ),
}  # fmt: skip
