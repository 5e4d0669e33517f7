"""Dense networks: layers, losses, optimizers, training."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from autograd_lite.errors import MissingPackageError, TrainingError
from nn import datasets, init
from nn.architecture import register
from nn.diagnosis.diagnose import diagnose
from nn.diagnosis.gradient_difference import gradient_difference
from nn.diagnosis.monitor import DiagnosisMonitor, GraphWatch
from nn.diagnosis.report import Diagnosis, Finding
from nn.elsewhere import missing as _missing
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
from nn.layers.attention import MultiHeadAttention
from nn.layers.bilinear import Bilinear
from nn.layers.containers import Residual, Sequential
from nn.layers.convolution import Conv1d, Conv2d, Conv3d, ConvTranspose2d
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout, Dropout2d
from nn.layers.embedding import Embedding, PositionalEncoding
from nn.layers.flatten import Flatten
from nn.layers.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from nn.layers.pooling import AdaptiveAvgPool, AvgPool, MaxPool, Upsample
from nn.layers.recurrent import GRU, LSTM, RNN
from nn.layers.recurrent_cells import GRUCell, LSTMCell, RNNCell
from nn.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
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
    RMSELoss,
)
from nn.module import Module
from nn.optimizers.adam import Adam, AdamW, NAdam
from nn.optimizers.clipping import clip_gradient_norm, clip_gradient_value
from nn.optimizers.optimizer import Optimizer
from nn.optimizers.plateau import ReduceOnPlateau
from nn.optimizers.scaled import Adagrad, RMSprop
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
from nn.torch_weights import from_torch, to_torch
from nn.training.batches import batches
from nn.training.callback import Callback, Training
from nn.training.callbacks import (
    EarlyStopping,
    GradientClipping,
    GradientMonitor,
    LRSchedule,
)
from nn.training.checkpoint import Checkpoint
from nn.training.evaluation import predict
from nn.training.fit import fit
from nn.training.history import History
from nn.training.metrics import accuracy

Lambda = Function

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
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
    "Callback",
    "CategoricalCrossEntropyLoss",
    "Checkpoint",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "CosineAnnealing",
    "CrossEntropyLoss",
    "Dense",
    "Diagnosis",
    "DiagnosisMonitor",
    "Dropout",
    "Dropout2d",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "Finding",
    "Flatten",
    "Function",
    "GRUCell",
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
    "PositionalEncoding",
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
    "Swish",
    "Tanh",
    "Training",
    "TrainingError",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "Upsample",
    "Warmup",
    "accuracy",
    "batches",
    "clip_gradient_norm",
    "clip_gradient_value",
    "datasets",
    "diagnose",
    "fit",
    "from_torch",
    "functional_call",
    "gradient_difference",
    "init",
    "load",
    "loss_function",
    "manual_seed",
    "predict",
    "register",
    "save",
    "summary",
    "to_torch",
]

if not _TYPE_CHECKING:  # or type checkers would take any name for one of these

    def __getattr__(name: str) -> None:
        raise _missing(name, __all__)
