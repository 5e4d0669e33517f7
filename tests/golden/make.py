"""Have PyTorch compute the values and gradients that the tests compare with: python make.py"""

import pathlib

import numpy as np
import torch
from configurations import CONFIGURATIONS, begun, built, flat, inputs_of, waves

import nn

FILE = pathlib.Path(__file__).with_name("layers.npz")
KINDS = {"Dense": "Linear", "MultiHeadAttention": "MultiheadAttention"}
KINDS |= {name: f"{name}2d" for name in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "InstanceNorm")}
SEQUENCES = ("RNN", "GRU", "LSTM", "MultiHeadAttention")
KEYWORDS = {"epsilon": "eps"}


def built_there(name, given, options, ours):
    """The layer of PyTorch, with the weights of ours."""
    options = {KEYWORDS.get(key, key): value for key, value in options.items()}
    if name.startswith("Transformer"):
        options |= {"dropout": 0.0, "batch_first": True}
    elif name in SEQUENCES:
        options["batch_first"] = True
    theirs = getattr(torch.nn, KINDS.get(name, name))(*given, **options).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in nn.to_torch(ours).items()})
    return theirs


def applied(theirs, x, given, lengths=None, **called):
    """What it computes, of sequences of different lengths, too."""
    called = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in called.items()}
    if lengths is None:
        return flat(theirs(x, *given, **called))
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
    y, last = theirs(packed, *given)
    return flat((rnn.pad_packed_sequence(y, True)[0], last))


def values_and_gradients(ours, theirs, inputs, called):
    """As those of the configurations, in the order that they have here."""
    x, *others = [torch.tensor(each, requires_grad=each.dtype.kind == "f") for each in inputs]
    found = applied(theirs, x, begun(theirs, others), **called)
    sum((y * torch.tensor(waves(k, tuple(y.shape)))).sum() for k, y in enumerate(found)).backward()
    state = dict(theirs.named_buffers())
    state |= {name: parameter.grad for name, parameter in theirs.named_parameters()}
    nn.from_torch(state, ours)
    kept = [*ours.parameters(), *(buffer for _, buffer in ours.named_buffers())]
    gradients = [each.grad for each in [x, *others] if each.requires_grad]
    return [*(y.detach().numpy() for y in found), *gradients, *(each.data for each in kept)]


def main():
    kept = {}
    for number, (name, given, options, shapes, called) in enumerate(CONFIGURATIONS):
        ours = built(name, given, options)
        theirs = built_there(name, given, options, ours)
        results = values_and_gradients(ours, theirs, inputs_of(number, name, shapes), called)
        kept |= {f"{number} {name} {k}": np.asarray(each) for k, each in enumerate(results)}
    np.savez_compressed(FILE, **kept)


if __name__ == "__main__":
    main()
