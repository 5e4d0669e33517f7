"""Dense networks: layers, losses, optimizers, training."""

from nn import datasets, init
from nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from nn.adam import Adam, AdamW, NAdam
from nn.callbacks import (
    Callback,
    EarlyStopping,
    GradientClipping,
    GradientMonitor,
    LRSchedule,
)
from nn.checkpoint import Checkpoint
from nn.classification_losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CategoricalCrossEntropyLoss,
    CrossEntropyLoss,
    KLDivLoss,
    NLLLoss,
)
from nn.clipping import clip_gradient_norm, clip_gradient_value
from nn.data import batches
from nn.diagnose import diagnose
from nn.diagnosis import Diagnosis, Finding
from nn.diagnosis_monitor import DiagnosisMonitor
from nn.evaluation import predict
from nn.gradient_check import gradient_difference
from nn.graph_watch import GraphWatch
from nn.history import History
from nn.io import load, save
from nn.layers import Dense, Dropout, Flatten, Residual
from nn.losses import loss_function
from nn.metrics import accuracy
from nn.module import Buffer, Module, Parameter, Sequential
from nn.normalization import BatchNorm1d, LayerNorm
from nn.optim import Optimizer
from nn.optimizers import SGD, Adagrad, RMSprop
from nn.regression_losses import (
    HalfSquaredErrorLoss,
    HingeLoss,
    HuberLoss,
    MAELoss,
    MSELoss,
    RMSELoss,
)
from nn.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
)
from nn.summary import summary
from nn.train import fit

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "Buffer",
    "Callback",
    "CategoricalCrossEntropyLoss",
    "Checkpoint",
    "CosineAnnealing",
    "CrossEntropyLoss",
    "Dense",
    "Diagnosis",
    "DiagnosisMonitor",
    "Dropout",
    "EarlyStopping",
    "ExponentialDecay",
    "Finding",
    "Flatten",
    "GradientClipping",
    "GradientMonitor",
    "GraphWatch",
    "HalfSquaredErrorLoss",
    "HingeLoss",
    "History",
    "HuberLoss",
    "KLDivLoss",
    "LRSchedule",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "MAELoss",
    "MSELoss",
    "Module",
    "NAdam",
    "NLLLoss",
    "OneCycle",
    "Optimizer",
    "Parameter",
    "RMSELoss",
    "RMSprop",
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
    "Warmup",
    "accuracy",
    "batches",
    "clip_gradient_norm",
    "clip_gradient_value",
    "datasets",
    "diagnose",
    "fit",
    "gradient_difference",
    "init",
    "load",
    "loss_function",
    "predict",
    "save",
    "summary",
]
