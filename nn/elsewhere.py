"""Names in other libraries of networks, and what is written here for each."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_lite.errors import MissingNameError

NAMES = {
    "CTCLoss": "a loss of your own: connectionist temporal classification is not here",
    "LBFGS": "nn.fit_lbfgs(parameters, loss), of a function that computes the loss",
    "Muon": "nn.Adam(parameters): Muon is not here",
    "AdaptiveAvgPool1d": "nn.AdaptiveAvgPool(output_size)",
    "AdaptiveAvgPool2d": "nn.AdaptiveAvgPool(output_size)",
    "AdaptiveAvgPool3d": "nn.AdaptiveAvgPool(output_size)",
    "AveragePooling2D": "nn.AvgPool(kernel_size)",
    "AvgPool1d": "nn.AvgPool(kernel_size)",
    "AvgPool2d": "nn.AvgPool(kernel_size)",
    "AvgPool3d": "nn.AvgPool(kernel_size)",
    "BCEWithLogits": "nn.BCEWithLogitsLoss()",
    "BatchNorm3d": "nn.BatchNorm2d(num_features), of x.reshape(n, channels, depth, -1)",
    "BatchNormalization": "nn.BatchNorm1d(num_features)",
    "BinaryCrossentropy": "nn.BCELoss(), of logits nn.BCEWithLogitsLoss()",
    "CategoricalCrossentropy": "nn.CategoricalCrossEntropyLoss(), of logits nn.CrossEntropyLoss()",
    "Conv1D": "nn.Conv1d(in_channels, out_channels, kernel_size), of (n, channels, length)",
    "Conv2D": "nn.Conv2d(in_channels, out_channels, kernel_size), of (n, channels, height, width)",
    "Conv2DTranspose": "nn.ConvTranspose2d(in_channels, out_channels, kernel_size)",
    "Conv3D": "nn.Conv3d(in_channels, out_channels, kernel_size)",
    "ConvTranspose1d": "nn.ConvTranspose2d(in_channels, out_channels, (1, k)), of x[:, :, None]",
    "DataLoader": "nn.batches(X, y, batch_size=32)",
    "GlobalAveragePooling2D": "nn.AdaptiveAvgPool(1), and nn.Flatten()",
    "Identity": "nn.Sequential()",
    "InstanceNorm1d": "nn.InstanceNorm(num_features)",
    "InstanceNorm2d": "nn.InstanceNorm(num_features)",
    "InstanceNorm3d": "nn.InstanceNorm(num_features)",
    "L1Loss": "nn.MAELoss()",
    "LayerNormalization": "nn.LayerNorm(normalized_shape)",
    "Linear": "nn.Dense(in_features, out_features)",
    "MaxPool1d": "nn.MaxPool(kernel_size)",
    "MaxPool2d": "nn.MaxPool(kernel_size)",
    "MaxPool3d": "nn.MaxPool(kernel_size)",
    "MaxPooling2D": "nn.MaxPool(kernel_size)",
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
}


def missing(name: str, known: Iterable[str]) -> MissingNameError:
    """The error for a name that `nn` does not have.

    >>> print(missing("Linear", ["Dense"]))
    nn.Linear: there is no such name. Write nn.Dense(in_features, out_features)
    >>> print(missing("MSLoss", ["Dense", "MSELoss"]))
    nn.MSLoss: there is no such name. Write nn.MSELoss
    """
    import difflib

    similar = difflib.get_close_matches(name, known, 1)
    remedy = f"Write {NAMES[name]}" if name in NAMES else "Look into nn.__all__ for what there is"
    if name not in NAMES and similar:
        remedy = f"Write nn.{similar[0]}"
    return MissingNameError(f"nn.{name}", "there is no such name", remedy)
