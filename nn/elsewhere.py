"""Names in other libraries of networks, and what is written here for each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from autograd_lite.errors import MissingNameError

NAMES = {
    "BatchNormalization": "nn.BatchNorm1d(num_features)",
    "BCEWithLogits": "nn.BCEWithLogitsLoss()",
    "BinaryCrossentropy": "nn.BCELoss(), of logits nn.BCEWithLogitsLoss()",
    "CategoricalCrossentropy": "nn.CategoricalCrossEntropyLoss(), of logits nn.CrossEntropyLoss()",
    "DataLoader": "nn.batches(X, y, batch_size=32)",
    "Identity": "nn.Sequential()",
    "L1Loss": "nn.MAELoss()",
    "LayerNormalization": "nn.LayerNorm(normalized_shape)",
    "Linear": "nn.Dense(in_features, out_features)",
    "MultiheadAttention": "nn.MultiHeadAttention(embed_dim, num_heads)",
    "Model": "nn.Module, and nn.fit(model, X, y, ...)",
    "ModuleDict": "a dict: modules in attributes that are dicts are found",
    "ModuleList": "a list: modules in attributes that are lists are found",
    "ParameterDict": "a dict: parameters in attributes that are dicts are found",
    "ParameterList": "a list: parameters in attributes that are lists are found",
    "SiLU": "nn.Swish()",
    "SmoothL1Loss": "nn.HuberLoss()",
    "SparseCategoricalCrossentropy": "nn.CrossEntropyLoss(), of logits",
    "clip_grad_norm_": "nn.clip_gradient_norm(parameters, max_norm)",
    "clip_grad_value_": "nn.clip_gradient_value(parameters, max_value)",
    "functional": "functions of autograd_lite, such as autograd_lite.relu, and losses of nn",
    "lr_scheduler": "nn.StepDecay, nn.CosineAnnealing and their kin",
    "optim": "nn.SGD, nn.Adam and their kin",
    "utils": "nn.clip_gradient_norm and its kin",
}


def missing(name: str, known: Iterable[str]) -> MissingNameError:
    """The error for a name that `nn` does not have.

    >>> print(missing("Linear", ["Dense"]))
    nn.Linear: there is no such name. Write nn.Dense(in_features, out_features)
    >>> print(missing("MSLoss", ["Dense", "MSELoss"]))
    nn.MSLoss: there is no such name. Write nn.MSELoss
    """
    similar = difflib.get_close_matches(name, known, 1)
    remedy = f"Write {NAMES[name]}" if name in NAMES else "Look into nn.__all__ for what there is"
    if name not in NAMES and similar:
        remedy = f"Write nn.{similar[0]}"
    return MissingNameError(f"nn.{name}", "there is no such name", remedy)
