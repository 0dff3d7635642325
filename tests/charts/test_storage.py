"""The embedded S3 server."""

import base64
import json

import pytest

from chart import OPENSHIFT, Refused, operator, render

ON = {"enabled": True}


def test_it_is_not_there_unless_asked_for():
    assert not [key for key in render() if key[-1].startswith("s3")]


def test_its_account_has_keys_of_its_own_which_namespaces_are_given():
    objects = render({"s3": ON | {"credentialsIn": ["demo"]}, "test": {"namespace": "demo"}})
    root, account = (objects["Secret", name]["data"] for name in ("s3-root", "s3-credentials"))
    assert set(root) == set(account) == {"accessKeyId", "secretAccessKey"}
    assert not set(root.values()) & set(account.values())
    assert objects["Secret", "demo", "s3-credentials"]["data"] == account
    access, secret = (base64.b64decode(account[key]).decode() for key in ("accessKeyId", "secretAccessKey"))
    users = json.loads(base64.b64decode(objects["Secret", "s3-accounts"]["data"]["users.json"]))
    assert users == {"accessAccounts": {access: {"access": access, "secret": secret, "role": "user"}}}


def test_the_releases_own_namespace_needs_no_copy():
    objects = render({"s3": ON | {"credentialsIn": ["videofactory-system"]}})
    assert [key for key in objects if key[-1] == "s3-credentials"] == [("Secret", "s3-credentials")]


def test_files_and_keys_stay_when_it_is_uninstalled():
    objects = render({"s3": ON})
    for key in (("PersistentVolumeClaim", "s3-data"), ("Secret", "s3-root"), ("Secret", "s3-credentials")):
        assert objects[key]["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_a_namespace_has_the_keys_as_long_as_it_is_named():
    objects = render({"s3": ON | {"credentialsIn": ["demo"]}, "test": {"namespace": "demo"}})
    assert "annotations" not in objects["Secret", "demo", "s3-credentials"]["metadata"]


def test_keys_that_are_there_are_not_made():
    assert not [key for key in render({"s3": ON | {"existingSecrets": True}}) if key[0] == "Secret"]


@pytest.mark.parametrize(
    ("storage", "claims", "volume"),
    [
        ({}, 1, {"persistentVolumeClaim": {"claimName": "s3-data"}}),
        ({"type": "existing", "claimName": "mine"}, 0, {"persistentVolumeClaim": {"claimName": "mine"}}),
        ({"type": "emptyDir", "size": "2Gi"}, 0, {"emptyDir": {"sizeLimit": "2Gi"}}),
    ],
)
def test_files_are_where_they_are_asked_to_be(storage, claims, volume):
    objects = render({"s3": ON | {"storage": storage}})
    assert len([key for key in objects if key[0] == "PersistentVolumeClaim"]) == claims
    volumes = objects["Deployment", "s3"]["spec"]["template"]["spec"]["volumes"]
    assert volume | {"name": "data"} in volumes


def test_a_claim_is_as_it_is_asked_for():
    claim = render({"s3": ON | {"storage": {"size": "50Gi", "storageClass": "fast"}}})["PersistentVolumeClaim", "s3-data"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"
    assert claim["spec"]["storageClassName"] == "fast"


def test_every_installation_gives_the_bucket_to_its_account():
    job = render({"s3": ON})["Job", "s3-bucket-owner"]
    assert set(job["metadata"]["annotations"]["helm.sh/hook"].split(",")) == {
        "post-install",
        "post-upgrade",
        "post-rollback",
    }


def test_user_ids_are_openshifts_there():
    def ids(**given):
        objects = render({"s3": ON} | given.pop("values", {}), **given)
        pods = [operator(objects)[0], objects["Deployment", "s3"]["spec"]["template"]]
        return {key for pod in pods for key in pod["spec"]["securityContext"]} & {"runAsUser", "runAsGroup", "fsGroup"}

    assert ids() == {"runAsUser", "runAsGroup", "fsGroup"}
    assert ids(apis=OPENSHIFT) == set()
    assert ids(values={"openshift": "always"}) == set()
    assert ids(values={"openshift": "never"}, apis=OPENSHIFT) == {"runAsUser", "runAsGroup", "fsGroup"}
    for pod in (operator(render({"openshift": "always"}))[0],):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True


def test_a_film_cannot_be_tested_where_the_servers_keys_are_not():
    with pytest.raises(Refused, match="s3.credentialsIn"):
        render({"s3": ON, "test": {"namespace": "demo"}})
