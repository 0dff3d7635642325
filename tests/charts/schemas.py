"""Writes what kubeconform checks objects by: python schemas.py FOLDER SWAGGER DEFINITION…

SWAGGER is Kubernetes' own description of its API, DEFINITIONs are files of CustomResourceDefinitions. A field that is not
known there is an error.
"""

import json
import sys
from pathlib import Path

import yaml

# What is text or a number, which Kubernetes' description calls text.
EITHER = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
}


def strict(node):
    """The same schema, which refuses fields that it does not name."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: strict(value) for key, value in node.items()}
    if node.get("x-kubernetes-int-or-string") is True:
        node.pop("type", None)
        node["type"] = ["string", "integer"]
    open_ended = node.get("x-kubernetes-preserve-unknown-fields") is True or "additionalProperties" in node
    if isinstance(node.get("properties"), dict) and node.get("type", "object") == "object" and not open_ended:
        node["additionalProperties"] = False
    return node


def of_kubernetes(swagger):
    """Schemas of Kubernetes' kinds, by group, version and kind."""
    definitions = {name: EITHER.get(name) or strict(node) for name, node in swagger["definitions"].items()}
    for name, node in swagger["definitions"].items():
        for kind in node.get("x-kubernetes-group-version-kind", []):
            yield kind, definitions[name], definitions


def needed(node, definitions, found=None):
    """The definitions that a schema refers to, itself or through others."""
    found = {} if found is None else found
    for name in references(node):
        if name not in found:
            found[name] = definitions[name]
            needed(definitions[name], definitions, found)
    return found


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def of_definition(definition):
    """Schemas of the kind that a CustomResourceDefinition defines, by version."""
    spec = definition["spec"]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema.get("properties", {}).update(
            {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        )
        yield {"group": spec["group"], "version": version["name"], "kind": spec["names"]["kind"]}, schema


def write(folder, kind, schema):
    group = f"{kind['group'].split('.')[0]}-" if kind["group"] else ""
    name = f"{kind['kind']}-{group}{kind['version']}".lower()
    (folder / f"{name}.json").write_text(json.dumps(schema))


def main(folder, swagger, *definitions):
    folder = Path(folder)
    for kind, schema, all_of_them in of_kubernetes(json.loads(Path(swagger).read_text())):
        write(folder, kind, schema | {"definitions": needed(schema, all_of_them)})
    for path in definitions:
        for document in yaml.safe_load_all(Path(path).read_text()):
            for kind, schema in of_definition(document):
                write(folder, kind, schema)


if __name__ == "__main__":
    main(*sys.argv[1:])
