"""What can reach what: table, frames, graph, pictures."""

from __future__ import annotations

import matplotlib
import netpolicy
import pytest
from netpolicy import Cluster, Image, Reachability, _reachability

matplotlib.use("agg")


@pytest.fixture(scope="module")
def reachability(wordpress: Cluster) -> Reachability:
    return wordpress.compile().reachability()


def test_rows(reachability: Reachability) -> None:
    found = [row for row in reachability.rows if row.destination == "default/mysql"]
    sources = {row.source for row in found if row.source_kind == "Pod"}
    assert sources == {"default/wordpress"}
    row = next(row for row in found if row.source == "default/wordpress")
    assert (row.protocol, row.ports, row.port_ranges) == ("TCP", "3306", [(3306, 3306)])
    assert "ingress allowed by NetworkPolicy default/database ingress[0]" in row.why
    assert str(row) == "default/wordpress -> default/mysql: TCP 3306"


def test_rows_are_what_verdicts_say(sample: Cluster) -> None:
    image = sample.compile()
    rows = image.reachability().rows
    names = {row.source for row in rows if "/" in row.source and not row.source_part}
    assert len(names) > 20
    ports = {443, 5432, 7, 8000}
    passing = {
        (row.source, row.destination, port)
        for row in rows
        if row.protocol == "TCP"
        for first, last in row.port_ranges
        for port in ports
        if first <= port <= last
    }
    checked = 0
    for source in sorted(names):
        for destination in sorted(names):
            if source == destination:
                continue
            for port in ports:
                asked = bool(image.verdict(source, destination, port=port))
                assert asked == ((source, destination, port) in passing)
                checked += 1
    assert checked > 1000


def test_frames(reachability: Reachability) -> None:
    frame = reachability.to_pandas()
    assert len(frame) == len(reachability) == len(reachability.rows)
    assert list(frame.columns) == reachability.column_names
    mysql = reachability.to_polars().filter(destination="default/mysql", source="default/wordpress")
    assert mysql["port_ranges"].to_list() == [[{"first": 3306, "last": 3306}]]


def test_graph(reachability: Reachability) -> None:
    graph = reachability.to_networkx()
    edge = graph.edges["default/wordpress", "default/mysql"]
    assert edge["ports"] == ["TCP 3306"]
    assert len(edge["why"]) == 1
    assert not graph.has_edge("default/batch", "default/mysql")
    assert graph.nodes["default/mysql"]["kind"] == "Pod"


@pytest.mark.parametrize("by", ["workload", "namespace"])
def test_drawings(reachability: Reachability, by: str) -> None:
    from matplotlib import pyplot as plt

    axes = reachability.draw_matrix(by=by)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert ("default/wordpress" if by == "workload" else "default") in labels
    axes.figure.canvas.draw()
    _, given = plt.subplots()
    assert reachability.draw_graph(given, by=by) is given
    given.figure.canvas.draw()
    plt.close("all")


def test_what_it_is_not_drawn_by(reachability: Reachability) -> None:
    with pytest.raises(ValueError, match='by=\'pod\': use "workload" or "namespace"'):
        reachability.draw_matrix(by="pod")


def test_notebook(reachability: Reachability, sample: Cluster) -> None:
    shown = reachability._repr_html_()
    assert "default/mysql" in shown
    assert "TCP 3306" in shown
    # Large clusters are shown by namespace.
    large = Cluster.load([pod(f"team-{number}/web-{number}") for number in range(50)])
    assert "team-7/web-7" not in large.compile().reachability()._repr_html_()
    nothing = netpolicy.Cluster.load("kind: List\napiVersion: v1\nitems: []\n").compile()
    assert "nothing can reach" in nothing.reachability()._repr_html_()


def pod(name: str) -> dict[str, object]:
    namespace, _, name = name.partition("/")
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}}


def test_difference(wordpress: Cluster, image: Image) -> None:
    assert len(image.difference(image)) == 0
    opened = image.difference(netpolicy.Cluster.load([pod("default/new")]).compile()).to_pandas()
    assert len(opened) > 0
    assert set(opened.columns) == {
        "source",
        "source_kind",
        "source_part",
        "destination",
        "destination_kind",
        "destination_part",
        "added",
        "removed",
    }


def test_what_passes_for_several_reasons_is_put_together(reachability: Reachability) -> None:
    # mysql -> wordpress: port 53 for one reason, all others for another.
    shown = reachability._repr_html_()
    cell = shown.partition("default/mysql → default/wordpress\n")[2].partition('"')[0]
    assert cell.splitlines() == ["SCTP all", "TCP all", "UDP all", "other all"]
    edge = reachability.to_networkx().edges["default/mysql", "default/wordpress"]
    assert edge["ports"] == cell.splitlines()
    assert len(edge["why"]) == 2
    axes = reachability.draw_matrix()
    sources = [label.get_text() for label in axes.get_yticklabels()]
    destinations = [label.get_text() for label in axes.get_xticklabels()]
    drawn = axes.images[0].get_array()
    assert drawn is not None

    def level(source: str, destination: str) -> int:
        return int(drawn[sources.index(source)][destinations.index(destination)])

    assert level("default/mysql", "default/wordpress") == 2
    assert level("default/wordpress", "default/mysql") == 1
    assert level("default/batch", "default/mysql") == 0


def test_what_passes_of_one_of_two_sources_is_not_put_together() -> None:
    """TCP from one range of addresses and all else from another is not everything."""
    ports = [{"protocol": protocol} for protocol in ("TCP", "UDP", "SCTP")]
    ingress = [
        {"from": [{"ipBlock": {"cidr": cidr}}], "ports": some}
        for cidr, some in [("192.0.2.0/24", ports[:1]), ("198.51.100.0/24", ports[1:])]
    ]
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "two", "namespace": "shop"},
        "spec": {"podSelector": {}, "ingress": ingress},
    }
    reachability = Cluster.load(pod("shop/web"), policy).compile().reachability()
    matrix = _reachability.Matrix(reachability.rows, "workload")
    assert matrix.ports("external", "shop/web") == ["SCTP all", "TCP all", "UDP all"]
    assert matrix.level("external", "shop/web") == 1


def test_a_drawing_of_nothing() -> None:
    nothing = Cluster.load([]).compile().reachability()
    assert "nothing can reach" in nothing.draw_matrix().texts[0].get_text()
    nothing.draw_graph().figure.canvas.draw()


def test_tables_in_a_notebook(image: Image) -> None:
    assert repr(image.pods()).startswith("<Table 8 rows: namespace")
    shown = image.pods()._repr_html_()
    assert "<th>workload_kind</th>" in shown
    assert "<td>10.244.1.11</td>" in shown
    assert "<p>8 rows</p>" in shown
    flows = {"source": ["<b>"] * 30, "destination": ["10.244.1.11"] * 30}
    shown = image.verdicts(flows, protocol="TCP", port=80, keep=["source"])._repr_html_()
    assert "<b>" not in shown
    assert shown.count("<td>&lt;b&gt;</td>") == 20
    assert "the first 20 of 30 rows" in shown
