"""Dense networks: layers, losses, optimizers, training."""

from nn import init
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
from nn.layers import Dense, Dropout
from nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, MAELoss, MSELoss
from nn.metrics import accuracy
from nn.module import Module, Parameter, Sequential
from nn.optim import SGD, Adam, Optimizer
from nn.train import History, fit, predict

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Adam",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dense",
    "Dropout",
    "History",
    "LeakyReLU",
    "LogSoftmax",
    "MAELoss",
    "MSELoss",
    "Module",
    "Optimizer",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Swish",
    "Tanh",
    "accuracy",
    "fit",
    "init",
    "predict",
]
