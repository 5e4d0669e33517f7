"""Names in other libraries of networks, and what is written here for each."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_lite.elsewhere import CHOICES
from autograd_lite.names import by_name, missing_name

_SCHEDULE = "class Mine(nn.Schedule), with def rate(self, base, t): a schedule is a learning rate"
_OWN_LOSS = "a loss of your own, a function of predictions and targets: {} is not here"
_ESTIMATOR = "nn.estimators.Neural{}, after import nn.estimators"
_PAD = 'np.pad(x, widths, mode="{}") before the layer'
_SIZES = "nn.Dense(in_features, out_features): layers are told the size of their input"
_OF_ADAM = "Adadelta Adafactor Adamax ASGD Ftrl Lamb Muon RAdam Rprop SparseAdam"
_OF_LOSSES = "HingeEmbeddingLoss MarginRankingLoss MultiLabelMarginLoss MultiMarginLoss"
_OF_ZEROS = "ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d ZeroPadding2D"
_OF_SCHEDULES = (
    "CosineAnnealingWarmRestarts CyclicLR LambdaLR MultiStepLR PolynomialLR SequentialLR"
)

FUNCTIONS = {
    "GLU": "lambda x: x[:, : x.shape[1] // 2] * autograd_lite.sigmoid(x[:, x.shape[1] // 2 :])",
    "Hardshrink": "lambda x: np.where(abs(x) > 0.5, x, 0)",
    "Hardsigmoid": "lambda x: np.clip(x / 6 + 0.5, 0, 1)",
    "Hardswish": "lambda x: x * np.clip(x / 6 + 0.5, 0, 1)",
    "Hardtanh": "lambda x: np.clip(x, -1, 1)",
    "LogSigmoid": "lambda x: -autograd_lite.softplus(-x)",
    "Mish": "lambda x: x * np.tanh(autograd_lite.softplus(x))",
    "PReLU": "lambda x: np.where(x > 0, x, 0.25 * x)",
    "ReLU6": "lambda x: np.clip(x, 0, 6)",
    "SELU": "lambda x: 1.0507009873554805 * autograd_lite.elu(x, 1.6732632423543772)",
    "Softmin": "lambda x: autograd_lite.softmax(-x, axis=1)",
    "Softshrink": "lambda x: x - np.clip(x, -0.5, 0.5)",
    "Softsign": "lambda x: x / (1 + abs(x))",
    "Tanhshrink": "lambda x: x - np.tanh(x)",
}
"""Activations of other libraries that are no layers here, as functions in an `nn.Sequential`."""

HERE = {
    _ESTIMATOR.format("Classifier"): "NeuralClassifier NeuralNetClassifier MLPClassifier",
    _ESTIMATOR.format("Regressor"): "NeuralNetRegressor NeuralRegressor MLPRegressor",
    _PAD.format("constant"): _OF_ZEROS,
    _PAD.format("edge"): "ReplicationPad1d ReplicationPad2d ReplicationPad3d",
    _PAD.format("reflect"): "ReflectionPad1d ReflectionPad2d ReflectionPad3d",
    _PAD.format("wrap"): "CircularPad1d CircularPad2d CircularPad3d",
    _SCHEDULE: _OF_SCHEDULES,
    _SIZES: "LazyLinear LazyConv1d LazyConv2d LazyConv3d Input InputLayer",
    "a dict: modules in attributes that are dicts are found": "ModuleDict",
    "a dict: parameters in attributes that are dicts are found": "ParameterDict",
    "a list of nn.TransformerDecoderLayer, each called with the memory": "TransformerDecoder",
    "a list: modules in attributes that are lists are found": "ModuleList",
    "a list: parameters in attributes that are lists are found": "ParameterList",
    "a loss of your own: connectionist temporal classification is not here": "CTCLoss",
    "class Mine(nn.Callback), with def epoch_end(self, training)": "LambdaCallback",
    "functions of autograd_lite, such as autograd_lite.relu, and losses of nn": "F functional",
    "lambda p, t: autograd_lite.softplus(-t * p).mean() as a loss": "SoftMarginLoss",
    "lambda x: x.reshape(len(x), 4, 8), a layer of nn.Sequential": "Reshape Unflatten",
    "lambda x: x.transpose(0, 2, 1), a layer of nn.Sequential": "Permute",
    "loss(model(X), y), or nn.accuracy(nn.predict(model, X), y)": "evaluate",
    "nn.accuracy(predictions, targets)": "accuracy_score",
    "nn.accuracy, or a function of predictions and targets": "metrics",
    "nn.Adam(parameters, nn.CosineAnnealing(0.1, 1000)), of 1000 batches": "CosineAnnealingLR",
    "nn.Adam(parameters, nn.ExponentialDecay(0.1, factor=0.99))": "ExponentialLR",
    "nn.Adam(parameters, nn.OneCycle(0.1, steps=1000))": "OneCycleLR",
    "nn.Adam(parameters, nn.StepDecay(0.1, every=1000)), of 1000 batches": "StepLR",
    "nn.Adam(parameters, nn.Warmup(0.1, steps=100))": "LinearLR",
    "nn.Adam(parameters, schedule): a schedule is a learning rate": "LRScheduler",
    "nn.AdaptiveAvgPool(1), and nn.Flatten()": "GlobalAveragePooling2D",
    "nn.AdaptiveAvgPool(output_size)": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
    "nn.AvgPool(kernel_size)": "AveragePooling2D AvgPool1d AvgPool2d AvgPool3d",
    "nn.batches(X, y, batch_size=32)": "DataLoader",
    "nn.batches(X, y, batch_size=32), of arrays": "Dataset TensorDataset",
    "nn.BatchNorm1d(num_features)": "BatchNormalization",
    "nn.BatchNorm1d(num_features), of images nn.BatchNorm2d(num_features)": "BatchNorm",
    "nn.BatchNorm2d(num_features), of x.reshape(n, channels, depth, -1)": "BatchNorm3d",
    "nn.BCELoss(), of logits nn.BCEWithLogitsLoss()": "BinaryCrossentropy",
    "nn.BCEWithLogitsLoss()": "BCEWithLogits",
    "nn.CategoricalCrossEntropyLoss(), of logits nn.CrossEntropyLoss()": "CategoricalCrossentropy",
    "nn.Checkpoint(path)": "ModelCheckpoint",
    "nn.clip_gradient_norm or nn.clip_gradient_value": "utils",
    "nn.clip_gradient_norm(parameters, max_norm)": "clip_grad_norm_",
    "nn.clip_gradient_value(parameters, max_value)": "clip_grad_value_",
    "nn.Conv1d(in_channels, out_channels, kernel_size), of (n, channels, length)": "Conv1D",
    "nn.Conv2d(in_channels, out_channels, kernel_size), of (n, channels, height, width)": "Conv2D",
    "nn.Conv2d(in_channels, out_channels, kernel_size), of images": "Conv",
    "nn.Conv3d(in_channels, out_channels, kernel_size)": "Conv3D",
    "nn.ConvTranspose2d(in_channels, out_channels, (1, k)), of x[:, :, None]": "ConvTranspose1d",
    "nn.ConvTranspose2d(in_channels, out_channels, kernel_size)": "Conv2DTranspose",
    "nn.CrossEntropyLoss(), of logits": "SparseCategoricalCrossentropy",
    "nn.CSVLog(path) or nn.TensorBoard(folder), which log learning rates": "LearningRateMonitor",
    "nn.CSVLog(path)": "CSVLogger",
    "nn.Dense(2, 16, 'relu'), or nn.ReLU()": "Activation",
    "nn.Dense(2, 3, weight_init='he_normal')": "initializers",
    "nn.Dense(in_features, out_features)": "Layer Neuron Linear",
    "nn.Dense(in_features, out_features): it takes the last axis of any shape": "TimeDistributed",
    "nn.Dropout(p): AlphaDropout is not here": "AlphaDropout",
    "nn.Dropout2d(p)": "SpatialDropout2D",
    "nn.Dropout2d(p), of whole channels": "Dropout1d Dropout3d",
    "nn.EarlyStopping, nn.Checkpoint and others": "callbacks",
    "nn.ELU(), which it is for alpha 1": "CELU",
    "nn.Embedding(num_embeddings, embedding_dim)(indices).mean(axis=1)": "EmbeddingBag",
    "nn.ExponentialMovingAverage(decay)": "EMA",
    "nn.find_learning_rate(model, X, y, loss=..., optimizer=...)": "LRFinder lr_find",
    "nn.fit(model, X, y, ...)": "Trainer train",
    "nn.fit(model, X, y, sampling=weights)": "WeightedRandomSampler",
    "nn.fit(model, X, y, validation=0.2)": "random_split",
    "nn.fit_lbfgs(parameters, loss), of a function that computes the loss": "LBFGS",
    "nn.GroupNorm(num_groups, num_channels)": "GroupNormalization",
    "nn.HuberLoss()": "SmoothL1Loss",
    "nn.InstanceNorm(num_features)": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "nn.LayerNorm(normalized_shape)": "LayerNormalization",
    "nn.LeakyReLU(0.229): random slopes are not here": "RReLU",
    "nn.load(path)": "load_model",
    "nn.LRSchedule(nn.CosineAnnealing(optimizer, steps=epochs))": "LearningRateScheduler",
    "nn.LRSchedule(nn.ReduceOnPlateau(optimizer)), a callback": "ReduceLROnPlateau",
    "nn.LSTM(input_size, hidden_size, bidirectional=True)": "Bidirectional",
    "nn.MAELoss()": "MeanAbsoluteError L1Loss",
    "nn.MaxPool(kernel_size)": "MaxPooling2D MaxPool1d MaxPool2d MaxPool3d",
    "nn.MaxPool(length // output_size)": "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d",
    "nn.Module, and nn.fit(model, X, y, ...)": "Model",
    "nn.Module, and nn.fit(model, X, y, step=...)": "LightningModule",
    "nn.MSELoss()": "MeanSquaredError",
    "nn.MultiHeadAttention(embed_dim, num_heads)": "MultiheadAttention",
    "nn.RNN(input_size, hidden_size)": "SimpleRNN",
    "nn.save(model, path)": "save_model",
    "nn.Sequential()": "Identity",
    "nn.Sequential(*[nn.TransformerEncoderLayer(64, 4) for _ in range(6)])": "TransformerEncoder",
    "nn.Sequential(nn.Dense(2, 16, 'tanh'), nn.Dense(16, 1))": "MLP",
    "nn.Sequential, nn.Module and nn.load(path)": "models",
    "nn.SGD, nn.Adam and others": "optim",
    "nn.StepDecay, nn.CosineAnnealing and others": "lr_scheduler",
    "nn.StochasticWeightAveraging()": "SWA",
    "nn.Swish()": "SiLU",
    "nn.TransformerEncoderLayer and nn.TransformerDecoderLayer": "Transformer",
    "nn.Upsample(scale_factor=2)": "UpSampling2D UpsamplingNearest2d",
    "nn.Upsample(scale_factor=2), nn.Conv3d(...): ConvTranspose3d is not here": "ConvTranspose3d",
    'nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)': "UpsamplingBilinear2d",
    "np.eye(classes)[labels]; nn.CrossEntropyLoss() takes labels": "one_hot to_categorical",
    "viz.graph(model, X)": "plot_model",
    "viz.plot_confusion_matrix(targets, predictions)": "confusion_matrix",
    "x + y, or np.concatenate([x, y], axis=1), in forward": "Add Concatenate",
}
"""What is written here, and the names elsewhere that mean it."""

NAMES = {
    **by_name(HERE),
    **{name: f"{text}, a layer of nn.Sequential" for name, text in FUNCTIONS.items()},
    "PReLU": f"{FUNCTIONS['PReLU']}, to learn it self.slope * x, self.slope an nn.Parameter",
    **{name: f"nn.Adam(parameters): {name} is not here" for name in _OF_ADAM.split()},
    **{name: _OWN_LOSS.format(name) for name in _OF_LOSSES.split()},
}


def missing(name: str, known: Iterable[str]) -> Exception:
    """The error for a name that `nn` does not have.

    >>> print(missing("Linear", ["Dense"]))
    nn.Linear: there is no such name. Write nn.Dense(in_features, out_features)
    >>> print(missing("MSLoss", ["Dense", "MSELoss"]))
    nn.MSLoss: there is no such name. Write nn.MSELoss
    """
    import autograd_lite

    known = list(known)
    of_the_engine = {own: f"autograd_lite.{own}" for own in autograd_lite.__all__}
    losses = {own.removesuffix("Loss"): f"nn.{own}" for own in known if own.endswith("Loss")}
    return missing_name("nn", name, known, losses | of_the_engine | NAMES)


def missing_of_part(part: str, name: str) -> Exception:
    """The error for a name that a part of `nn` does not have: all are names of `nn` itself.

    >>> print(missing_of_part("nn.layers", "Dense"))
    nn.layers.Dense: there is no such name. Write nn.Dense
    """
    import nn

    here = {own: f"nn.{own}" for own in nn.__all__}
    return missing_name(part, name, nn.__all__, NAMES | here, home="nn")


def missing_initializer(name: str, known: Iterable[str]) -> Exception:
    """The error for a name that `nn.init` does not have; in PyTorch's a _ follows.

    >>> print(missing_initializer("kaiming_normal_", ["he_normal"]))
    nn.init.kaiming_normal_: there is no such name. Write nn.Dense(2, 3, weight_init='he_normal')
    """
    here = {own: repr(own) for own in known}
    here |= {own: told for own, told in CHOICES.items() if told in [*here.values()]}
    written = {own: f"nn.Dense(2, 3, weight_init={told})" for own, told in here.items()}
    written |= {f"{own}_": told for own, told in written.items()}
    return missing_name("nn.init", name, known, written)


def missing_data(name: str, known: Iterable[str]) -> Exception:
    """The error for a name that `nn.datasets` does not have; real data are scikit-learn's.

    >>> print(missing_data("moons", ["blobs"]))
    nn.datasets.moons: there is no such name. Write sklearn.datasets.make_moons(200)
    """
    drawn = dict.fromkeys(["circles", "classification", "moons", "regression"], "make_{}(200)")
    drawn |= dict.fromkeys(["breast_cancer", "diabetes", "digits", "iris", "wine"], "load_{}()")
    written = {own: f"sklearn.datasets.{call.format(own)}" for own, call in drawn.items()}
    written |= {call.split("(")[0].rpartition(".")[2]: call for call in written.values()}
    return missing_name(
        "nn.datasets", name, known, {"make_blobs": "nn.datasets.blobs(n)"} | written
    )
