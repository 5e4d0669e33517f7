"""Networks: layers, losses, optimizers, training.

    >>> import numpy as np
    >>> import nn
    >>> X = np.random.default_rng(0).normal(size=(64, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> model = nn.Sequential(nn.Dense(2, 8, "tanh", rng=0), nn.Dense(8, 2, rng=1))
    >>> optimizer = nn.Adam(model.parameters(), learning_rate=0.05)
    >>> history = nn.fit(model, X, y, loss="cross_entropy", optimizer=optimizer, epochs=20,
    ...                  metrics={"accuracy": nn.accuracy}, progress=False, rng=0)
    >>> bool(history["accuracy"][-1] > 0.9)
    True

A model is a `Module`: a `Sequential` of layers, or a class with a `forward` of its own.

    train      fit, and its callbacks: EarlyStopping, Checkpoint, LRSchedule, GradientClipping, ...
    use        predict, accuracy, summary, save, load
    look       diagnose, GradientMonitor, find_learning_rate, overfit_one_batch
    layers     Dense, Conv2d, MaxPool, Flatten, Embedding, LSTM, GRU, MultiHeadAttention,
               BatchNorm1d, LayerNorm, Dropout, ReLU, Residual, ...
    losses     MSELoss, MAELoss, HuberLoss, BCEWithLogitsLoss, CrossEntropyLoss, ...
    optimizers Adam, AdamW, SGD, RMSprop, ...; with StepDecay, CosineAnnealing, OneCycle, ...
    elsewhere  from_torch, to_torch, to_onnx, to_numpy_source

Losses and activations can also be given by name. `manual_seed` seeds whatever is given no `rng`.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from autograd_lite.errors import MissingPackageError, TrainingError
from nn import datasets, init
from nn.architecture import register
from nn.files import load, save
from nn.functional_call import functional_call
from nn.layers.activations import (
    ELU,
    GELU,
    Function,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from nn.layers.containers import Residual, Sequential
from nn.layers.dense import Bilinear, Dense
from nn.layers.dropout import Dropout, Dropout2d
from nn.layers.flatten import Flatten
from nn.layers.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from nn.losses.classification import (
    BCELoss,
    BCEWithLogitsLoss,
    CategoricalCrossEntropyLoss,
    CrossEntropyLoss,
    KLDivLoss,
    NLLLoss,
)
from nn.losses.loss_function import loss_function
from nn.losses.regression import (
    CosineEmbeddingLoss,
    GaussianNLLLoss,
    HalfSquaredErrorLoss,
    HingeLoss,
    HuberLoss,
    MAELoss,
    MSELoss,
    PoissonNLLLoss,
    RMSELoss,
    TripletMarginLoss,
)
from nn.members import Buffer, Parameter
from nn.module import Module
from nn.optimizers.clipping import clip_gradient_norm, clip_gradient_value
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.plateau import ReduceOnPlateau
from nn.optimizers.rules import SGD, Adagrad, Adam, AdamW, AMSGrad, Lion, NAdam, RMSprop
from nn.optimizers.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    OneCycle,
    Schedule,
    StepDecay,
    Warmup,
)
from nn.random_state import manual_seed
from nn.summary import summary
from nn.training.callback import Callback, Training
from nn.training.callbacks import (
    EarlyStopping,
    GradientClipping,
    GradientMonitor,
    LRSchedule,
)
from nn.training.checkpoint import Checkpoint
from nn.training.compiling import compile
from nn.training.evaluation import predict
from nn.training.fit import fit
from nn.training.history import History
from nn.training.inputs import batches
from nn.training.metrics import accuracy
from nn.training.progress import ProgressBar

Lambda = Function

if _TYPE_CHECKING:
    from nn.diagnosis.diagnose import DiagnosisMonitor, GraphWatch, diagnose
    from nn.diagnosis.gradient_difference import gradient_difference
    from nn.diagnosis.report import Diagnosis, Finding
    from nn.export.numpy_source import to_numpy_source
    from nn.export.onnx_model import to_onnx
    from nn.layers.attention import MultiHeadAttention
    from nn.layers.convolution import Conv1d, Conv2d, Conv3d, ConvTranspose2d
    from nn.layers.embedding import Embedding, PositionalEncoding
    from nn.layers.pooling import AdaptiveAvgPool, AvgPool, MaxPool, Upsample
    from nn.layers.recurrent import GRU, LSTM, RNN
    from nn.layers.recurrent_cells import GRUCell, LSTMCell, RNNCell
    from nn.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
    from nn.optimizers.scipy_fits import fit_lbfgs, fit_least_squares
    from nn.torch_weights import from_torch, to_torch
    from nn.training.averages import ExponentialMovingAverage, StochasticWeightAveraging
    from nn.training.loggers import CSVLog, TensorBoard
    from nn.training.trials import find_learning_rate, overfit_one_batch

__all__ = ["Buffer", "Function", "Lambda", "Module", "Parameter", "Residual", "Sequential"]
__all__ += ["Bilinear", "Dense", "Dropout", "Dropout2d", "Flatten"]
__all__ += ["Embedding", "PositionalEncoding"]
__all__ += ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d"]
__all__ += ["AdaptiveAvgPool", "AvgPool", "MaxPool", "Upsample"]
__all__ += ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
__all__ += ["MultiHeadAttention", "TransformerDecoderLayer", "TransformerEncoderLayer"]
__all__ += ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"]
__all__ += ["ELU", "GELU", "LeakyReLU", "ReLU", "Sigmoid", "Softplus", "Swish", "Tanh"]
__all__ += ["LogSoftmax", "Softmax"]
__all__ += ["BCELoss", "BCEWithLogitsLoss", "CategoricalCrossEntropyLoss", "CrossEntropyLoss"]
__all__ += ["HingeLoss", "KLDivLoss", "NLLLoss", "PoissonNLLLoss"]
__all__ += ["HalfSquaredErrorLoss", "HuberLoss", "MAELoss", "MSELoss", "RMSELoss", "loss_function"]
__all__ += ["CosineEmbeddingLoss", "GaussianNLLLoss", "TripletMarginLoss"]
__all__ += ["SGD", "AMSGrad", "Adagrad", "Adam", "AdamW", "Lion", "NAdam", "Optimizer", "RMSprop"]
__all__ += ["clip_gradient_norm", "clip_gradient_value", "fit_lbfgs", "fit_least_squares"]
__all__ += ["CosineAnnealing", "ExponentialDecay", "OneCycle", "Schedule", "StepDecay", "Warmup"]
__all__ += ["LRSchedule", "ReduceOnPlateau"]
__all__ += ["History", "ProgressBar", "Training", "TrainingError", "batches", "compile", "fit"]
__all__ += ["Callback", "Checkpoint", "EarlyStopping", "GradientClipping", "GradientMonitor"]
__all__ += ["CSVLog", "DiagnosisMonitor", "GraphWatch", "TensorBoard"]
__all__ += ["ExponentialMovingAverage", "StochasticWeightAveraging"]
__all__ += ["Diagnosis", "Finding", "diagnose", "gradient_difference"]
__all__ += ["accuracy", "predict", "summary"]
__all__ += ["find_learning_rate", "overfit_one_batch"]
__all__ += ["datasets", "functional_call", "init", "manual_seed"]
__all__ += ["MissingPackageError", "load", "register", "save"]
__all__ += ["from_torch", "to_numpy_source", "to_onnx", "to_torch"]

# What is imported when it is first used: training needs none of it.
_LATER = {
    name: module
    for module, names in {
        "nn.diagnosis.diagnose": "diagnose DiagnosisMonitor GraphWatch",
        "nn.diagnosis.gradient_difference": "gradient_difference",
        "nn.diagnosis.report": "Diagnosis Finding",
        "nn.export.numpy_source": "to_numpy_source",
        "nn.export.onnx_model": "to_onnx",
        "nn.layers.attention": "MultiHeadAttention",
        "nn.layers.convolution": "Conv1d Conv2d Conv3d ConvTranspose2d",
        "nn.layers.embedding": "Embedding PositionalEncoding",
        "nn.layers.pooling": "AdaptiveAvgPool AvgPool MaxPool Upsample",
        "nn.layers.recurrent": "GRU LSTM RNN",
        "nn.layers.recurrent_cells": "GRUCell LSTMCell RNNCell",
        "nn.layers.transformer": "TransformerDecoderLayer TransformerEncoderLayer",
        "nn.optimizers.scipy_fits": "fit_lbfgs fit_least_squares",
        "nn.torch_weights": "from_torch to_torch",
        "nn.training.averages": "ExponentialMovingAverage StochasticWeightAveraging",
        "nn.training.loggers": "CSVLog TensorBoard",
        "nn.training.trials": "find_learning_rate overfit_one_batch",
    }.items()
    for name in names.split()
}


def __dir__() -> list[str]:
    return sorted(__all__)


if not _TYPE_CHECKING:  # or type checkers would take any name for one of these

    def __getattr__(name: str) -> _Any:
        if name not in _LATER:
            from nn.elsewhere import missing

            raise missing(name, __all__)
        found = getattr(_importlib.import_module(_LATER[name]), name)
        globals()[name] = found  # and is found at once from now on
        return found
