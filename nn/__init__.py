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
from nn.layers.batch_normalization import BatchNorm1d, BatchNorm2d
from nn.layers.containers import Residual, Sequential
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout, Dropout2d
from nn.layers.flatten import Flatten
from nn.layers.normalization import GroupNorm, InstanceNorm, LayerNorm, RMSNorm
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
    HalfSquaredErrorLoss,
    HingeLoss,
    HuberLoss,
    MAELoss,
    MSELoss,
    PoissonNLLLoss,
    RMSELoss,
)
from nn.module import Module
from nn.optimizers.adam import Adam, AdamW, AMSGrad, NAdam
from nn.optimizers.clipping import clip_gradient_norm, clip_gradient_value
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.plateau import ReduceOnPlateau
from nn.optimizers.scaled import Adagrad, Lion, RMSprop
from nn.optimizers.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    OneCycle,
    Schedule,
    StepDecay,
    Warmup,
)
from nn.optimizers.sgd import SGD
from nn.parameters import Buffer, Parameter
from nn.random_state import manual_seed
from nn.summary import summary
from nn.training.batches import batches
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
from nn.training.metrics import accuracy
from nn.training.progress import ProgressBar

Lambda = Function

if _TYPE_CHECKING:
    from nn.diagnosis.diagnose import diagnose
    from nn.diagnosis.gradient_difference import gradient_difference
    from nn.diagnosis.monitor import DiagnosisMonitor, GraphWatch
    from nn.diagnosis.report import Diagnosis, Finding
    from nn.export.numpy_source import to_numpy_source
    from nn.export.onnx_model import to_onnx
    from nn.layers.attention import MultiHeadAttention
    from nn.layers.bilinear import Bilinear
    from nn.layers.convolution import Conv1d, Conv2d, Conv3d, ConvTranspose2d
    from nn.layers.embedding import Embedding, PositionalEncoding
    from nn.layers.pooling import AdaptiveAvgPool, AvgPool, MaxPool, Upsample
    from nn.layers.recurrent import GRU, LSTM, RNN
    from nn.layers.recurrent_cells import GRUCell, LSTMCell, RNNCell
    from nn.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
    from nn.losses.pairs import CosineEmbeddingLoss, GaussianNLLLoss, TripletMarginLoss
    from nn.optimizers.scipy_fits import fit_lbfgs, fit_least_squares
    from nn.torch_weights import from_torch, to_torch
    from nn.training.averages import ExponentialMovingAverage, StochasticWeightAveraging
    from nn.training.loggers import CSVLog, TensorBoard
    from nn.training.trials import find_learning_rate, overfit_one_batch

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "AMSGrad",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveAvgPool",
    "AvgPool",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Bilinear",
    "Buffer",
    "CSVLog",
    "Callback",
    "CategoricalCrossEntropyLoss",
    "Checkpoint",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "CosineAnnealing",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "Dense",
    "Diagnosis",
    "DiagnosisMonitor",
    "Dropout",
    "Dropout2d",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "ExponentialMovingAverage",
    "Finding",
    "Flatten",
    "Function",
    "GRUCell",
    "GaussianNLLLoss",
    "GradientClipping",
    "GradientMonitor",
    "GraphWatch",
    "GroupNorm",
    "HalfSquaredErrorLoss",
    "HingeLoss",
    "History",
    "HuberLoss",
    "InstanceNorm",
    "KLDivLoss",
    "LRSchedule",
    "LSTMCell",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "Lion",
    "LogSoftmax",
    "MAELoss",
    "MSELoss",
    "MaxPool",
    "MissingPackageError",
    "Module",
    "MultiHeadAttention",
    "NAdam",
    "NLLLoss",
    "OneCycle",
    "Optimizer",
    "Parameter",
    "PoissonNLLLoss",
    "PositionalEncoding",
    "ProgressBar",
    "RMSELoss",
    "RMSNorm",
    "RMSprop",
    "RNNCell",
    "ReLU",
    "ReduceOnPlateau",
    "Residual",
    "Schedule",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StepDecay",
    "StochasticWeightAveraging",
    "Swish",
    "Tanh",
    "TensorBoard",
    "Training",
    "TrainingError",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "Upsample",
    "Warmup",
    "accuracy",
    "batches",
    "clip_gradient_norm",
    "clip_gradient_value",
    "compile",
    "datasets",
    "diagnose",
    "find_learning_rate",
    "fit",
    "fit_lbfgs",
    "fit_least_squares",
    "from_torch",
    "functional_call",
    "gradient_difference",
    "init",
    "load",
    "loss_function",
    "manual_seed",
    "overfit_one_batch",
    "predict",
    "register",
    "save",
    "summary",
    "to_numpy_source",
    "to_onnx",
    "to_torch",
]

# What is imported when it is first used: training needs none of it.
_LATER = {
    name: module
    for module, names in {
        "nn.diagnosis.diagnose": "diagnose",
        "nn.diagnosis.gradient_difference": "gradient_difference",
        "nn.diagnosis.monitor": "DiagnosisMonitor GraphWatch",
        "nn.diagnosis.report": "Diagnosis Finding",
        "nn.export.numpy_source": "to_numpy_source",
        "nn.export.onnx_model": "to_onnx",
        "nn.layers.attention": "MultiHeadAttention",
        "nn.layers.bilinear": "Bilinear",
        "nn.layers.convolution": "Conv1d Conv2d Conv3d ConvTranspose2d",
        "nn.layers.embedding": "Embedding PositionalEncoding",
        "nn.layers.pooling": "AdaptiveAvgPool AvgPool MaxPool Upsample",
        "nn.layers.recurrent": "GRU LSTM RNN",
        "nn.layers.recurrent_cells": "GRUCell LSTMCell RNNCell",
        "nn.layers.transformer": "TransformerDecoderLayer TransformerEncoderLayer",
        "nn.losses.pairs": "CosineEmbeddingLoss GaussianNLLLoss TripletMarginLoss",
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
