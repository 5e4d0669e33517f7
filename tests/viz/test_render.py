"""Pictures: what a renderer makes of the DOT text, and what happens where there is none."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from textwrap import dedent

import numpy as np
import pytest
from sample_graphs import HOSTILE_NAMES, hostile_names, small_network, trained_network

import nn
import viz
from autograd_lite import Tensor
from autograd_lite.errors import ArgumentError, FileError
from viz import RenderingError

SVG = "{http://www.w3.org/2000/svg}"
SIGNATURES = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-", ".dot": b"digraph"}


@pytest.fixture
def without_program(monkeypatch, tmp_path):
    """A PATH without the program dot."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))


@pytest.fixture
def without_renderer(without_program, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.fixture(params=["pygraphviz", *filter(shutil.which, ["dot"])])
def graphviz(request):
    """Each way to Graphviz that is installed."""
    if request.param == "pygraphviz":
        request.getfixturevalue("without_program")


@pytest.fixture(params=["pygraphviz", *filter(shutil.which, ["dot"]), "none"])
def renderer(request):
    """Each of them, and none, where the layout is the project's own."""
    if request.param != "dot":
        request.getfixturevalue("without_program")
    if request.param == "none":
        request.getfixturevalue("without_renderer")


@pytest.fixture
def install_program(monkeypatch, tmp_path):
    """Put a Python script on the PATH as the program dot."""

    def install(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "dot"
        program.write_text(f"#!{sys.executable}\nimport sys\nfolder = {str(tmp_path)!r}\n{script}")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", str(folder))

    return install


def texts(svg):
    """The text that each node of a picture shows."""
    nodes = {}
    for group in ElementTree.fromstring(svg.encode()).iter(f"{SVG}g"):
        if group.get("class") == "node":
            runs = [element.text or "" for element in group.iter(f"{SVG}text")]
            nodes[group.get("id")] = "".join(runs).replace("\xa0", " ")
    return nodes


@pytest.mark.parametrize("build", [trained_network, hostile_names])
def test_svg_shows_every_label_of_every_node(renderer, build):
    graph = build()
    shown = texts(graph.svg())
    for position, vertex in enumerate(graph.vertices):
        parts = [vertex.title, *(part for key, lines in vertex.rows for part in (key, *lines))]
        assert shown[f"n{position}"] == "".join(parts)
    kinds = {vertex.kind for vertex in graph.vertices}
    assert shown.keys() - {"legend"} == {f"n{n}" for n in range(len(graph.vertices))} | kinds


def test_hostile_names_come_out_literally(renderer):
    shown = texts(hostile_names().svg())
    for number, name in enumerate(HOSTILE_NAMES):
        assert shown[f"n{number}"] == f"{name}value0.5", name


def test_control_characters_are_shown_as_python_writes_them(renderer):
    shown = texts(viz.graph(Tensor(0.5, name="a\nb\x00\x1b\t\ud800")).svg())
    assert shown["n0"].startswith(r"a\nb\x00\x1b\t\ud800value")


def test_svg_has_a_legend(renderer):
    svg = trained_network().svg()
    shown = texts(svg)
    for kind in ("input", "parameter", "operation", "output"):
        assert shown[kind] == kind
    assert "Legend" in "".join(ElementTree.fromstring(svg.encode()).itertext())


def test_captions_of_modules_stand_over_the_edges(renderer):
    model = nn.Sequential(nn.Dense(2, 2, "relu", rng=0))
    svg = viz.graph(model, np.ones((1, 2))).svg()
    last_edge = svg.rindex('class="edge"')
    for caption in (">Sequential<", ">0: Dense<"):
        assert svg.count(caption) == 1
        assert svg.index(caption) > last_edge


@pytest.mark.parametrize("direction", ["down", "right"])
def test_arguments_of_layers_come_in_their_order(renderer, direction):
    model = nn.Sequential(nn.Dense(2, 2, "relu", rng=0), nn.Dense(2, 2, rng=1))
    graph = viz.graph(model, np.ones((1, 2)), direction=direction)
    first = {}
    for group in ElementTree.fromstring(graph.svg().encode()).iter(f"{SVG}g"):
        if (text := group.find(f"{SVG}text")) is not None:
            first.setdefault(group.get("id"), float(text.get("x" if direction == "down" else "y")))
    for head in {edge.head for edge in graph.edges if edge.label}:
        places = [first[f"n{edge.tail}"] for edge in graph.edges if edge.head == head]
        assert places == sorted(places)
        assert len(places) == 3


def test_notebook_shows_the_svg(renderer):
    shown = trained_network()._repr_mimebundle_(include=None, exclude=None)
    assert shown["image/svg+xml"] == trained_network().svg()
    assert shown["text/html"].startswith('<svg style="max-width:100%;height:auto"')


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_save_writes_the_format_of_the_suffix_and_returns_the_path(graphviz, tmp_path, suffix):
    path = tmp_path / f"graph{suffix}"
    assert trained_network().save(str(path)) == path
    assert path.read_bytes().startswith(SIGNATURES[suffix])


def test_suffix_in_capitals_is_understood(graphviz, tmp_path):
    assert trained_network().save(tmp_path / "G.PNG").read_bytes().startswith(SIGNATURES[".png"])


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.svg.zip"])
def test_unknown_suffix_is_refused_and_nothing_written(tmp_path, name):
    with pytest.raises(ArgumentError) as caught:
        trained_network().save(tmp_path / name)
    attempted, reason, remedy = caught.value.args
    assert name in attempted
    assert "suffix" in reason
    assert remedy == "End the name in .dot, .svg, .png or .pdf"
    assert list(tmp_path.iterdir()) == []


def test_without_a_renderer_the_error_names_both_remedies(without_renderer, tmp_path):
    graph = trained_network()
    path = tmp_path / "graph.png"
    with pytest.raises(RenderingError) as caught:
        graph.save(path)
    attempted, reason, remedy = caught.value.args
    assert attempted == "drawing a graph as png"
    assert "`dot`" in reason
    for way in ("https://graphviz.org/download", "pip install pygraphviz", "graph.svg"):
        assert way in remedy
    assert not path.exists()


def test_without_a_renderer_dot_text_is_saved(without_renderer, tmp_path):
    graph = hostile_names()
    path = graph.save(tmp_path / "graph.dot")
    assert path.read_text(encoding="utf-8") == graph.dot


def test_failed_rendering_leaves_an_existing_file_alone(without_renderer, tmp_path):
    path = tmp_path / "graph.png"
    path.write_text("older")
    with pytest.raises(RenderingError):
        trained_network().save(path)
    assert path.read_text() == "older"


def test_program_is_preferred_and_gets_the_dot_text(install_program, tmp_path):
    install_program(
        dedent("""
        open(folder + "/arguments", "w").write(" ".join(sys.argv[1:]))
        open(folder + "/input", "wb").write(sys.stdin.buffer.read())
        print("<svg>é</svg>".encode("ascii", "xmlcharrefreplace").decode())
        """)
    )
    graph = viz.graph(*small_network())
    assert graph.svg() == "<svg>&#233;</svg>\n"
    assert (tmp_path / "arguments").read_text() == "-Kdot -Tsvg"
    assert (tmp_path / "input").read_text(encoding="utf-8") == graph.dot


def test_program_is_asked_for_the_format(install_program, tmp_path):
    install_program("sys.stdout.write(sys.argv[2])")
    for suffix in ("png", "pdf"):
        assert trained_network().save(tmp_path / f"g.{suffix}").read_text() == f"-T{suffix}"


def test_failure_of_the_program_is_explained_and_nothing_written(install_program, tmp_path):
    install_program("sys.stdin.read(); sys.exit('Format: \"png\" not recognized')")
    with pytest.raises(RenderingError) as caught:
        trained_network().save(tmp_path / "g.png")
    attempted, reason, remedy = caught.value.args
    assert attempted == "drawing a graph as png"
    assert reason.startswith("the program ")
    assert 'failed: Format: "png" not recognized' in reason
    assert "graph.save('graph.dot')" in remedy
    assert not (tmp_path / "g.png").exists()


def test_what_graphviz_takes_too_long_for_is_laid_out_without_it(
    install_program, tmp_path, monkeypatch
):
    install_program("import time; time.sleep(60)")
    monkeypatch.setattr("viz.dot.SECONDS", 0.2)
    monkeypatch.setattr("viz.dot.LONGEST", 0.2)
    assert texts(trained_network().svg())["n0"].startswith("X")
    with pytest.raises(RenderingError, match=r"took longer.*depth=1"):
        trained_network().save(tmp_path / "g.png")


def test_an_interruption_ends_the_layout_at_once(install_program, tmp_path):
    install_program("open(folder + '/began', 'w').close(); import time; time.sleep(60)")
    interruption = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    interruption.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        trained_network().svg()
    assert time.monotonic() - started < 20


def test_what_the_program_says_beside_the_picture_is_not_shown(install_program, capfd):
    install_program("print('Fontconfig warning', file=sys.stderr); print('<svg></svg>')")
    trained_network().svg()
    assert capfd.readouterr() == ("", "")


def test_import_and_dot_need_no_pygraphviz():
    script = (
        "import sys; sys.modules['pygraphviz'] = None; import viz; from autograd_lite import Tensor"
    )
    command = f"{script}; print(viz.graph(Tensor(1.0)).dot.split()[0])"
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert result.stdout == "digraph\n"


def test_a_picture_takes_the_place_of_an_older_one_whole(tmp_path, monkeypatch):
    path = tmp_path / "graph.dot"
    path.write_bytes(b"older")
    path.chmod(0o640)
    graph = viz.graph(np.tanh(Tensor([1.0])))

    def fail(descriptor):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FileError, match="the disk is full"):
        graph.save(path)
    assert path.read_bytes() == b"older"
    monkeypatch.undo()
    assert graph.save(path) == path
    assert path.read_text() == graph.dot
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["graph.dot"]
