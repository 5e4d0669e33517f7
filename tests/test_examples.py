"""The examples print what they promise and draw their pictures.

Those of the tutorials run in this process: for an epoch of 200 samples, with figures that are not
rendered; and in full in the exhaustive tier, where each network's gradient is checked against
differences before it is trained (row A15), and what it has learned is run by onnxruntime.
"""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import nn
import viz

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of what draws
from matplotlib.figure import Figure  # noqa: E402 - after the choice of what draws
from run_exported import assert_onnxruntime_agrees  # noqa: E402 - after that there is onnxruntime

EXAMPLES = Path(__file__).parents[1] / "examples"
PICTURES = {
    "digits_with_convolutions": {"first_layer.png", "misread.png"},
    "forecast": {"forecast.png"},
    "real_data": {"breast_cancer.png", "digits.png"},
    "seed_a_training_pipeline": {
        "two_blobs.png",
        "disc_in_ring.png",
        "optimizers.png",
        "pipeline_history.png",
        "pipeline_boundary.png",
        "pipeline.gif",
    },
    "seed_b_comparing_networks": {
        "architectures.png",
        "activations.png",
        "activations_compared.png",
        "backpropagation.svg",
        "gradient_flow.png",
        "three_classes.png",
        "three_classes_history.png",
    },
    "seed_c_from_neuron_to_framework": {
        "spirals.png",
        "digits.png",
        "digits_weights.png",
        "activations.png",
        "optimizer_paths.png",
        "xor.png",
    },
    "seed_e_diagnosing_training": {
        "xor.png",
        "gradient_flow_sigmoid.png",
        "gradient_flow_relu.png",
        "activations_relu.png",
        "activations_leaky_relu.png",
        "overfitting.png",
    },
}
"""What each example draws into its folder."""


def run(name, *arguments):
    """What an example prints; onnxruntime agrees with what its models have learned."""
    # The folder nn beside that script is not the package.
    script = Path(__file__).with_name("run_exported.py")
    command = [sys.executable, "-P", script, EXAMPLES / name]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    models = int(re.search(r"onnxruntime agrees with (\d+) models", done.stderr)[1])
    assert models > 0 or name == "lotka_volterra.py"  # which fits an equation
    return done.stdout


@pytest.fixture
def run_here(tmp_path, monkeypatch, capsys):
    """Runs an example in an empty folder. Returns what it printed, and the folder it filled."""
    plain_fit, checked = nn.fit, set()

    def short_fit(model, X, y, *, epochs, **options):
        return plain_fit(model, X[:200], y[:200], epochs=1, **options)

    def checked_fit(model, X, y, *, loss, **options):
        kind = f"{model} {loss}"
        if kind not in checked:
            checked.add(kind)
            # Biases of 0 put samples of zeros, as of XOR, on the kinks of ReLUs.
            beside = X[:8] + np.random.default_rng(0).normal(size=X[:8].shape)
            assert nn.gradient_difference(model, beside, y[:8], loss=loss) < 1e-6, kind
        history = plain_fit(model, X, y, loss=loss, **options)
        assert_onnxruntime_agrees(model, X, kind)
        return history

    def run_example(name, short=False):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name])
        monkeypatch.setattr(nn, "fit", short_fit if short else checked_fit)
        if short:
            monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
            monkeypatch.setattr(viz.TrainingAnimation, "save", lambda film, path: path.touch())
            monkeypatch.setattr("viz.planes.RESOLUTION", 20)
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        plt.close("all")
        assert short or checked
        return capsys.readouterr().out, tmp_path / "output" / name

    return run_example


def pictures(folder):
    """The names of the pictures in a folder, each of which shows more than one colour."""
    for path in folder.glob("*.png"):
        assert np.ptp(plt.imread(path)) > 0, path
    return {path.name for path in folder.iterdir()}


def percentages(output, pattern):
    """What comes before each percentage on the lines that match, and the percentage as a share."""
    found = re.findall(rf"^{pattern}: ([\d.]+)%", output, flags=re.MULTILINE)
    assert found, pattern
    return {name: float(percentage) / 100 for name, percentage in found}


def number(output, name):
    return float(re.search(rf"^{re.escape(name)} = \[*([-\d.e]+)", output, re.MULTILINE)[1])


