"""Manifests, as whatever they are given."""

from __future__ import annotations

import copy
import datetime
import io
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import netpolicy
import pytest
from paths import ROOT
from kubernetes import client
from netpolicy import Cluster, ManifestError

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {"containers": []},
    "status": {"phase": "Running", "podIP": "10.0.0.1"},
}
DENY_ALL = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny-all", "namespace": "shop"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


def is_denied(cluster: Cluster) -> bool:
    return not cluster.compile().verdict("192.0.2.1", "10.0.0.1", port=80)


def test_files_folders_globs_and_text(tmp_path: Path) -> None:
    (tmp_path / "pod.json").write_text(json.dumps(POD))
    folder = tmp_path / "policies" / "shop"
    folder.mkdir(parents=True)
    (folder / "deny.yaml").write_text(json.dumps(DENY_ALL, indent=1))
    assert is_denied(Cluster.load(tmp_path))
    assert is_denied(Cluster.load(str(tmp_path / "pod.json"), folder))
    assert is_denied(Cluster.load(tmp_path / "pod.json", str(tmp_path / "**" / "*.yaml")))
    assert is_denied(Cluster.load(json.dumps(POD), json.dumps(DENY_ALL)))
    both = f"---\n{json.dumps(POD, indent=1)}\n---\n{json.dumps(DENY_ALL, indent=1)}"
    assert is_denied(Cluster.load(both))
    assert is_denied(Cluster.from_text(both))
    with pytest.raises(FileNotFoundError, match=r"no file matches .*\*\.nothing"):
        Cluster.load(tmp_path / "*.nothing")


def test_a_file_with_a_star_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "pod[1].yaml").write_text(json.dumps(POD))
    assert len(Cluster.load(tmp_path / "pod[1].yaml")) == 1


def test_dicts_lists_and_generators() -> None:
    assert is_denied(Cluster.load(POD, DENY_ALL))
    assert is_denied(Cluster.load([POD, [DENY_ALL]]))
    assert is_denied(Cluster.load(item for item in (POD, DENY_ALL)))
    assert is_denied(Cluster.load({"apiVersion": "v1", "kind": "List", "items": [POD, DENY_ALL]}))
    # PyYAML makes times of timestamps.
    created = datetime.datetime(2026, 1, 2, 3, 4, 5)
    dated = {**POD, "metadata": {**POD["metadata"], "creationTimestamp": created}}
    assert is_denied(Cluster.load(dated, DENY_ALL))


def models() -> tuple[Any, Any]:
    meta = client.V1ObjectMeta(
        name="web",
        namespace="shop",
        labels={"app": "web"},
        creation_timestamp=datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc),
    )
    ports = [client.V1ContainerPort(name="http", container_port=8080)]
    pod = client.V1Pod(
        metadata=meta,
        spec=client.V1PodSpec(containers=[client.V1Container(name="main", ports=ports)]),
        status=client.V1PodStatus(phase="Running", pod_ip="10.0.0.1"),
    )
    peer = client.V1NetworkPolicyPeer(ip_block=client.V1IPBlock(cidr="192.0.2.0/24"))
    rule = client.V1NetworkPolicyIngressRule(
        _from=[peer], ports=[client.V1NetworkPolicyPort(port="http")]
    )
    policy = client.V1NetworkPolicy(
        metadata=client.V1ObjectMeta(name="web", namespace="shop"),
        spec=client.V1NetworkPolicySpec(
            pod_selector=client.V1LabelSelector(match_labels={"app": "web"}), ingress=[rule]
        ),
    )
    return pod, policy


def test_models_of_the_kubernetes_client() -> None:
    pod, policy = models()
    response = client.V1NetworkPolicyList(
        api_version="networking.k8s.io/v1",
        kind="NetworkPolicyList",
        items=[policy],
        metadata=client.V1ListMeta(),
    )
    for sources in [(pod, policy), ([pod], response), (client.V1PodList(items=[pod]), policy)]:
        cluster = Cluster.load(*sources)
        image = cluster.compile()
        assert repr(cluster) == "<Cluster 1 pod, 1 policy>"
        assert image.verdict("192.0.2.1", "shop/web", port=8080)
        assert not image.verdict("192.0.2.1", "shop/web", port=80)
        assert not image.verdict("198.51.100.1", "shop/web", port=8080)


def test_empty_rules_of_models_are_kept() -> None:
    pod, policy = models()
    policy.spec.ingress = []
    policy.spec.policy_types = ["Ingress"]
    assert not Cluster.load(pod, policy).compile().verdict("192.0.2.1", "shop/web", port=8080)


def test_workloads_stand_in_for_their_pods() -> None:
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "web"}),
        spec=client.V1PodSpec(containers=[client.V1Container(name="main")]),
    )
    deployment = client.V1Deployment(
        metadata=client.V1ObjectMeta(name="web", namespace="shop"),
        spec=client.V1DeploymentSpec(
            selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template
        ),
    )
    image = Cluster.load(deployment, DENY_ALL).compile()
    assert not image.verdict("192.0.2.1", "shop/web", port=80)


