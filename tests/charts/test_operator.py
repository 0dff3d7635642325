"""What the operator's pod is given, and where it runs."""

import json
import re

import pytest
import yaml

from chart import CHART, ROOT, Refused, environment, operator, render

ALL = yaml.safe_load((ROOT / "tests/charts/values/all-settings.yaml").read_text())

# Settings that are no values, and why.
NO_VALUES = {
    "VIDEOFACTORY_ALLOW_LOCAL_ENDPOINTS": "it is for tests",
    "VIDEOFACTORY_LEADER_ELECTION": "without it two replicas act",
    "VIDEOFACTORY_LISTEN": "the Service and policies go to port 8000",
    "VIDEOFACTORY_PROBE_LISTEN": "the probes go to port 8081",
    "VIDEOFACTORY_LEASE": "the plugin and the Roles know the Lease by its name",
    "VIDEOFACTORY_TOKEN_FILE": "the chart mounts the token where the operator looks",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "OTEL_EXPORTER_OTLP_HEADERS says the same",
    "OTEL_SDK_DISABLED": "without an endpoint nothing is sent",
    "OTEL_TRACES_EXPORTER": "the same",
}
ALWAYS = {
    "POD_NAME",
    "POD_NAMESPACE",
    "POD_IP",
    "VIDEOFACTORY_WORKER_IMAGE",
    "VIDEOFACTORY_PROGRESS_URL",
    "RUST_LOG",
}