@pytest.mark.exhaustive  # the README runs it as well
def test_digits_reaches_96_percent_and_its_hand_derived_gradients_agree(tmp_path):
    output = run("digits.py", tmp_path)
    summary = re.search(
        r"([\d.]+)% of 360 held-out digits right; .* agree (exactly|to (\S+))$", output
    )
    assert float(summary[1]) >= 96
    assert summary[2] == "exactly" or float(summary[3]) <= 1e-10
    assert output.count("agrees") == 4
    picture = ElementTree.parse(tmp_path / "digits.svg")
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"0.weight", "2.bias", "X", "y", "loss"} <= set(texts)
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_tutorial_mistake_flags_the_hidden_layer_only_and_shows_both_outcomes(run_here):
    _, mistaken, mended = run_here("tutorial_mistake", short=True)[0].split("delta1 from ")
    rows = {line.split()[0]: line for line in mistaken.splitlines() if line[:3] in ("W1 ", "W2 ")}
    assert "differs" in rows["W1"]
    assert "agrees" in rows["W2"]
    assert "nan" in mistaken
    assert mended.count("agrees") == 2
    assert "[0.204 0.736 0.736 0.344]" in mended


@pytest.mark.exhaustive
def test_memory_maps_and_batches_of_a_function_are_learned_from():
    output = run("larger_than_memory.py")
    assert "86220 samples, 22 MB on disk" in output
    shares = [float(share) for share in re.findall(r"([\d.]+)% of 360 new digits", output)]
    assert len(shares) == 2
    assert min(shares) > 95


@pytest.mark.exhaustive
def test_a_grid_search_finds_a_pipeline_for_wines():
    pytest.importorskip("pandas", reason="pandas is not installed")
    *table, best = run("grid_search.py").splitlines()
    assert len(table) == 7
    assert float(re.search(r"([\d.]+)% of 54 new wines right", best)[1]) > 95


@pytest.mark.exhaustive
def test_an_exported_network_runs_by_onnxruntime_and_by_numpy(tmp_path):
    output = run("export.py", tmp_path)
    assert float(re.search(r"([\d.]+)% of 360 new digits right", output)[1]) > 95
    of_onnx, of_numpy = map(float, re.findall(r"bytes, (\S+) apart", output))
    assert of_onnx < 1e-4
    assert of_numpy < 1e-5
    assert "nn" not in re.findall(r"import (\w+)", (tmp_path / "digits_numpy.py").read_text())


@pytest.mark.exhaustive
def test_a_cluster_learns_what_one_process_does_though_a_worker_is_killed():
    pytest.importorskip("distributed", reason="distributed is not installed")
    output = run("cluster.py")
    assert "worker killed after batch 10 of epoch 2" in output
    assert float(re.search(r"weights are (\S+) apart", output)[1]) < 1e-9


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_makes_its_pictures_and_prints_its_worked_numbers(name, run_here):
    output, folder = run_here(name, short=True)
    assert {path.name for path in folder.iterdir()} == PICTURES[name]
    if name in WORKED:
        WORKED[name](output, folder)


def assert_seed_b_shows_every_gradient(output, folder):
    printed = {
        "z1": 0.2213318190,
        "a1": 0.5551081693,
        "z2": -0.1291813097,
        "a2": 0.4677495093,
        "loss": 0.7598223629,
        "da2": -2.1378964171,
        "dz2": -0.5322504907,
        "dW2": -0.2954565955,
        "db2": -0.5322504907,
        "da1": 0.0623141243,
        "dz1": 0.0153892887,
        "dW1": 0.0076946443,
        "db1": 0.0153892887,
        "updated W1": 0.2475876121,
        "updated b1": -0.0015389289,
        "updated W2": -0.0875310278,
        "updated b2": 0.0532250491,
    }
    assert {name: number(output, name) for name in printed} == pytest.approx(printed, abs=1e-9)
    assert output.count("agrees") == 8
    picture = ElementTree.parse(folder / "backpropagation.svg")
    texts = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"W1", "b1", "W2", "b2", "z1", "a1", "z2", "a2", "loss"} <= texts