def test_errors_carry_object_path_file_and_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "apiVersion: networking.k8s.io/v1\n"
        "kind: NetworkPolicy\n"
        "metadata: {name: bad, namespace: shop}\n"
        "spec:\n"
        "  podSelector: {}\n"
        "  ingress:\n"
        "  - from:\n"
        "    - ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}\n"
    )
    with pytest.raises(ManifestError) as caught:
        Cluster.load(POD, bad)
    error = caught.value
    assert error.object == "NetworkPolicy shop/bad"
    assert error.path == "spec.ingress[0].from[0].ipBlock.except[0]"
    assert "10.0.0.0/8" in error.message
    assert error.file == str(bad)
    assert (error.line, error.column) == (8, 44)
    assert str(error).startswith(f"{bad}:8:44: error: NetworkPolicy shop/bad: ")
    assert isinstance(error, ValueError)
    assert isinstance(error, netpolicy.NetpolicyError)
    assert (type(error).__module__, type(error).__qualname__) == ("netpolicy", "ManifestError")
    assert len(error.diagnostics) == 1


def test_errors_in_objects_have_no_file() -> None:
    bad = {**DENY_ALL, "spec": {"podSelektor": {}}}
    with pytest.raises(ManifestError) as caught:
        Cluster.load(POD, bad)
    assert caught.value.path == "spec.podSelektor"
    assert caught.value.file is None
    assert caught.value.line is None
    assert str(caught.value).startswith("error: NetworkPolicy shop/deny-all: spec.podSelektor: ")


def test_skipping_errors_loses_nothing_else() -> None:
    bad = {**DENY_ALL, "metadata": {"name": "bad"}, "spec": {"podSelektor": {}}}
    cluster = Cluster.load(POD, bad, DENY_ALL, errors="skip")
    assert repr(cluster) == "<Cluster 1 pod, 1 policy, 1 error>"
    assert [found.severity for found in cluster.diagnostics] == ["error"]
    assert is_denied(cluster)


def test_what_is_no_source() -> None:
    with pytest.raises(TypeError, match="a source of manifests is"):
        Cluster.load(7)
    with pytest.raises(TypeError, match="a source of manifests is"):
        Cluster.load(b"kind: Pod")
    with pytest.raises(ManifestError, match="cannot be read"):
        Cluster.load("no/such/file.yaml")
    with pytest.raises(ValueError, match='errors="no": use "raise" or "skip"'):
        Cluster.load(POD, errors="no")


def test_kinds_that_do_not_matter_are_counted() -> None:
    cluster = Cluster.load(POD, {"apiVersion": "v1", "kind": "Service"})
    assert cluster.skipped == {"v1 Service": 1}
    assert len(cluster) == 1


def test_check_finds_what_is_perhaps_not_meant() -> None:
    policy = {**DENY_ALL, "spec": {"podSelector": {"matchLabels": {"app": "wbe"}}}}
    found = Cluster.load(POD, policy).check()
    assert [(it.severity, it.path) for it in found] == [("warning", "spec.podSelector")]


def test_domain_names() -> None:
    policy = {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "names"},
        "spec": {
            "tier": "Admin",
            "priority": 1,
            "subject": {"namespaces": {}},
            "egress": [
                {"action": "Accept", "to": [{"domainNames": ["example.com"]}]},
                {"action": "Deny", "to": [{"networks": ["0.0.0.0/0"]}]},
            ],
        },
    }
    image = Cluster.load(POD, policy, domains={"example.com": ["192.0.2.7"]}).compile()
    assert image.verdict("shop/web", "192.0.2.7", port=443)
    assert not image.verdict("shop/web", "192.0.2.8", port=443)


def test_options() -> None:
    wordpress = Cluster.load(ROOT / "examples" / "wordpress")
    assert wordpress.compile() is wordpress.compile()
    node = ("192.168.50.11", "default/mysql")
    assert wordpress.compile().verdict(*node, port=3306)
    assert not wordpress.compile(own_node_ingress="evaluate").verdict(*node, port=3306)
    with pytest.raises(ValueError, match='isolation="both": use "per-direction"'):
        wordpress.compile(isolation="both")
    small = wordpress.compile(table_budget=0)
    assert small.nbytes < wordpress.compile().nbytes
    assert not small.verdict("203.0.113.7", "default/mysql", port=3306)


def test_open_files(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(f"---\n{json.dumps(POD, indent=1)}\n---\n{json.dumps(DENY_ALL, indent=1)}")
    for mode in ("r", "rb"):
        with path.open(mode) as file:
            assert is_denied(Cluster.load(file))
    assert is_denied(Cluster.load(io.StringIO(path.read_text())))
    path.write_text("kind: Pod\n")
    with path.open() as file, pytest.raises(ManifestError) as caught:
        Cluster.load(file)
    assert (caught.value.file, caught.value.line) == (str(path), 1)


def test_errors_pickle() -> None:
    """A process of a pool sends its exceptions so."""
    with pytest.raises(ManifestError) as caught:
        Cluster.from_text("kind: Pod\n", file="pod.yaml")
    error = caught.value
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is ManifestError
        assert vars(again) == vars(error)
        assert str(again) == str(error)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, pytest.raises(ManifestError) as caught:
        pool.submit(Cluster.from_text, "kind: Pod\n").result()
    assert caught.value.message == "is required"
