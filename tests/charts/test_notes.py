"""What people read after an installation."""

import pytest

from chart import notes


def commands(text):
    """The blocks of commands: lines that are set in."""
    blocks = [block for block in text.split("\n\n") if block.startswith("   ")]
    return [[line.strip() for line in block.strip("\n").splitlines()] for block in blocks]


@pytest.mark.parametrize(
    ("values", "second"),
    [
        ({}, "kubectl create namespace demo"),
        ({"watchNamespaces": ["films", "trailers"]}, "kubectl -n films create secret generic bucket "),
        ({"s3": {"enabled": True}}, "helm test videofactory -n videofactory-system "),
        ({"test": {"namespace": "demo", "storagePolicy": "default"}}, "helm test videofactory -n videofactory-system "),
    ],
)
def test_the_next_three_things_to_do_are_named(values, second):
    wait, then, ask = commands(notes(values))
    assert wait[0].startswith("kubectl -n videofactory-system rollout status ")
    assert then[0].startswith(second)
    assert ask == [f"kubectl videofactory doctor -n {values.get('watchNamespaces', ['demo'])[0]}"]


def test_missing_definitions_are_reported():
    missing = "install the chart video-factory-crds"
    assert missing in notes({"crds": {"enabled": False}})
    assert missing not in notes()


def test_the_plugin_is_given_another_namespace():
    assert "--operator-namespace films" in notes(namespace="films")