def named_settings():
    """The variables that the operator's guide and the operator's own options name."""
    guide = (ROOT / "docs/operating.md").read_text()
    found = set(re.findall(r"`((?:VIDEOFACTORY|OTEL)_[A-Z_]+|[A-Z]+_PROXY)\b", guide))
    table = guide.split("| Variable `VIDEOFACTORY_…`")[1].split("\n\n")[0]
    for row in table.splitlines():
        found |= {f"VIDEOFACTORY_{name}" for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    options = (ROOT / "operator/src/config.rs").read_text() + (ROOT / "net/src/network.rs").read_text()
    return found | set(re.findall(r'"(POD_[A-Z]+|VIDEOFACTORY_[A-Z_]+)"', options))


def test_every_setting_of_the_operator_is_a_value():
    given = environment(render(ALL))
    missing = named_settings() - set(given) - set(NO_VALUES)
    assert not missing, "give them values, or say in NO_VALUES why not"
    assert not set(NO_VALUES) & set(given)
    assert not set(NO_VALUES) - named_settings(), "the operator does not know these any more"


def test_what_is_empty_is_left_to_the_operator():
    assert set(environment(render())) == ALWAYS


def test_settings_are_written_as_the_operator_reads_them():
    given = environment(render(ALL))
    assert given["VIDEOFACTORY_WORKER_LABELS"] == "cost-center=42,team=video"
    assert json.loads(given["VIDEOFACTORY_WORKER_ANNOTATIONS"]) == {"note": "one, two"}
    assert json.loads(given["VIDEOFACTORY_WORKER_TOLERATIONS"]) == [{"key": "video", "operator": "Exists"}]
    assert given["VIDEOFACTORY_ALLOWED_DESTINATIONS"] == "cluster-services,minio.lan,10.20.0.0/16"
    assert given["VIDEOFACTORY_CONCURRENCY"] == "8"
    assert given["VIDEOFACTORY_WATCH_NAMESPACES"] == "films,trailers"
    assert given["VIDEOFACTORY_SIDE_EFFECTS"] == "Suspend"
    assert given["NO_PROXY"] == "minio.lan,.example.com"
    assert given["OTEL_RESOURCE_ATTRIBUTES"] == "k8s.cluster.name=north"
    assert given["OTEL_EXPORTER_OTLP_HEADERS"] == {"secretKeyRef": {"name": "collector", "key": "headers"}}
    assert given["VIDEOFACTORY_PROGRESS_URL"] == "http://operator.example.com"


def test_steps_reach_the_operator_in_the_releases_namespace():
    given = environment(render(namespace="films"))
    assert given["VIDEOFACTORY_PROGRESS_URL"] == "http://videofactory-operator.films.svc:8000"


@pytest.mark.parametrize("name", sorted(set(environment(render(ALL))) - {item["name"] for item in ALL["extraEnv"]}))
def test_a_variable_that_a_value_sets_is_not_set_again(name):
    with pytest.raises(Refused, match=f"extraEnv sets {name}, which [a-zA-Z0-9. ]+ sets already") as refused:
        render(ALL | {"extraEnv": [{"name": name, "value": "x"}]})
    value = re.search(r"which (\S+|the chart) sets already", str(refused.value)).group(1)
    known = yaml.safe_load((CHART / "values.yaml").read_text())
    for part in () if value == "the chart" else value.split("."):
        assert part in known, value
        known = known[part]


def test_nothing_is_reported_where_the_operator_may_not_ask_who_reports():
    assert "VIDEOFACTORY_PROGRESS_URL" not in environment(render({"roles": {"callers": False}}))
    asked = {"roles": {"callers": False}, "settings": {"progressUrl": "http://operator.example.com"}}
    assert environment(render(asked))["VIDEOFACTORY_PROGRESS_URL"] == "http://operator.example.com"


def test_the_pod_has_what_is_added_to_it():
    objects = render(ALL)
    pod, container = operator(objects)
    assert environment(objects)["TZ"] == "UTC"
    assert pod["metadata"]["labels"]["team"] == "video"
    assert pod["metadata"]["annotations"]["note"] == "operator"
    spec = pod["spec"]
    assert spec["nodeSelector"]["pool"] == "system"
    assert spec["tolerations"] == ALL["tolerations"]
    assert spec["affinity"] == ALL["affinity"]
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert {"name": "scratch", "emptyDir": {}} in spec["volumes"]
    assert {"name": "scratch", "mountPath": "/scratch"} in container["volumeMounts"]


def test_labels_of_its_pods_cannot_hide_the_operator():
    pod, _ = operator(render({"podLabels": {"team": "video"}}))
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"


def test_other_authorities_are_mounted_and_new_ones_replace_the_pods():
    first = render({"caBundle": {"pem": "-----BEGIN CERTIFICATE-----\nA"}})
    second = render({"caBundle": {"pem": "-----BEGIN CERTIFICATE-----\nB"}})
    assert first["ConfigMap", "videofactory-ca"]["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----\nA")
    one, other = (operator(objects)[0]["metadata"]["annotations"]["checksum/ca"] for objects in (first, second))
    assert one != other
    named = render({"caBundle": {"configMap": {"name": "authorities", "key": "bundle.pem"}}})
    assert ("ConfigMap", "videofactory-ca") not in named
    for objects, name, key in ((first, "videofactory-ca", "ca.crt"), (named, "authorities", "bundle.pem")):
        pod, container = operator(objects)
        volume = {"name": name, "items": [{"key": key, "path": "ca.crt"}]}
        assert {"name": "ca", "configMap": volume} in pod["spec"]["volumes"]
        (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "ca"]
        assert environment(objects)["VIDEOFACTORY_CA_FILE"] == mount["mountPath"] + "/ca.crt"


def test_more_objects_are_objects_or_templates():
    objects = render(ALL)
    assert objects["ConfigMap", "extra-object"]["data"] == {"a": "b"}
    assert objects["ConfigMap", "extra-text"]["data"] == {"release": "videofactory"}


def test_one_replica_is_not_spread_and_not_kept_from_drains():
    one, two = render({"replicas": 1}), render({"replicas": 2})
    budget = ("PodDisruptionBudget", "videofactory-operator")
    for objects in (one, two):
        assert objects[budget]["spec"]["maxUnavailable"] == 1
        assert objects[budget]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget not in render({"podDisruptionBudget": {"enabled": False}})
    assert not {"topologySpreadConstraints", "affinity"} & set(operator(one)[0]["spec"])
    spread = operator(two)[0]["spec"]["topologySpreadConstraints"]
    labels = operator(two)[0]["metadata"]["labels"]
    assert len(spread) == 2
    for constraint in spread:
        assert constraint["labelSelector"]["matchLabels"].items() <= labels.items()


IN, OUT = ("NetworkPolicy", "videofactory-operator"), ("NetworkPolicy", "videofactory-operator-egress")


def test_a_network_policy_lets_in_who_is_named():
    assert IN not in render({"networkPolicy": {"enabled": False}})
    assert "from" not in render()[IN]["spec"]["ingress"][0]
    assert render(ALL)[IN]["spec"]["ingress"][0]["from"] == ALL["networkPolicy"]["from"]


def test_what_the_operator_calls_is_limited_only_where_that_is_asked_for():
    for objects in (render(), render({"networkPolicy": {"enabled": False, "egress": ALL["networkPolicy"]["egress"]}})):
        policies = [item["spec"] for (kind, *_), item in objects.items() if kind == "NetworkPolicy"]
        assert all(policy["policyTypes"] == ["Ingress"] for policy in policies), policies
    objects = render(ALL)
    assert objects[OUT]["spec"]["egress"] == ALL["networkPolicy"]["egress"]
    assert objects[OUT]["spec"]["policyTypes"] == ["Egress"]
    assert objects[OUT]["spec"]["podSelector"] == objects[IN]["spec"]["podSelector"]
    assert operator(objects)[0]["metadata"]["labels"].items() >= objects[OUT]["spec"]["podSelector"]["matchLabels"].items()


def test_the_embedded_server_calls_nobody_and_is_reached_by_who_is_named():
    policy = render({"s3": {"enabled": True}, "networkPolicy": ALL["networkPolicy"]})["NetworkPolicy", "s3"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and "egress" not in policy
    assert policy["ingress"][0]["from"] == ALL["networkPolicy"]["from"]


def test_approvals_are_the_clusters_to_guard_if_that_is_asked_for():
    guard = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert not guard & {key[0] for key in render()}
    assert guard <= {key[0] for key in render(ALL)}