def assert_seed_c_prints_what_the_formulas_give(output, folder):
    assert number(output, "output") == pytest.approx(0.734989, abs=1e-6)
    assert number(output, "loss") == pytest.approx(0.027609, abs=1e-6)
    assert output.count("agrees") == 4
    assert number(output, "mse") == pytest.approx(0.052)
    assert number(output, "mae") == pytest.approx(0.2)
    assert number(output, "bce") == pytest.approx(0.233567, abs=1e-6)
    losses = re.findall(r"^categorical_cross_entropy = (\S+),", output, flags=re.MULTILINE)
    assert losses == ["0.267654"] * 2
    ends = dict(re.findall(r"^(\w+) ends at x = (\S+),", output, flags=re.MULTILINE))
    assert ends == {"sgd": "0.057646", "momentum": "-1.746263", "adam": "3.060339"}


WORKED = {
    "seed_b_comparing_networks": assert_seed_b_shows_every_gradient,
    "seed_c_from_neuron_to_framework": assert_seed_c_prints_what_the_formulas_give,
}


@pytest.mark.exhaustive
def test_seed_a_separates_blobs_and_rings_up_to_their_noise(run_here):
    output, folder = run_here("seed_a_training_pipeline")
    assert percentages(output, "(two blobs.*)")["two blobs, [2, 4, 1]"] > 0.99
    reports = re.findall(
        r"^(.*): ([\d.]+)% of new points right, where the circle itself gets ([\d.]+)%; "
        r"([\d.]+)% of points without noise$",
        output,
        flags=re.MULTILINE,
    )
    noisy = {name: float(right) - float(circle) for name, right, circle, _ in reports}
    clean = {name: float(right) for name, *_, right in reports}
    assert len(clean) == 5
    assert min(noisy.values()) > -2.5, "percentage points behind the best rule"
    for name in ("disc in ring, [2, 16, 8, 1]", "pipeline, [2, 32, 16, 8, 1]"):
        assert noisy[name] > -1
        assert clean[name] > 95
    best, epochs = re.search(r"best epoch (\d+) of (\d+), ", output).groups()
    assert int(epochs) == int(best) + 30
    assert "total: 769 parameters" in output
    assert float(re.search(r"gradient check of the pipeline: (\S+)", output)[1]) < 1e-7
    assert pictures(folder) == PICTURES["seed_a_training_pipeline"]


@pytest.mark.exhaustive
def test_seed_b_needs_depth_for_moons_and_circles(run_here):
    output, folder = run_here("seed_b_comparing_networks")
    held_out = percentages(output, r"((?:linear|moons|circles), .*)")
    assert len(held_out) == 12
    for data in ("moons", "circles"):
        assert held_out[f"{data}, [2, 1]"] < 0.9
        assert held_out[f"{data}, [2, 8, 4, 1]"] > 0.9
        assert held_out[f"{data}, [2, 16, 8, 4, 1]"] > 0.9
    by_activation = percentages(output, "(.*) on moons")
    assert min(by_activation["tanh"], by_activation["relu"]) > 0.95 > by_activation["sigmoid"]
    assert percentages(output, "(three classes)")["three classes"] > 0.9
    assert pictures(folder) == PICTURES["seed_b_comparing_networks"]


@pytest.mark.exhaustive
def test_seed_c_learns_spirals_digits_and_xor(run_here):
    output, folder = run_here("seed_c_from_neuron_to_framework")
    spirals = percentages(output, "spirals, (.*)")
    assert spirals["[2, 1]"] < 0.6
    assert spirals["[2, 64, 32, 1]"] > 0.95
    assert percentages(output, "(digits.*)")["digits, [64, 30, 10]"] > 0.93
    solved = re.findall(r"^XOR, (.*): solved from (\d+) of 10 seeds$", output, flags=re.MULTILINE)
    assert [int(count) for _, count in solved[1:]] == [10, 10, 10]
    assert solved[0][0].startswith("relu, relu")
    assert int(solved[0][1]) < 10
    assert pictures(folder) == PICTURES["seed_c_from_neuron_to_framework"]


def test_seed_d_takes_the_same_path_by_hand_and_leaves_small_weights_late(run_here):
    output, folder = run_here("seed_d_gradients_by_hand")
    assert output.count("agrees") == 4
    assert float(re.search(r"the weights are (\S+) apart", output)[1]) < 1e-12
    small, he = re.findall(r"below log\(2\) / 2 after (\d+) steps", output)
    assert int(small) > 10 * int(he)
    assert pictures(folder) == {"learning_curves.png"}


