"""The chart and the kustomizations of manifests/ install the same, but for what is named here."""

import pytest

from chart import NAMESPACE, PROMETHEUS_OPERATOR, documents, kustomized, render

# What helm adds to each object.
HELM_LABELS = ("app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart")

OPERATOR = {
    f"Namespace/{NAMESPACE}": "helm makes the namespace of a release by --create-namespace, and owns no namespace",
}
S3 = {
    "Secret/s3-root": "manifests/s3/install makes it",
    "Secret/s3-credentials": "the same",
    "Secret/s3-accounts": "the same",
    "Job/s3-bucket-owner": "manifests/s3/install applies manifests/s3/bucket-owner.yaml",
    "PersistentVolumeClaim/s3-data: metadata.annotations": "it stays when the release is uninstalled",
    "PersistentVolumeClaim/s3-data: metadata.labels.app.kubernetes.io/name": "all objects of the chart have labels",
    "PersistentVolumeClaim/s3-data: metadata.labels.app.kubernetes.io/component": "the same",
}
MONITORING = {}
ADMISSION = {}

EMBEDDED_S3 = {"s3": {"enabled": True}}
ADMISSION_POLICY = {"admissionPolicy": {"enabled": True}}
ALL_MONITORING = {
    "monitoring": {part: {"enabled": True} for part in ("serviceMonitor", "rules", "dashboard")},
}


@pytest.mark.parametrize(
    ("folder", "values", "meant"),
    [
        ("operator", {}, OPERATOR),
        ("s3", EMBEDDED_S3, S3),
        ("monitoring", ALL_MONITORING, MONITORING),
        ("admission", ADMISSION_POLICY, ADMISSION),
    ],
)
def test_chart_and_kustomization_differ_only_as_meant(folder, values, meant):
    ours, theirs = render(values, apis=PROMETHEUS_OPERATOR), kustomized(folder)
    if folder != "operator":
        rest = render({}, apis=PROMETHEUS_OPERATOR)
        ours = {key: item for key, item in ours.items() if key not in rest and not is_test(item)}
    found = dict(differences(ours, theirs))
    news = {name: change for name, change in found.items() if name not in meant}
    assert not news, "the chart and manifests/ do not install the same: change one of them, or name the difference here"
    gone = sorted(set(meant) - set(found))
    assert not gone, "these are no differences any more: take them out of the list"


def test_giving_the_bucket_is_the_same_job():
    ours = render(EMBEDDED_S3)["Job", "s3-bucket-owner"]
    (theirs,) = documents("manifests/s3/bucket-owner.yaml")
    assert ours["spec"] == theirs["spec"]


def is_test(item):
    return item["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"


def differences(ours, theirs):
    """Each path that differs, with both values."""
    for key in sorted(set(ours) | set(theirs)):
        name = "/".join(key)
        if key not in ours or key not in theirs:
            yield name, ("here", "nowhere") if key in ours else ("nowhere", "here")
            continue
        one, other = plain(ours[key]), plain(theirs[key])
        for path, pair in compared(one, other, ""):
            yield f"{name}: {path}", pair


def plain(item):
    labels = {name: text for name, text in item["metadata"].get("labels", {}).items() if name not in HELM_LABELS}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}


def compared(one, other, path):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            yield from compared(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            yield from compared(mine, yours, f"{path}[{number}]")
    elif one != other:
        yield path, (one, other)
