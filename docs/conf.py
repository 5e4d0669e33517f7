"""How the documentation is built: sphinx-build -W docs docs/site."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "autograd_lite"
extensions = ["myst_parser", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = "autograd_lite"
html_show_copyright = False
exclude_patterns = ["site"]


def write_pages(app: object) -> None:
    """Make the pages that are made: of the table, of docstrings, of code that is run."""
    import matplotlib

    matplotlib.use("Agg")
    from generate import api, array_api, functions, gallery, mistakes, table

    folder = HERE / "generated"
    texts = {
        **table.pages(),
        **functions.pages(),
        **array_api.pages(),
        **api.pages(),
        **mistakes.pages(),
        **gallery.pages(folder / "pictures"),
    }
    for name, text in texts.items():
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def setup(app: object) -> None:
    app.connect("builder-inited", write_pages)
