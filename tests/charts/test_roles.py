"""What the operator and people may do."""

import json

from chart import documents, render

OPERATOR = "videofactory-operator"
SHARED = {"videofactory-view", "videofactory-edit", "videofactory-restore", "videofactory-metrics-reader"}
CLUSTER_WIDE = {"namespaces", "tokenreviews", "subjectaccessreviews"}


def rules(item):
    return {json.dumps(rule, sort_keys=True) for rule in item["rules"]}


def source(name):
    (found,) = [
        item
        for file in ("rbac", "roles")
        for item in documents(f"manifests/operator/{file}.yaml")
        if item["kind"] == "ClusterRole" and item["metadata"]["name"] == name
    ]
    return found


def test_an_operator_of_one_namespace_has_only_there_what_is_of_a_namespace():
    objects = render({"watchNamespace": "films"})
    for name in (OPERATOR, "videofactory-viewer"):
        full = f"{name}-videofactory-system"
        whole, inside = objects["ClusterRole", full], objects["Role", "films", full]
        assert rules(whole) | rules(inside) == rules(source(name))
        for rule in whole["rules"]:
            assert "nonResourceURLs" in rule or set(rule["resources"]) <= CLUSTER_WIDE, rule
        for rule in inside["rules"]:
            assert "nonResourceURLs" not in rule and not set(rule["resources"]) & CLUSTER_WIDE, rule
        account = [{"kind": "ServiceAccount", "name": name, "namespace": "videofactory-system"}]
        for binding, kind in ((("ClusterRoleBinding", full), "ClusterRole"), (("RoleBinding", "films", full), "Role")):
            assert objects[binding]["subjects"] == account
            assert objects[binding]["roleRef"] == {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": kind,
                "name": full,
            }


def test_an_operator_of_its_own_namespace_keeps_the_role_of_its_lease():
    objects = render({"watchNamespace": "videofactory-system"})
    assert objects["Role", OPERATOR]["rules"][0]["resources"] == ["leases"]
    assert objects["Role", f"{OPERATOR}-videofactory-system"]["rules"][0]["apiGroups"] == ["videofactory.dev"]


def test_two_operators_of_single_namespaces_share_no_object():
    one = render({"watchNamespace": "films"}, namespace="one")
    two = render({"watchNamespace": "ads", "roles": {"create": False}}, namespace="two")

    def in_the_cluster(objects):
        return {key for key, item in objects.items() if "namespace" not in item["metadata"]}

    assert in_the_cluster(one) and not in_the_cluster(one) & in_the_cluster(two)


def test_the_operators_own_right_is_to_its_lease():
    objects = render(namespace="films")
    role = objects["Role", OPERATOR]
    assert role["metadata"]["namespace"] == "films"
    assert all(rule["resources"] == ["leases"] for rule in role["rules"])
    assert objects["RoleBinding", OPERATOR]["subjects"][0]["namespace"] == "films"


def test_roles_of_people_are_made_once_and_can_stay_apart():
    made = {name for kind, *_, name in render() if kind == "ClusterRole"}
    assert SHARED <= made
    kept = {name for kind, *_, name in render({"roles": {"create": False}}) if kind == "ClusterRole"}
    assert not SHARED & kept
    for name in ("videofactory-view", "videofactory-edit"):
        aggregated = render()["ClusterRole", name]["metadata"]["labels"]
        assert aggregated["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"
        apart = render({"roles": {"aggregate": False}})["ClusterRole", name]["metadata"]["labels"]
        assert not [label for label in apart if "aggregate-to" in label]


def test_without_a_viewer_nobody_is_one():
    assert not [key for key in render({"roles": {"viewer": False}}) if key[-1].startswith("videofactory-viewer")]


def test_the_operators_account_has_its_annotations():
    annotations = {"example.com/role": "films"}
    account = render({"serviceAccount": {"annotations": annotations}})["ServiceAccount", OPERATOR]
    assert account["metadata"]["annotations"] == annotations
