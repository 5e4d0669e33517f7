"""Pictures of what was recorded: the graph of a computation, as DOT, SVG, PNG or PDF.

The flow of data: `record` reads the record of a tensor into vertices and edges, `dot` writes these
as DOT text, `render` has Graphviz draw the text; `picture` puts the three together.
"""

from viz.picture import Graph, graph

__all__ = ["Graph", "graph"]
