"""Names in other libraries of networks, and what is written here for each."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_lite.elsewhere import CHOICES
from autograd_lite.names import missing_name

_SCHEDULE = "class Mine(nn.Schedule), with def rate(self, base, t): a schedule is a learning rate"
_OWN_LOSS = "a loss of your own, a function of predictions and targets: {} is not here"
_PAD = 'np.pad(x, widths, mode="{}") before the layer'
_SIZES = "nn.Dense(in_features, out_features) and its kin: layers are told how much comes in"
_OF_ADAM = "Adadelta Adafactor Adamax ASGD Ftrl Lamb Muon RAdam Rprop SparseAdam"
_OF_LOSSES = "HingeEmbeddingLoss MarginRankingLoss MultiLabelMarginLoss MultiMarginLoss"
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

NAMES = {
    **{name: f"{text}, a layer of nn.Sequential" for name, text in FUNCTIONS.items()},
    "PReLU": f"{FUNCTIONS['PReLU']}, to learn it self.slope * x, self.slope an nn.Parameter",
    **{name: f"nn.Adam(parameters): {name} is not here" for name in _OF_ADAM.split()},
    **{name: _OWN_LOSS.format(name) for name in _OF_LOSSES.split()},
    **dict.fromkeys(_OF_SCHEDULES.split(), _SCHEDULE),
    **{f"Lazy{kind}": _SIZES for kind in ("Linear", "Conv1d", "Conv2d", "Conv3d")},
    **dict.fromkeys(["Input", "InputLayer"], _SIZES),
    **{
        f"{name}Pad{axes}d": _PAD.format("constant")
        for name in ("Zero", "Constant")
        for axes in "123"
    },
    **{f"ReflectionPad{axes}d": _PAD.format("reflect") for axes in "123"},
    **{f"ReplicationPad{axes}d": _PAD.format("edge") for axes in "123"},
    **{f"CircularPad{axes}d": _PAD.format("wrap") for axes in "123"},
    "ZeroPadding2D": _PAD.format("constant"),
    **dict.fromkeys(
        ["Reshape", "Unflatten"], "lambda x: x.reshape(len(x), 4, 8), a layer of nn.Sequential"
    ),
    "Permute": "lambda x: x.transpose(0, 2, 1), a layer of nn.Sequential",
    **dict.fromkeys(["Add", "Concatenate"], "x + y, or np.concatenate([x, y], axis=1), in forward"),
    "Activation": "nn.Dense(2, 16, 'relu'), or nn.ReLU()",
    "BatchNorm": "nn.BatchNorm1d(num_features), of images nn.BatchNorm2d(num_features)",
    "Bidirectional": "nn.LSTM(input_size, hidden_size, bidirectional=True)",
    "Conv": "nn.Conv2d(in_channels, out_channels, kernel_size), of images",
    "CSVLogger": "nn.CSVLog(path)",
    "GroupNormalization": "nn.GroupNorm(num_groups, num_channels)",
    "LearningRateScheduler": "nn.LRSchedule(nn.CosineAnnealing(optimizer, steps=epochs))",
    "MeanAbsoluteError": "nn.MAELoss()",
    "MeanSquaredError": "nn.MSELoss()",
    "ModelCheckpoint": "nn.Checkpoint(path)",
    "SimpleRNN": "nn.RNN(input_size, hidden_size)",
    "TimeDistributed": "nn.Dense(in_features, out_features): it takes the last axis of any shape",
    "Transformer": "nn.TransformerEncoderLayer and nn.TransformerDecoderLayer",
    "AlphaDropout": "nn.Dropout(p): AlphaDropout is not here",
    "CELU": "nn.ELU(), which it is for alpha 1",
    "ConvTranspose3d": "nn.Upsample(scale_factor=2), nn.Conv3d(...): ConvTranspose3d is not here",
    "CosineAnnealingLR": "nn.Adam(parameters, nn.CosineAnnealing(0.1, 1000)), of 1000 batches",
    "EmbeddingBag": "nn.Embedding(num_embeddings, embedding_dim)(indices).mean(axis=1)",
    "ExponentialLR": "nn.Adam(parameters, nn.ExponentialDecay(0.1, factor=0.99))",
    "LinearLR": "nn.Adam(parameters, nn.Warmup(0.1, steps=100))",
    "LRScheduler": "nn.Adam(parameters, schedule): a schedule is a learning rate",
    "OneCycleLR": "nn.Adam(parameters, nn.OneCycle(0.1, steps=1000))",
    "ReduceLROnPlateau": "nn.LRSchedule(nn.ReduceOnPlateau(optimizer)), a callback",
    "RReLU": "nn.LeakyReLU(0.229): random slopes are not here",
    "SoftMarginLoss": "lambda p, t: autograd_lite.softplus(-t * p).mean() as a loss",
    "StepLR": "nn.Adam(parameters, nn.StepDecay(0.1, every=1000)), of 1000 batches",
    "TransformerDecoder": "a list of nn.TransformerDecoderLayer, each called with the memory",
    "TransformerEncoder": "nn.Sequential(*[nn.TransformerEncoderLayer(64, 4) for _ in range(6)])",
    **{f"AdaptiveMaxPool{axes}d": "nn.MaxPool(length // output_size)" for axes in "123"},
    **{f"Dropout{axes}d": "nn.Dropout2d(p), of whole channels" for axes in "13"},
    "CTCLoss": "a loss of your own: connectionist temporal classification is not here",
    "LBFGS": "nn.fit_lbfgs(parameters, loss), of a function that computes the loss",
    "AveragePooling2D": "nn.AvgPool(kernel_size)",
    "BCEWithLogits": "nn.BCEWithLogitsLoss()",
    "BatchNorm3d": "nn.BatchNorm2d(num_features), of x.reshape(n, channels, depth, -1)",
    "BatchNormalization": "nn.BatchNorm1d(num_features)",
    "BinaryCrossentropy": "nn.BCELoss(), of logits nn.BCEWithLogitsLoss()",
    "CategoricalCrossentropy": "nn.CategoricalCrossEntropyLoss(), of logits nn.CrossEntropyLoss()",
    "EMA": "nn.ExponentialMovingAverage(decay)",
    "SWA": "nn.StochasticWeightAveraging()",
    "LRFinder": "nn.find_learning_rate(model, X, y, loss=..., optimizer=...)",
    "LambdaCallback": "class Mine(nn.Callback), with def epoch_end(self, training)",
    "LearningRateMonitor": "nn.CSVLog(path) or nn.TensorBoard(folder), which log learning rates",
    "LightningModule": "nn.Module, and nn.fit(model, X, y, step=...)",
    "NeuralClassifier": "nn.estimators.NeuralClassifier, after import nn.estimators",
    "NeuralNetClassifier": "nn.estimators.NeuralClassifier, after import nn.estimators",
    "NeuralNetRegressor": "nn.estimators.NeuralRegressor, after import nn.estimators",
    "NeuralRegressor": "nn.estimators.NeuralRegressor, after import nn.estimators",
    "Trainer": "nn.fit(model, X, y, ...)",
    "WeightedRandomSampler": "nn.fit(model, X, y, sampling=weights)",
    "evaluate": "loss(model(X), y), or nn.accuracy(nn.predict(model, X), y)",
    "load_model": "nn.load(path)",
    "lr_find": "nn.find_learning_rate(model, X, y, loss=..., optimizer=...)",
    "one_hot": "np.eye(classes)[labels]; nn.CrossEntropyLoss() takes labels",
    "random_split": "nn.fit(model, X, y, validation=0.2)",
    "save_model": "nn.save(model, path)",
    "to_categorical": "np.eye(classes)[labels]; nn.CrossEntropyLoss() takes labels",
    "train": "nn.fit(model, X, y, ...)",
    "Conv1D": "nn.Conv1d(in_channels, out_channels, kernel_size), of (n, channels, length)",
    "Conv2D": "nn.Conv2d(in_channels, out_channels, kernel_size), of (n, channels, height, width)",
    "Conv2DTranspose": "nn.ConvTranspose2d(in_channels, out_channels, kernel_size)",
    "Conv3D": "nn.Conv3d(in_channels, out_channels, kernel_size)",
    "ConvTranspose1d": "nn.ConvTranspose2d(in_channels, out_channels, (1, k)), of x[:, :, None]",
    **dict.fromkeys(["Dataset", "TensorDataset"], "nn.batches(X, y, batch_size=32), of arrays"),
    **dict.fromkeys(["Layer", "Neuron"], "nn.Dense(in_features, out_features)"),
    "accuracy_score": "nn.accuracy(predictions, targets)",
    "confusion_matrix": "viz.plot_confusion_matrix(targets, predictions)",
    "F": "functions of autograd_lite, such as autograd_lite.relu, and losses of nn",
    "MLPClassifier": "nn.estimators.NeuralClassifier, after import nn.estimators",
    "MLPRegressor": "nn.estimators.NeuralRegressor, after import nn.estimators",
    "callbacks": "nn.EarlyStopping, nn.Checkpoint and their kin",
    "initializers": "nn.Dense(2, 3, weight_init='he_normal')",
    "metrics": "nn.accuracy, or a function of predictions and targets",
    "models": "nn.Sequential, nn.Module and nn.load(path)",
    "plot_model": "viz.graph(model, X)",
    "DataLoader": "nn.batches(X, y, batch_size=32)",
    "GlobalAveragePooling2D": "nn.AdaptiveAvgPool(1), and nn.Flatten()",
    "Identity": "nn.Sequential()",
    "L1Loss": "nn.MAELoss()",
    "LayerNormalization": "nn.LayerNorm(normalized_shape)",
    "Linear": "nn.Dense(in_features, out_features)",
    "MaxPooling2D": "nn.MaxPool(kernel_size)",
    "MLP": "nn.Sequential(nn.Dense(2, 16, 'tanh'), nn.Dense(16, 1))",
    "Model": "nn.Module, and nn.fit(model, X, y, ...)",
    "ModuleDict": "a dict: modules in attributes that are dicts are found",
    "ModuleList": "a list: modules in attributes that are lists are found",
    "MultiheadAttention": "nn.MultiHeadAttention(embed_dim, num_heads)",
    "ParameterDict": "a dict: parameters in attributes that are dicts are found",
    "ParameterList": "a list: parameters in attributes that are lists are found",
    "SiLU": "nn.Swish()",
    "SmoothL1Loss": "nn.HuberLoss()",
    "SparseCategoricalCrossentropy": "nn.CrossEntropyLoss(), of logits",
    "SpatialDropout2D": "nn.Dropout2d(p)",
    "UpSampling2D": "nn.Upsample(scale_factor=2)",
    "UpsamplingBilinear2d": 'nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)',
    "UpsamplingNearest2d": "nn.Upsample(scale_factor=2)",
    "clip_grad_norm_": "nn.clip_gradient_norm(parameters, max_norm)",
    "clip_grad_value_": "nn.clip_gradient_value(parameters, max_value)",
    "functional": "functions of autograd_lite, such as autograd_lite.relu, and losses of nn",
    "lr_scheduler": "nn.StepDecay, nn.CosineAnnealing and their kin",
    "optim": "nn.SGD, nn.Adam and their kin",
    "utils": "nn.clip_gradient_norm and its kin",
    **{f"AdaptiveAvgPool{axes}d": "nn.AdaptiveAvgPool(output_size)" for axes in "123"},
    **{f"AvgPool{axes}d": "nn.AvgPool(kernel_size)" for axes in "123"},
    **{f"InstanceNorm{axes}d": "nn.InstanceNorm(num_features)" for axes in "123"},
    **{f"MaxPool{axes}d": "nn.MaxPool(kernel_size)" for axes in "123"},
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
