"""Reachability as a graph, as a picture and as HTML."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from netpolicy._native import ReachabilityRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Beyond so many rows or columns a notebook shows namespaces.
_LEGIBLE = 40

_EVERYTHING = {"TCP all", "UDP all", "SCTP all", "other all"}

#: Nothing, some ports, everything.
_COLOURS = ("#f4f4f4", "#f2b134", "#c8553d")


class Matrix:
    """Who reaches whom: names, and for each pair of names what passes."""

    def __init__(self, rows: Sequence[ReachabilityRow], by: str) -> None:
        name = _NAMES.get(by)
        if name is None:
            raise ValueError(f'by={by!r}: use "workload" or "namespace"')
        self.cells: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for row in rows:
            source = name(row.source, row.source_kind)
            destination = name(row.destination, row.destination_kind)
            # Of a namespace, what some pair of its workloads has.
            self.cells[source, destination].add(f"{row.protocol} {row.ports}")
        self.sources = sorted({source for source, _ in self.cells}, key=_order)
        self.destinations = sorted({destination for _, destination in self.cells}, key=_order)

    def ports(self, source: str, destination: str) -> list[str]:
        """What passes between two names, as text."""
        return sorted(self.cells.get((source, destination), ()))

    def level(self, source: str, destination: str) -> int:
        """0 nothing, 1 some ports, 2 everything."""
        ports = self.ports(source, destination)
        return 0 if not ports else 2 if _EVERYTHING.issubset(ports) else 1


def _workload(name: str, kind: str) -> str:
    """A name of the matrix: whoever is outside is one."""
    return {"External": "external", "Nodes": "nodes", "OwnNode": "own node"}.get(kind, name)


def _namespace(name: str, kind: str) -> str:
    return _workload(name, kind).partition("/")[0]


_NAMES: dict[str, Callable[[str, str], str]] = {"workload": _workload, "namespace": _namespace}


def _order(name: str) -> tuple[bool, str]:
    """Workloads, then what is outside of the cluster."""
    return name in {"external", "nodes", "own node"}, name


def to_networkx(rows: Sequence[ReachabilityRow]) -> Any:
    """A directed graph with an edge for each pair of ends."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    for row in rows:
        graph.add_node(row.source, kind=row.source_kind)
        graph.add_node(row.destination, kind=row.destination_kind)
        if not graph.has_edge(row.source, row.destination):
            graph.add_edge(row.source, row.destination, ports=[], why=[])
        edge = graph.edges[row.source, row.destination]
        ports = f"{row.protocol} {row.ports}"
        if ports not in edge["ports"]:
            edge["ports"].append(ports)
        if row.why not in edge["why"]:
            edge["why"].append(row.why)
    return graph


def draw_matrix(rows: Sequence[ReachabilityRow], ax: Axes | None, by: str) -> Axes:
    """A heat map: sources down, destinations across."""
    from matplotlib import pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    matrix = Matrix(rows, by)
    if ax is None:
        # Room for the names, and for each row and column.
        size = (4 + 0.35 * len(matrix.destinations), 4 + 0.3 * len(matrix.sources))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    levels = [
        [matrix.level(source, destination) for destination in matrix.destinations]
        for source in matrix.sources
    ]
    ax.imshow(levels or [[0]], cmap=ListedColormap(_COLOURS), vmin=0, vmax=2, aspect="auto")
    ax.set_xticks(range(len(matrix.destinations)), matrix.destinations, rotation=90)
    ax.set_yticks(range(len(matrix.sources)), matrix.sources)
    ax.set_xlabel("destination")
    ax.set_ylabel("source")
    words = ("nothing", "some ports", "everything")
    ax.legend(
        handles=[Patch(color=colour, label=word) for colour, word in zip(_COLOURS, words)],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
    )
    return ax


def draw_graph(rows: Sequence[ReachabilityRow], ax: Axes | None, by: str) -> Axes:
    """A graph: an arrow where something passes, wider where everything does."""
    import networkx as nx
    from matplotlib import pyplot as plt

    matrix = Matrix(rows, by)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(dict.fromkeys([*matrix.sources, *matrix.destinations]))
    for source, destination in matrix.cells:
        if source != destination:
            graph.add_edge(source, destination, level=matrix.level(source, destination))
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 8), layout="constrained")
    levels = [int(edge["level"]) for _, _, edge in graph.edges(data=True)]
    nx.draw_networkx(
        graph,
        nx.circular_layout(graph),
        ax=ax,
        node_color="#d9e2ec",
        font_size=8,
        edge_color=[_COLOURS[level] for level in levels],
        width=[float(level) for level in levels],
        connectionstyle="arc3,rad=0.1",
    )
    ax.set_axis_off()
    return ax


def to_html(rows: Sequence[ReachabilityRow]) -> str:
    """The matrix as a table; what passes is told where the pointer rests."""
    matrix = Matrix(rows, "workload")
    if max(len(matrix.sources), len(matrix.destinations)) > _LEGIBLE:
        matrix = Matrix(rows, "namespace")
    if not matrix.cells:
        return "<p>nothing can reach anything that a policy governs</p>"

    def cell(source: str, destination: str) -> str:
        colour = _COLOURS[matrix.level(source, destination)]
        ports = "\n".join(matrix.ports(source, destination)) or "nothing"
        title = html.escape(f"{source} → {destination}\n{ports}")
        return f'<td style="background:{colour};min-width:1.2em" title="{title}"></td>'

    slanted = "writing-mode:vertical-rl;transform:rotate(180deg);text-align:left"
    head = "".join(
        f'<th style="{slanted}">{html.escape(name)}</th>' for name in matrix.destinations
    )
    body = "".join(
        f'<tr><th style="text-align:right">{html.escape(source)}</th>'
        + "".join(cell(source, destination) for destination in matrix.destinations)
        + "</tr>"
        for source in matrix.sources
    )
    caption = "source (down) → destination (across): grey nothing, yellow some ports, red everything"
    return (
        f'<table><caption style="caption-side:bottom">{caption}</caption>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
