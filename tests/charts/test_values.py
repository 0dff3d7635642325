"""What values may be: their schema, and the files of values for certain uses."""

import json

import pytest
import yaml

from chart import CHART, CRD_CHART, ROOT, Refused, documents, operator, render


def schema(chart):
    return json.loads((chart / "values.schema.json").read_text())


def values(chart):
    return yaml.safe_load((chart / "values.yaml").read_text())


def resolve(node, root):
    return root["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def closed(node, root, path=()):
    """The paths of the objects whose keys are fixed."""
    node = resolve(node, root)
    if node.get("additionalProperties") is False:
        yield path
        for name, inner in node["properties"].items():
            yield from closed(inner, root, (*path, name))


def at(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


@pytest.mark.parametrize(
    ("chart", "path"), [(chart, path) for chart in (CHART, CRD_CHART) for path in closed(schema(chart), schema(chart))]
)
def test_an_unknown_key_is_refused(chart, path):
    with pytest.raises(Refused, match="additional properties 'unknown' not allowed"):
        render(at((*path, "unknown"), 1), chart=chart)


@pytest.mark.parametrize("chart", [CHART, CRD_CHART])
def test_schema_and_values_know_the_same_keys(chart):
    root, defaults = schema(chart), values(chart)
    for path in closed(root, root):
        node, have = root, defaults
        for name in path:
            node, have = resolve(node["properties"][name], root), have[name]
        assert set(resolve(node, root)["properties"]) - {"global"} == set(have), path


def test_values_of_the_definitions_are_those_of_their_chart():
    assert values(CHART)["crds"] == values(CRD_CHART)


def test_an_unknown_key_of_the_definitions_is_refused():
    with pytest.raises(Refused, match="additional properties 'unknown' not allowed"):
        render({"crds": {"enabled": True, "unknown": 1}}, crds=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": "two"},
        {"replicas": -1},
        {"image": {"tag": "a b"}},
        {"image": {"operator": {"digest": "sha256:abc"}}},
        {"image": {"pullPolicy": "Sometimes"}},
        {"settings": {"sideEffects": "Suspended"}},
        {"settings": {"concurrency": 0}},
        {"settings": {"allowedDestinations": ["a,b"]}},
        {"worker": {"labels": {"a": "b,c=d"}}},
        {"caBundle": {"pem": "no certificate"}},
        {"traces": {"endpoint": "tempo:4317"}},
        {"openshift": "yes"},
        {"watchNamespaces": "films"},
        {"watchNamespaces": ["films,trailers"]},
        {"networkPolicy": {"from": "everywhere"}},
        {"podLabels": {"app.kubernetes.io/name": "films"}},
        {"podLabels": {"app.kubernetes.io/component": "films"}},
        {"topologySpread": [{"topologyKey": "zone", "labelSelector": {}}]},
        {"podDisruptionBudget": {"maxUnavailable": 0}},
        {"s3": {"storage": {"type": "hostPath"}}},
        {"s3": {"storage": {"size": "much"}}},
        {"monitoring": {"renderMode": "maybe"}},
        {"monitoring": {"serviceMonitor": {"interval": "30"}}},
    ],
    ids=json.dumps,
)
def test_a_value_of_a_wrong_form_is_refused(wrong):
    with pytest.raises(Refused, match="don't meet the specifications of the schema"):
        render(wrong)


def flux(name):
    """The objects of a release of Flux, and the release."""
    (release,) = [
        item["spec"]
        for item in documents("manifests/flux/operator.yaml")
        if item["kind"] == "HelmRelease" and item["metadata"]["name"] == name
    ]
    return render(release["values"], chart=ROOT / release["chart"]["spec"]["chart"], crds=True), release


def test_flux_installs_the_definitions_apart_and_takes_neither_back():
    definitions, crds = flux("videofactory-crds")
    objects, release = flux("videofactory")
    assert {key[0] for key in definitions} == {"CustomResourceDefinition"}
    assert all(item["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for item in definitions.values())
    assert "CustomResourceDefinition" not in {key[0] for key in objects}
    assert release["dependsOn"] == [{"name": "videofactory-crds"}]
    for action in (crds["install"], crds["upgrade"], release["install"], release["upgrade"]):
        assert action == {"strategy": {"name": "RetryOnFailure"}}
    given = release["values"]["image"]
    assert operator(objects)[1]["image"] == f"{given['registry']}/videofactory-operator:{given['tag']}"


def test_the_free_tier_is_that_of_r2_and_of_a_consumers_grok():
    given = yaml.safe_load((ROOT / "charts/values/r2-free-tier.yaml").read_text())
    objects = render(given)
    bucket = objects["StoragePolicy", "videos", "default"]
    assert bucket["spec"]["capacity"]["limit"] == "10G"
    assert bucket["spec"]["bucket"]["endpoint"].endswith(".r2.cloudflarestorage.com")
    (quota,) = objects["ProviderAccount", "videos", "grok"]["spec"]["quotas"]
    assert (quota["limit"], quota["period"]) == (25, "2h")
    for kind, name in (("StoragePolicy", "default"), ("ProviderAccount", "grok")):
        # What was spent is in their status: an uninstall must not forget it.
        assert objects[kind, "videos", name]["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
