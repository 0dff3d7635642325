"""The definitions, in the chart and in the one that has them alone."""

import pytest

from chart import CHART, CRD_CHART, documents, render

NAMES = ("channels", "provideraccounts", "storagepolicies", "videojobs")


def definitions(values=None, **given):
    return {key[1]: item for key, item in render(values, **given).items() if key[0] == "CustomResourceDefinition"}


@pytest.mark.parametrize("chart", [CHART, CRD_CHART])
def test_they_are_those_that_are_generated_of_the_types(chart):
    found = definitions(chart=chart, crds=True)
    assert set(found) == {f"{name}.videofactory.dev" for name in NAMES}
    for name in NAMES:
        (source,) = documents(f"manifests/crds/{name}.yaml")
        assert found[f"{name}.videofactory.dev"]["spec"] == source["spec"]


@pytest.mark.parametrize(("chart", "wrap"), [(CHART, lambda values: {"crds": values}), (CRD_CHART, lambda values: values)])
def test_they_stay_on_uninstall_unless_configured_otherwise(chart, wrap):
    def kept(values):
        found = definitions(wrap(values), chart=chart, crds=True).values()
        assert found
        return {item["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for item in found}

    assert kept({}) == {"keep"}
    assert kept({"keep": False}) == {None}
    assert kept({"keep": False, "annotations": {"a": "b"}}) == {None}
    assert kept({"annotations": {"a": "b"}}) == {"keep"}


def test_they_can_be_another_releases_matter():
    assert definitions({"crds": {"enabled": False}}) == {}


def test_they_have_the_labels_and_annotations_that_are_added():
    for item in definitions({"labels": {"team": "video"}, "annotations": {"a": "b"}}, chart=CRD_CHART).values():
        assert item["metadata"]["labels"]["team"] == "video"
        assert item["metadata"]["annotations"]["a"] == "b"
