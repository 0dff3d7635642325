"""The chart as the real helm renders it. HELM names the program, KUBECTL the one that renders kustomizations."""

import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/video-factory"
CRD_CHART = CHART / "charts/video-factory-crds"
NAMESPACE = "videofactory-system"
PROMETHEUS_OPERATOR = ("monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule")
OPENSHIFT = ("security.openshift.io/v1",)


class Refused(Exception):
    """What helm says where it renders nothing."""


def render(values=None, *, namespace=NAMESPACE, apis=(), chart=CHART, crds=False):
    """The objects by kind and name, or by kind, namespace and name for those outside the release's namespace."""
    values = dict(values or {})
    if chart == CHART and not crds:
        values["crds"] = {"enabled": False} | values.get("crds", {})
    text = _template(json.dumps(values), namespace, tuple(apis), str(chart))
    return by_name((document for document in yaml.safe_load_all(text) if document), namespace)


def by_name(documents, namespace=NAMESPACE):
    found = {}
    for document in documents:
        metadata = document["metadata"]
        where = metadata.get("namespace", namespace)
        key = (document["kind"], metadata["name"]) if where == namespace else (document["kind"], where, metadata["name"])
        assert key not in found, f"two objects are {key}"
        found[key] = document
    return found


@functools.cache
def _template(values, namespace, apis, chart):
    command = ["template", "videofactory", chart, "--namespace", namespace]
    for api in apis:
        command += ["--api-versions", api]
    return _helm(command, values)


def notes(values=None, *, namespace=NAMESPACE):
    """What is shown after an installation."""
    command = ["install", "videofactory", str(CHART), "--namespace", namespace, "--dry-run=client"]
    return _helm(command, json.dumps(values or {})).split("\nNOTES:\n")[1]


def _helm(command, values):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(values)
        file.flush()
        # Nothing is asked of a cluster.
        ended = subprocess.run(
            [os.environ["HELM"], *command, "--values", file.name],
            env=os.environ | {"KUBECONFIG": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode != 0:
        raise Refused(ended.stderr)
    return ended.stdout


def kustomized(folder):
    """The objects of a kustomization of manifests/."""
    command = [os.environ["KUBECTL"], "kustomize", str(ROOT / "manifests" / folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return by_name(yaml.safe_load_all(text))


def documents(path):
    """The objects of a file, from the repository's root."""
    return list(yaml.safe_load_all((ROOT / path).read_text()))


def operator(objects):
    """The operator's pod and its container."""
    pod = objects["Deployment", "videofactory-operator"]["spec"]["template"]
    return pod, pod["spec"]["containers"][0]


def environment(objects):
    """The operator's variables: their values, or where those come from."""
    _, container = operator(objects)
    variables = container["env"]
    names = [variable["name"] for variable in variables]
    assert len(names) == len(set(names)), f"a variable is set twice: {names}"
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in variables}
