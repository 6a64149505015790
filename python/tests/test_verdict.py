"""One question at a time."""

from __future__ import annotations

import copy
import ipaddress
import json
import pickle
import subprocess
import sys

import netpolicy
import pytest
from paths import ROOT
from netpolicy import Image, Pod

PEOPLE = "203.0.113.7"


def test_ends(image: Image) -> None:
    sources = [
        "default/wordpress",
        "10.244.1.10",
        "fd00:244:1::10",
        "::ffff:10.244.1.10",
        "default:app=wordpress,tier=frontend",
        ipaddress.ip_address("10.244.1.10"),
        ipaddress.ip_address("fd00:244:1::10"),
        Pod("default", labels={"app": "wordpress", "tier": "frontend"}),
    ]
    for source in sources:
        verdict = image.verdict(source, "default/mysql", port=3306, protocol="TCP")
        assert verdict, verdict
        assert not image.verdict(source, "default/mysql", port=80, protocol="tcp")


def test_protocols_and_ports(image: Image) -> None:
    def ask(**question: object) -> bool:
        return bool(image.verdict("default/wordpress", "kube-system/coredns", **question))

    assert ask(port=53, protocol="UDP") == ask(port=53, protocol=17)
    assert ask(protocol="ICMP") == ask(protocol=1)
    with pytest.raises(ValueError, match="TCP needs a port: say which with port="):
        ask()
    with pytest.raises(ValueError, match="port 65536 is out of range"):
        ask(port=65536)
    with pytest.raises(ValueError, match="port -1 is out of range"):
        ask(port=-1)
    with pytest.raises(ValueError, match="unknown protocol"):
        ask(port=1, protocol="TPC")
    with pytest.raises(ValueError, match="protocol 256 is out of range"):
        ask(port=1, protocol=256)
    with pytest.raises(TypeError, match="a protocol is a name or a number"):
        ask(port=1, protocol=b"TCP")


def test_what_is_no_end(image: Image) -> None:
    with pytest.raises(netpolicy.UnknownEndpointError, match="no pod or workload default/wp"):
        image.verdict("default/wp", PEOPLE, port=1)
    with pytest.raises(ValueError, match="is no endpoint: write an address"):
        image.verdict("wordpress", PEOPLE, port=1)
    with pytest.raises(TypeError, match="an endpoint is text, an address or a Pod"):
        image.verdict(7, PEOPLE, port=1)
    with pytest.raises(netpolicy.UnknownEndpointError, match="no addresses of one family"):
        image.verdict(Pod("x", addresses=["fd00::1"]), Pod("y", addresses=["10.0.0.1"]), port=1)


def test_reason(image: Image) -> None:
    verdict = image.verdict(PEOPLE, "default/mysql", port=3306)
    assert (verdict.allowed, verdict.egress, verdict.ingress) == (False, True, False)
    assert str(verdict) == "deny"
    reason = verdict.reason
    assert str(reason).startswith(
        "deny 203.0.113.7 (external) -> default/mysql (10.244.1.11) TCP 3306: ingress denied: "
    )
    assert repr(verdict) == f"<Verdict {reason}>"
    assert not reason.allowed
    source, destination = reason.ends
    assert (source.kind, source.name, source.address) == ("external", None, "203.0.113.7")
    assert (destination.kind, destination.namespace, destination.name) == ("pod", "default", "mysql")
    assert reason.egress.reason == "notAPod"
    assert reason.egress.tier is None
    ingress = reason.ingress
    assert (ingress.verdict, ingress.tier, ingress.reason) == ("deny", "NetworkPolicy", "isolated")
    assert ingress.rule is None
    names = [str(consulted.policy) for consulted in ingress.policies]
    assert names == ["NetworkPolicy default/database", "NetworkPolicy default/default-deny"]
    nearest = ingress.policies[0].miss
    assert nearest is not None
    assert nearest.kind == "peer"
    assert nearest.rule is not None
    assert nearest.rule.index == 0
    policy = ingress.policies[0].policy
    assert (policy.namespace, policy.name, policy.priority) == ("default", "database", None)
    assert policy.file is not None
    assert policy.file.endswith("policies.yaml")
    assert policy.line is not None


