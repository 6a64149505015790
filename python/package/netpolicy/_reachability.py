"""Reachability as a graph, as a picture and as HTML."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from netpolicy._native import ReachabilityRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Beyond so many rows or columns a notebook shows namespaces.
_LEGIBLE = 40

#: All ports of a protocol that has ports.
_ALL = [(1, 0xFFFF)]

#: Nothing, some ports, everything.
_COLOURS = ("#f4f4f4", "#f2b134", "#c8553d")
_WORDS = ("nothing", "some ports", "everything")

_NOTHING = "nothing can reach anything that a policy governs"


class Passing:
    """What passes between two ends, put together from rows that have a reason each."""

    def __init__(self) -> None:
        self._ranges: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)

    def add(self, row: ReachabilityRow) -> None:
        """Add what a row lets through."""
        self._ranges[row.protocol].update(row.port_ranges)

    def update(self, other: Passing) -> None:
        """Add all that passes between two other ends."""
        for protocol, ranges in other._ranges.items():
            self._ranges[protocol].update(ranges)

    def is_everything(self) -> bool:
        """Whether every protocol passes, to every port."""
        return self._ranges.keys() >= {"TCP", "UDP", "SCTP", "other"} and all(
            protocol == "other" or _merged(ranges) == _ALL
            for protocol, ranges in self._ranges.items()
        )

    def text(self) -> list[str]:
        """A text for each protocol, such as ``TCP 80,8000-8999``."""
        return [f"{protocol} {_ports(ranges)}" for protocol, ranges in sorted(self._ranges.items())]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of ports that neither overlap nor touch."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _ports(ranges: Iterable[tuple[int, int]]) -> str:
    merged = _merged(ranges)
    if merged in ([], _ALL):
        return "all"
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in merged)


class Matrix:
    """Who reaches whom: names, and for each pair of names what passes.

    A name can stand for several ends: the workloads of a namespace, pods of a workload
    that policies tell apart, ranges of addresses outside.
    """

    def __init__(self, rows: Sequence[ReachabilityRow], by: str) -> None:
        name = _NAMES.get(by)
        if name is None:
            raise ValueError(f'by={by!r}: use "workload" or "namespace"')
        cells: defaultdict[tuple[str, str], defaultdict[tuple[str | None, ...], Passing]]
        cells = defaultdict(lambda: defaultdict(Passing))
        for row in rows:
            source = name(row.source, row.source_kind)
            destination = name(row.destination, row.destination_kind)
            ends = (row.source, row.source_part, row.destination, row.destination_part)
            cells[source, destination][ends].add(row)
        self.cells = {names: list(pairs.values()) for names, pairs in cells.items()}
        self.sources = sorted({source for source, _ in self.cells}, key=_order)
        self.destinations = sorted({destination for _, destination in self.cells}, key=_order)

    def ports(self, source: str, destination: str) -> list[str]:
        """What passes between any ends of two names, as text."""
        union = Passing()
        for passing in self.cells.get((source, destination), ()):
            union.update(passing)
        return union.text()

    def level(self, source: str, destination: str) -> int:
        """0 nothing, 1 some ports, 2 everything, at least between some pair of ends."""
        pairs = self.cells.get((source, destination), ())
        return 0 if not pairs else 1 + any(passing.is_everything() for passing in pairs)


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
    passing: defaultdict[tuple[str, str], Passing] = defaultdict(Passing)
    for row in rows:
        graph.add_node(row.source, kind=row.source_kind)
        graph.add_node(row.destination, kind=row.destination_kind)
        passing[row.source, row.destination].add(row)
        if not graph.has_edge(row.source, row.destination):
            graph.add_edge(row.source, row.destination, why=[])
        edge = graph.edges[row.source, row.destination]
        if row.why not in edge["why"]:
            edge["why"].append(row.why)
    for (source, destination), found in passing.items():
        graph.edges[source, destination]["ports"] = found.text()
    return graph


def draw_matrix(rows: Sequence[ReachabilityRow], ax: Axes | None, by: str) -> Axes:
    """A heat map: sources down, destinations across."""
    from matplotlib import pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    matrix = Matrix(rows, by)
    if ax is None:
        # Room for the names, and for each row and column.
        size = (5 + 0.35 * len(matrix.destinations), 4 + 0.3 * len(matrix.sources))
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
    if not matrix.cells:
        ax.text(0, 0, _NOTHING.replace("that", "\nthat"), ha="center", va="center")
    ax.legend(
        handles=[Patch(color=colour, label=word) for colour, word in zip(_COLOURS, _WORDS)],
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
    from matplotlib.lines import Line2D

    matrix = Matrix(rows, by)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(dict.fromkeys([*matrix.sources, *matrix.destinations]))
    for source, destination in matrix.cells:
        if source != destination:
            graph.add_edge(source, destination, level=matrix.level(source, destination))
    if ax is None:
        # The names stand around a circle, a line each.
        side = max(8, 0.25 * len(graph))
        _, ax = plt.subplots(figsize=(side, side), layout="constrained")
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
    ax.legend(
        handles=[
            Line2D([], [], color=_COLOURS[level], linewidth=level, label=_WORDS[level])
            for level in (1, 2)
        ],
        loc="lower left",
        frameon=False,
    )
    ax.margins(0.12)
    ax.set_axis_off()
    return ax


def to_html(rows: Sequence[ReachabilityRow]) -> str:
    """The matrix as a table; what passes is told where the pointer rests."""
    matrix = Matrix(rows, "workload")
    if max(len(matrix.sources), len(matrix.destinations)) > _LEGIBLE:
        matrix = Matrix(rows, "namespace")
    if not matrix.cells:
        return f"<p>{_NOTHING}</p>"

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
