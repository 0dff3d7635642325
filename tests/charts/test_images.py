"""Which images are run, and which are refused."""

import pytest
import yaml

from chart import CHART, Refused, environment, operator, render

RELEASE = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
DIGEST = "sha256:" + "a" * 64


def images(image):
    objects = render({"image": image, "s3": {"enabled": True}})
    _, container = operator(objects)
    s3 = objects["Deployment", "s3"]["spec"]["template"]["spec"]["containers"][0]
    return container["image"], environment(objects)["VIDEOFACTORY_WORKER_IMAGE"], s3["image"]


def test_without_a_registry_images_are_on_the_nodes():
    assert images({}) == tuple(f"localhost/videofactory-{name}:dev" for name in ("operator", "worker", "s3"))


def test_with_a_registry_images_are_those_of_the_charts_release():
    expected = tuple(f"ghcr.io/owner/videofactory-{name}:v{RELEASE}" for name in ("operator", "worker", "s3"))
    assert images({"registry": "ghcr.io/owner/"}) == expected


def test_one_tag_is_that_of_all_images():
    found = images({"registry": "r", "tag": "v9.9.9"})
    assert {image.split(":")[1] for image in found} == {"v9.9.9"}


def test_a_digest_goes_before_the_tag():
    found = images({"registry": "r", "tag": "v9.9.9", "operator": {"digest": DIGEST}})
    assert found == (f"r/videofactory-operator@{DIGEST}", "r/videofactory-worker:v9.9.9", "r/videofactory-s3:v9.9.9")


@pytest.mark.parametrize("tag", ["v0.0.9", "0.0.9", "v0.0.9-rc.1", "v0.0.0"])
def test_a_tag_older_than_the_definitions_is_refused(tag):
    with pytest.raises(Refused, match="older than this chart's definitions"):
        render({"image": {"registry": "r", "tag": tag}})


@pytest.mark.parametrize("tag", [RELEASE, f"v{RELEASE}", f"v{RELEASE}-rc.1", "v99.0.1", "main", "dev", "3f2a"])
def test_a_tag_of_the_release_or_newer_or_without_a_version_is_taken(tag):
    assert images({"registry": "r", "tag": tag})[0] == f"r/videofactory-operator:{tag}"


def test_steps_pull_as_the_operator_does():
    assert "VIDEOFACTORY_WORKER_IMAGE_PULL_POLICY" not in environment(render())
    always = environment(render({"image": {"pullPolicy": "Always"}}))
    assert always["VIDEOFACTORY_WORKER_IMAGE_PULL_POLICY"] == "Always"
