"""The seeds' dense networks, of 1 to 4 layers, for samples one or many."""

from by_hand_dense import Network

SIZES = {1: (3, 1), 2: (3, 4, 1), 3: (3, 4, 4, 1), 4: (3, 4, 4, 4, 1)}
OUTPUTS = 3
MANY = 5


def several_outputs(sizes):
    return (*sizes[:-1], OUTPUTS)


def dense_networks():
    """Pairs of a network and a number of samples."""
    found = [Network("A3", (2, 4, 1), "relu", epsilon=1e-8, shortcut=True)]
    for sizes in SIZES.values():
        for hidden in ("relu", "sigmoid"):
            found.append(Network("A5", sizes, hidden, epsilon=1e-8))
        for hidden in ("relu", "tanh", "sigmoid"):
            rows = Network("B1", sizes, hidden, epsilon=1e-8, samples="rows", shortcut=True)
            found.append(rows)
            found.append(
                rows._replace(
                    title="B1 softmax",
                    sizes=several_outputs(sizes),
                    output="softmax",
                    loss="categorical",
                )
            )
            found.append(
                Network(
                    "C6",
                    several_outputs(sizes),
                    hidden,
                    loss="half squares",
                    mean="loss",
                    handed="all",
                )
            )
            found.append(
                Network(
                    "E6",
                    sizes,
                    hidden,
                    loss="half squares",
                    samples="rows",
                    mean="nowhere",
                    biases=False,
                )
            )
    b5 = Network("B5", (2, 2, 1), "sigmoid", samples="rows", mean="loss", handed="all")
    c5 = Network("C5", (2, 3, 1), "sigmoid", loss="half squares", mean="nowhere", handed="all")
    d1 = Network("D1", (3, 4, 1), "relu", shortcut=True, scale=0.01)
    softmax_in_full = Network(
        "softmax in full", (3, 4, 3), "tanh", "softmax", "categorical", samples="rows", mean="loss"
    )
    c10 = Network("C10", (2, 4, 1), "relu", "relu", "squares", mean="loss")
    found += [b5, c5, d1, softmax_in_full, softmax_in_full._replace(handed="all"), c10]
    return [(network, m) for network in found for m in (1, MANY)]
