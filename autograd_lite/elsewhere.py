"""Names in other libraries of derivatives and networks, and what is written here: for errors."""

from __future__ import annotations

from autograd_lite.names import by_name

KEYWORDS = by_name(
    {
        "axis": "axes dim dims reduction_indices",
        "keepdims": "keepdim keep_dims",
        "requires_grad": "requires_gradient",
        "ddof": "unbiased correction",
        "name": "label",
        "negative_slope": "slope",
        "argnums": "argnum",
        "learning_rate": "lr alpha eta step_size learning_rate_init",
        "every": "step_size",
        "epsilon": "eps",
        "betas": "beta_1 beta_2 beta1 beta2",
        "in_features": "in_channels input_dim input_shape input_size n_in",
        "out_features": "out_channels output_dim output_size n_out units",
        "hidden_size": "units",
        "out_channels": "filters",
        "stride": "strides",
        "dilation": "dilation_rate",
        "kernel_size": "pool_size",
        "affine": "elementwise_affine",
        "bias": "use_bias",
        "weight_init": "init initializer kernel_initializer",
        "p": "rate prob drop_prob",
        "rng": "seed random_seed random_state generator key",
        "targets": "target y_true labels",
        "predictions": "input y_pred",
        "model": "net network module",
        "parameters": "params",
        "path": "file filename filepath fname",
        "folder": "log_dir logdir",
        "accumulate": "gradient_accumulation_steps accumulate_grad_batches",
        "layers": "hidden_layer_sizes",
        "optimizer": "solver optim",
        "loss": "loss_fn criterion loss_function",
        "epochs": "n_epochs nb_epoch num_epochs max_epochs max_iter",
        "batch_size": "bs batchsize minibatch_size",
        "progress": "verbose",
        "validation": "validation_data validation_split validation_fraction val_data eval_set "
        "train_split",
        "evaluate_every": "validation_freq check_val_every_n_epoch",
        "resume_from": "ckpt_path resume_from_checkpoint",
        "compile": "jit_compile",
        "sample_weight": "weights",
        "weight": "weights",
        "X": "x",
        "y": "Y",
        "label_smoothing": "label_smoothing_factor",
        "steps": "T_max total_steps",
        "alpha": "rho",
        "n": "n_samples num_samples",
        "max_norm": "clipnorm",
        "max_value": "clipvalue",
        "activation": "activation_fn nonlinearity",
        "factor": "gamma",
        "threshold": "tol",
        "standard_deviation": "std stddev sigma",
    }
)
"""Keywords of other libraries, and what each is called here, or by one or the other function."""

_SETTINGS = "betas epsilon l1 l2 learning_rate momentum nesterov weight_decay"
OF_OPTIMIZERS = {
    "alpha": "l2",
    "nesterovs_momentum": "nesterov",
    **{x: x for x in _SETTINGS.split()},
}
"""Keywords that set an optimizer, and what it calls them, where an optimizer is asked for, too."""

NO_KEYWORD = {
    "restore_best_weights": "Leave it out: the best weights are restored",
    "save_best_only": "Leave it out: nn.EarlyStopping() restores the best weights",
    "pin_memory": "Leave it out: arrays are where NumPy has them, or CuPy",
    "return_sequences": "Leave it out: states, last = layer(x) are those of all steps, and last",
    "return_state": "Leave it out: states, last = layer(x) are those of all steps, and last",
    "drop_last": "Cut the arrays before: n = len(X) // batch_size * batch_size, X[:n], y[:n]",
    "early_stopping": "Write validation=0.1, callbacks=[nn.EarlyStopping()]",
    "patience": "Write validation=0.1, callbacks=[nn.EarlyStopping(patience=10)]",
    "X_val": "Write validation=(X_val, y_val)",
    "initial_epoch": "Write resume_from=path, of a file that nn.Checkpoint wrote",
    "steps_per_epoch": "Leave it out: an epoch goes through all samples, or all batches given as X",
    "loss_weights": "Write loss=lambda p, t: mse(p[0], t[0]) + 0.5 * mse(p[1], t[1])",
    "logger": 'Write callbacks=[nn.CSVLog("log.csv")]',
    "n_iter_no_change": "Write validation=0.1, callbacks=[nn.EarlyStopping(patience=10)]",
    "shuffle": "Samples come in random order; for another give batches, "
    "lambda: nn.batches(X, y, batch_size=32, shuffle=False)",
    "amsgrad": "Write nn.AMSGrad(parameters)",
    "device": "Leave it out: arrays are where NumPy has them, or CuPy",
    "map_location": "Leave it out: arrays are where NumPy has them, or CuPy",
    "inplace": "Leave it out: a result is a new array",
    "set_to_none": "Leave it out: gradients that are forgotten are None",
    "strict": "Leave it out: nothing is loaded unless all names are the model's",
    "padding_mode": 'Pad before the layer: np.pad(x, widths, mode="reflect")',
    "return_indices": "Leave it out: gradients find the largest entries without",
    "track_running_stats": "Leave it out: running statistics are always kept",
    "closure": "Call it before step(): loss.backward()",
    "retain_graph": "Leave it out: the record stays usable as long as something holds it",
    "out": "Leave it out: a result is a new array",
    "allow_int": "Leave it out: only floats have gradients, so give floats",
    "has_aux": "Leave it out: f may keep what else it computes, as in kept.append(x)",
    "holomorphic": "Leave it out, and differentiate in the real and the imaginary part",
    "use_reentrant": "Leave it out: it is never so",
    **by_name(
        {
            "Leave it out: batches are cut from arrays that are there": "num_workers workers "
            "use_multiprocessing",
            "Give batches, pairs (X, y), as X without y, or as validation": "train_dataloaders "
            "val_dataloaders",
            "A schedule is a learning rate: "
            "nn.Adam(parameters, nn.CosineAnnealing(0.1, steps=100))": "scheduler lr_scheduler",
            "Write callbacks=[nn.GradientClipping(max_norm=1.0)]": "gradient_clip_val "
            "clip_grad_norm clip_grad",
        }
    ),
}
"""Keywords of other libraries that nothing takes here, and what to do about them."""