@pytest.mark.exhaustive
def test_seed_e_shows_each_failure_and_its_cure(run_here):
    output, folder = run_here("seed_e_diagnosing_training")
    assert "[0 0 0 1]" in output
    assert "XOR, probabilities [0.204 0.736 0.736 0.344], classes [0 1 1 0]" in output
    layers = percentages(output, "five layers of (.*)")
    assert layers["sigmoid"] < 0.6
    assert layers["relu"] > 0.95
    assert re.search(r"^not clipped: fit in epoch 1, batch \d+: the loss is", output, re.MULTILINE)
    assert float(re.search(r"^clipped at 1.0: .* (\S+)$", output, re.MULTILINE)[1]) < 5
    units = percentages(output, "(.*) at a learning rate of 0.5")
    assert units["relu"] < 0.9 < units["leaky_relu"]
    losses = re.findall(r"training loss (\S+), validation loss (\S+)", output)
    (last_training, last_validation), (best_training, best_validation) = np.array(losses, float)
    assert last_training < best_training < best_validation < last_validation / 2
    folds = percentages(output, "5 folds, (.*)")
    assert folds["[2, 1]"] < 0.85 < 0.9 < folds["[2, 64, 64, 1]"]
    assert pictures(folder) == PICTURES["seed_e_diagnosing_training"]


@pytest.mark.exhaustive
def test_real_data_is_told_apart_in_every_fold(run_here):
    output, folder = run_here("real_data")
    for name in ("breast_cancer", "digits"):
        folds = percentages(output, rf"{name}, (fold \d)")
        assert len(folds) == 5
        assert min(folds.values()) > 0.92
        assert percentages(output, rf"({name})")[name] > 0.95
    assert pictures(folder) == PICTURES["real_data"]


@pytest.mark.exhaustive
def test_digits_with_convolutions_reads_985_of_1000(run_here):
    output, folder = run_here("digits_with_convolutions")
    assert len(re.findall(r"^digits, seed \d: ", output, re.MULTILINE)) == 3
    assert percentages(output, "(digits)")["digits"] >= 0.985
    assert pictures(folder) == PICTURES["digits_with_convolutions"]


@pytest.mark.exhaustive
def test_a_forecast_beats_its_baselines(run_here):
    output, folder = run_here("forecast")
    errors = dict(re.findall(r"^([\w ]+): error ([\d.]+)$", output, re.MULTILINE))
    baselines = (float(errors["last value"]), float(errors["linear regression"]))
    assert float(errors["GRU"]) < 0.85 * min(baselines)
    assert pictures(folder) == PICTURES["forecast"]


@pytest.mark.exhaustive
def test_language_models_learn_the_zen(tmp_path):
    output = run("language_models.py", tmp_path)
    bits = dict(re.findall(r"^(\w+): ([\d.]+) bits a letter at the end$", output, re.MULTILINE))
    assert bits.keys() == {"LSTM", "transformer"}
    assert all(float(found) < 0.6 for found in bits.values())
    assert pictures(tmp_path) == {"attention.png", "losses.png"}


@pytest.mark.exhaustive
def test_a_network_solves_the_heat_equation_to_a_hundredth(tmp_path):
    output = run("heat_equation.py", tmp_path)
    largest = re.search(r"^largest error ([\d.e-]+), mean", output, re.MULTILINE)
    assert float(largest[1]) < 1e-2
    assert pictures(tmp_path) == {"heat.png"}


@pytest.mark.exhaustive
def test_rates_of_an_ode_are_found_within_their_errors_and_a_ring_by_a_generator(tmp_path):
    output = run("lotka_volterra.py", tmp_path)
    found = re.findall(r"^\w = ([\d.]+) ± ([\d.]+), made with ([\d.]+)$", output, re.MULTILINE)
    assert len(found) == 4
    for rate, error, true in (map(float, row) for row in found):
        assert abs(rate - true) < 3 * error < 0.2 * true
    output = run("adversarial_ring.py", tmp_path)
    last = re.findall(r"(\d+)% of the points lie near (\d) of 8 places", output)[-1]
    assert int(last[0]) > 75
    assert int(last[1]) == 8
    assert pictures(tmp_path) == {"populations.png", "points.png"}