def test_rule(image: Image) -> None:
    rule = image.verdict(PEOPLE, "default/wordpress", port=443).reason.ingress.rule
    assert rule is not None
    assert str(rule) == "NetworkPolicy default/frontend ingress[1]"
    assert (rule.action, rule.direction, rule.fails_closed) == ("allow", "ingress", False)
    assert rule.line > 0


def test_the_data_is_that_of_the_command(image: Image) -> None:
    command = [sys.executable, "-m", "netpolicy", "verdict", "-f", "examples/wordpress"]
    ends = ["--from", "default/batch", "--to", "default/mysql", "--port", "3306"]
    output = subprocess.run(
        [*command, *ends, "-o", "json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert output.returncode == 1, output.stderr
    written = json.loads(output.stdout)[0]["explanations"][0]
    data = image.explain("default/batch", "default/mysql", port=3306).to_dict()
    assert without_files(data) == without_files(written)


def without_files(value: object) -> object:
    """The data without the paths, which depend on where one stands."""
    if isinstance(value, dict):
        return {key: without_files(item) for key, item in value.items() if key != "file"}
    if isinstance(value, list):
        return [without_files(item) for item in value]
    return value


def test_explanations_compare(image: Image) -> None:
    one = image.explain("default/batch", "default/mysql", port=3306)
    other = image.explain("default/batch", "default/mysql", port=3306)
    assert one == other
    assert one != image.explain("default/batch", "default/mysql", port=3307)
    assert repr(one) == one.chain
    assert one.chain.count("\n") > 5


def test_what_if_pods(image: Image) -> None:
    frontend = Pod("default", labels={"app": "wordpress", "tier": "frontend"}, ports={"dns": "53/UDP"})
    assert repr(frontend) == (
        "Pod('default', labels={'app': 'wordpress', 'tier': 'frontend'}, ports={'dns': '53/UDP'})"
    )
    assert frontend.namespace == "default"
    assert image.verdict(frontend, "default/mysql", port=3306)
    assert not image.verdict(Pod("default"), "default/mysql", port=3306)
    assert not image.verdict(Pod("other", labels=frontend.labels), "default/mysql", port=3306)
    for port in ("many", 0, 65536, "80/ICMP"):
        with pytest.raises(ValueError, match="is no port"):
            Pod("default", ports={"http": port})
    for namespace in ("", "a/b"):
        with pytest.raises(ValueError, match="is no namespace"):
            Pod(namespace)


def test_what_if_pods_compare_and_pickle() -> None:
    pods = [
        Pod("default"),
        Pod("other"),
        Pod("default", labels={"app": "web"}),
        Pod("default", ports={"http": 80}),
        Pod("default", addresses=["10.0.0.1"]),
        Pod("default", node="worker", host_addresses=["192.0.2.1"]),
    ]
    assert len(set(pods)) == len(pods)
    for pod in pods:
        assert pickle.loads(pickle.dumps(pod)) == pod == copy.deepcopy(pod)
        assert eval(repr(pod)) == pod


def test_explanations_pickle(image: Image) -> None:
    explanation = image.explain("default/batch", "default/mysql", port=3306)
    again = pickle.loads(pickle.dumps(explanation))
    assert again == explanation
    assert again.chain == explanation.chain


def test_workloads_ask_about_every_kind_of_their_pods(sample: netpolicy.Cluster) -> None:
    image = sample.compile()
    verdict = image.verdict("team-1/backend", "team-1/database", port=5432)
    assert verdict
    assert len(verdict.explanations) == 1
    assert not image.verdict("team-0/backend", "team-1/database", port=5432)


def test_classes_are_frozen(image: Image) -> None:
    verdict = image.verdict(PEOPLE, "default/mysql", port=1)
    for value in (image, verdict, verdict.reason, verdict.reason.ingress):
        with pytest.raises(AttributeError):
            value.allowed = True
