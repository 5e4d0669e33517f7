"""The page on which a backward pass is stepped through: its numbers, and what a browser shows."""

import html
import json
import re
import shutil

import numpy as np
import pytest

import viz
from autograd_lite import ArgumentError, Tensor, sigmoid
from autograd_lite.errors import GradientError
from viz.vertices import lines

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")


def network():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, 2)), np.array([[1.0], [0.0], [1.0], [0.0]])
    W1, b1, W2 = (Tensor(rng.normal(size=n), requires_grad=True) for n in [(2, 3), 3, (3, 1)])
    a = np.tanh(X @ W1 + b1)
    p = sigmoid(a @ W2)
    loss = ((p - y) ** 2).mean() + 0.1 * (W2 * W2).sum()
    loss.backward()
    return loss, {W1: W1.grad, b1: b1.grad, W2: W2.grad}, {"a": a, "p": p}


def data_of(page):
    """What the page is told, as its script reads it."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_the_last_arrival_of_each_tensor_shows_its_gradient():
    loss, gradients, computed = network()
    last = {step.name: step for step in viz.step_through(loss).passages}
    named = zip(("W1", "b1", "W2", "a", "p"), [*gradients, *computed.values()])
    for name, tensor in named:
        step = last[f"d{name}"]
        assert (step.total or step.value) == lines(tensor.grad), name


def test_what_is_used_twice_shows_each_arrival_and_the_sum():
    loss, gradients, _ = network()
    W2 = [*gradients][2]
    arrivals = [step for step in viz.step_through(loss).passages if step.name == "dW2"]
    assert [bool(step.total) for step in arrivals] == [False, True]
    parts = {lines(0.2 * W2.data), lines(W2.grad - 0.2 * W2.data)}
    assert {step.value for step in arrivals} == parts


def test_formulas_are_those_of_the_rules_one_at_a_time():
    x = Tensor(np.array([0.5, 2.0]), requires_grad=True)
    y = np.exp(x)
    loss = (y * x).sum()
    steps = [f"{step.name} = {step.formula}" for step in viz.step_through(loss).passages]
    assert steps == [
        *("y = exp(x)", "t1 = y ⊙ x", "loss = Σ t1"),
        *("dloss = 1", "dt1 = dloss", "dy = dt1 ⊙ x", "dx = dt1 ⊙ y", "dx = dy ⊙ y"),
    ]


def test_steps_name_the_first_tensor_whose_gradient_departs():
    loss, gradients, _ = network()
    W1, *_ = gradients
    steps = viz.step_through(loss, gradients | {W1: 2 * gradients[W1]})
    wrong = [step.name for step in steps.passages if step.wrong]
    assert wrong == ["dW1"]
    assert "a factor of 2 too many" in str(steps.comparison)
    assert data_of(steps.html())["report"] == str(steps.comparison)
    assert not any(step.wrong for step in viz.step_through(loss, gradients).passages)


def test_a_page_is_one_file_without_addresses_and_names_close_no_script(tmp_path):
    w = Tensor(2.0, requires_grad=True, name="</script><b>&")
    page = viz.step_through(w * w).html()
    assert data_of(page)["titles"] == ["__script__b__", "loss = multiply"]
    assert page.count("</script>") == 2
    assert not re.findall(r'(?:src|href)\s*=\s*"', page)
    path = viz.step_through(w * w).save(tmp_path / "steps.html")
    assert path.read_text(encoding="utf-8") == page
    frame = viz.step_through(w * w)._repr_html_()
    assert html.unescape(re.search('srcdoc="(.*?)"', frame, re.S)[1]) == page


def test_what_has_no_page_is_refused(tmp_path):
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(1001):
        y = y * 1.01
    with pytest.raises(ArgumentError, match="1001 operations"):
        viz.step_through(y)
    with pytest.raises(GradientError):
        viz.step_through(Tensor(1.0))
    with pytest.raises(ArgumentError, match="not the suffix of a page"):
        viz.step_through(x * x).save(tmp_path / "steps.svg")


def test_slices_of_a_variable_are_called_after_it():
    W, X, h = Tensor(np.eye(2), requires_grad=True), np.arange(6.0).reshape(3, 2), np.ones(2)
    for t in range(3):
        h = np.tanh(W @ h + X[t])
    steps = viz.step_through((h[:1] * X[1:, :1]).sum())
    titles = [vertex.title for vertex in steps.graph.vertices]
    assert [title for title in titles if "[" in title] == ["X[0]", "X[1]", "X[2]", "X[1:3, 0:1]"]
    assert "t2 = t1 + X[0]" in [f"{step.name} = {step.formula}" for step in steps.passages]


def test_of_many_equal_steps_only_what_has_a_name_is_drawn_beside_them():
    U, h = Tensor(np.eye(2), requires_grad=True), np.zeros(2)
    for number in range(80):
        h = np.tanh(U @ h + np.full(2, 0.01 * number))
    steps = viz.step_through((h**2).sum())
    assert [vertex.title for vertex in steps.graph.vertices][:2] == ["U", "h = \u00d780"]
    assert len(steps.graph.vertices) == 4
    assert len(steps.passages) > 400


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if not (CHROMIUM and DRIVER):
        pytest.skip("there is no chromium with its driver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,800"):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.exhaustive
def test_a_browser_shows_the_numbers_of_each_step(browser, tmp_path):
    loss, *_ = network()
    steps = viz.step_through(loss)
    browser.get(steps.save(tmp_path / "steps.html").as_uri())
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    def find(selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    body = find("body")[0]
    for place, step in enumerate(steps.passages):
        shown = find("#now")[0].text
        assert step.formula in shown, place
        assert find("#now .numbers")[0].text == "= " + "\n  ".join(step.value), place
        lit = [each.find_element(By.TAG_NAME, "title") for each in find("#graph .node.lit")]
        title = steps.graph.vertices[step.vertex].title
        shown_first = [each.get_attribute("textContent").split("\n")[0] for each in lit]
        assert shown_first == [title], place
        assert find("#place")[0].text == f"{place + 1} / {len(steps.passages)}"
        body.send_keys(Keys.ARROW_RIGHT)
    body.send_keys(Keys.HOME)
    assert steps.passages[0].formula in find("#now")[0].text
    body.send_keys(Keys.END)
    find("#back")[0].click()
    assert find("#place")[0].text.startswith(f"{len(steps.passages) - 1} /")
    find("#search")[0].send_keys("W2")
    assert len(find("#graph .node.found")) == 1
    find("#play")[0].click()
    assert find("#play")[0].text == "Pause"
    assert browser.get_log("browser") == []


@pytest.mark.exhaustive
def test_a_browser_begins_where_a_derivation_departs(browser, tmp_path):
    loss, gradients, _ = network()
    W1, *_ = gradients
    steps = viz.step_through(loss, gradients | {W1: -gradients[W1]})
    browser.get(steps.save(tmp_path / "steps.html").as_uri())
    from selenium.webdriver.common.by import By

    now = browser.find_element(By.ID, "now").text
    assert "dW1 =" in now
    assert "by hand" in now
    assert str(steps.comparison).split()[0] in browser.find_element(By.ID, "report").text


@pytest.mark.exhaustive
def test_a_browser_shows_what_is_lit_where_a_graph_is_too_large_to_be_read(browser, tmp_path):
    x = Tensor(0.5, requires_grad=True)
    y = x
    for _ in range(40):
        y = np.sin(y) + np.exp(y * 0.01)
    browser.get(viz.step_through(y).save(tmp_path / "steps.html").as_uri())
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    def corners(selector):
        box = browser.find_element(By.CSS_SELECTOR, selector).rect
        return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]

    for key in (Keys.HOME, *[Keys.ARROW_RIGHT] * 12, Keys.END):
        browser.find_element(By.TAG_NAME, "body").send_keys(key)
        left, top, right, bottom = corners("#graph .node.lit")
        outer = corners("#graph svg")
        assert outer[0] <= left < right <= outer[2]
        assert outer[1] <= top < bottom <= outer[3]
        assert bottom - top > 20
    browser.find_element(By.ID, "whole").click()
    assert outer[1] <= corners("#n0")[1] < corners("#n160")[3] <= outer[3]
    assert corners("#n0")[3] - corners("#n0")[1] < 20
    before = corners("#n0")
    for key, factor in (("+", 1.25), ("-", 1.0), ("0", 1.0)):
        browser.find_element(By.TAG_NAME, "body").send_keys(key)
        after = corners("#n0")
        assert abs((after[3] - after[1]) - factor * (before[3] - before[1])) < 0.5, key