NAMES = {
    "Function": "differentiable(vjp), above a function",
    "Module": "nn.Module",
    "Value": "Tensor(2.0, requires_grad=True)",
    "GradientTape": "loss.backward(): what is computed with tensors is recorded",
    "Variable": "Tensor(array, requires_grad=True)",
    "backward": "loss.backward()",
    "batch_norm": "nn.BatchNorm1d(num_features)(x)",
    "cat": "np.concatenate(tensors)",
    "check_grads": "gradcheck(f, x)",
    "cross_entropy": "nn.CrossEntropyLoss()(scores, labels)",
    "defvjp": "define(f, lambda g, y, x: ...)",
    "elementwise_grad": "grad(lambda x: f(x).sum())",
    "embedding": "weight[indices]",
    "layer_norm": "nn.LayerNorm(normalized_shape)(x)",
    "linear": "x @ weight + bias",
    "mse_loss": "((predictions - targets) ** 2).mean()",
    "nn": "import nn",
    "one_hot": "np.eye(classes)[labels]",
    "scaled_dot_product_attention": "softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5) @ v",
    "functional": "functions of autograd_lite, such as relu, and losses of nn",
    "manual_seed": "nn.manual_seed(seed)",
    "numpy": "import numpy as np: NumPy itself records",
    "optim": "nn.SGD, nn.Adam and others",
    "Parameter": "Tensor(array, requires_grad=True), in a model nn.Parameter(array)",
    "rand": "np.random.default_rng(0).random(shape)",
    "randn": "np.random.default_rng(0).normal(size=shape)",
    "inference_mode": "with no_grad():",
    "jit": "compile(f)",
    "silu": "swish",
    "stop_gradient": "x.detach(), or with no_grad():",
    "vmap": "operations of whole arrays, along axis 0",
    "set_grad_enabled": "with no_grad():, or with enable_grad():",
    "value_and_gradient": "value_and_grad(f)",
    **by_name(
        {
            "Tensor(array)": "FloatTensor as_tensor from_numpy",
            "differentiable(vjp)": "custom_jvp custom_vjp primitive",
            "jacobian(f)": "jacfwd jacrev",
            "viz.graph(loss)": "draw_dot make_dot",
        }
    ),
    **{f"conv{n}d": f"nn.Conv{n}d(in_channels, out_channels, kernel_size)(x)" for n in "123"},
    **{f"max_pool{n}d": "nn.MaxPool(kernel_size)(x)" for n in "123"},
    **{f"avg_pool{n}d": "nn.AvgPool(kernel_size)(x)" for n in "123"},
}
"""Functions and classes of other libraries of derivatives, and what to write for each."""

CHOICES = {
    "binary_crossentropy": "'bce', of logits 'bce_with_logits'",
    "categorical_crossentropy": "'categorical_cross_entropy', of logits 'cross_entropy'",
    "glorot_normal": "'xavier_normal'",
    "glorot_uniform": "'xavier_uniform'",
    "kaiming_normal": "'he_normal'",
    "kaiming_uniform": "'he_uniform'",
    "l1": "'mae'",
    "linear": "None",
    "log_loss": "'bce', of logits 'bce_with_logits'",
    "logistic": "'sigmoid'",
    "mean_absolute_error": "'mae'",
    "mean_squared_error": "'mse'",
    "silu": "'swish'",
    "sparse_categorical_crossentropy": "'cross_entropy', of logits",
}
"""Losses, activations and initializers that are given by name in other libraries, and here."""

_OF_LINALG = "det eigh eigvalsh inv lstsq norm pinv qr svd"
OF_SCIPY = {
    **dict.fromkeys(["logsumexp", "softmax", "log_softmax"], "autograd_lite.{}"),
    **dict.fromkeys(_OF_LINALG.split(), "np.linalg.{}"),
    **dict.fromkeys(["cho_factor", "cholesky"], "np.linalg.cholesky, the lower factor"),
    **dict.fromkeys(["cho_solve", "lu_solve", "solve", "solve_triangular"], "np.linalg.solve"),
    **dict.fromkeys(["lu", "lu_factor"], "np.linalg.solve, of the matrix itself"),
    **dict.fromkeys(
        ["odeint", "solve_ivp"], "the steps with NumPy's functions, as in y = y + h * f(y)"
    ),
    **dict.fromkeys(["cdist", "pdist"], "np.linalg.norm(x[:, None] - y, axis=-1)"),
    "block_diag": "np.block, with zeros beside",
    "trapezoid": "np.trapezoid",
    "convolve": "np.convolve",
}
"""Functions of SciPy's that compute with arrays, by their last names, and what records."""
