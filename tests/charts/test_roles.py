"""What the operator and people may do."""

import json

from chart import documents, render

OPERATOR = "videofactory-operator"
SHARED = {"videofactory-view", "videofactory-edit", "videofactory-restore", "videofactory-metrics-reader"}
# The ClusterRoles of the operator itself.
OWN = (f"{OPERATOR}-read", OPERATOR, f"{OPERATOR}-callers")


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


def resources(rule):
    return set(rule.get("resources", []))


def bound(objects, key):
    """Whether a role is given to the account, by a binding of the same name."""
    kind, *where, name = key
    binding = objects[(f"{kind}Binding", *where, name)]
    account = OPERATOR if name.startswith(OPERATOR) else "videofactory-viewer"
    return binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account, "namespace": "videofactory-system"}
    ] and binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def test_an_operator_of_some_namespaces_has_only_there_what_is_of_a_namespace():
    objects = render({"watchNamespaces": ["films", "trailers"]})
    for name in (*OWN, "videofactory-viewer"):
        full = f"{name}-videofactory-system"
        whole, inside = [], []
        for rule in source(name)["rules"]:
            in_the_cluster = "nonResourceURLs" in rule or resources(rule) & {"tokenreviews", "subjectaccessreviews"}
            (whole if in_the_cluster else inside).append(rule)
        inside = [rule for rule in inside if resources(rule) != {"namespaces"}]
        keys = {("ClusterRole", full): whole, ("Role", "films", full): inside, ("Role", "trailers", full): inside}
        for key, wanted in keys.items():
            assert (key in objects) == bool(wanted), key
            assert key not in objects or (rules(objects[key]) == rules({"rules": wanted}) and bound(objects, key))


def test_an_operator_of_some_namespaces_needs_nothing_in_the_cluster_where_nobody_asks_who_calls():
    values = {"watchNamespaces": ["films"], "roles": {"callers": False, "viewer": False, "create": False}}
    assert not [key for key in render(values) if key[0].startswith("ClusterRole")]


def test_an_operator_of_some_namespaces_is_known_by_its_own():
    own = ("Role", f"{OPERATOR}-own-namespace")
    objects = render({"watchNamespaces": ["films"]})
    assert objects[own]["rules"] == [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
    assert bound(objects, own)
    assert own not in render()


def test_an_operator_of_its_own_namespace_keeps_the_role_of_its_lease():
    objects = render({"watchNamespaces": ["videofactory-system"]})
    assert objects["Role", OPERATOR]["rules"][0]["resources"] == ["leases"]
    assert objects["Role", f"{OPERATOR}-videofactory-system"]["rules"][0]["apiGroups"] == ["videofactory.dev"]


def test_two_operators_of_some_namespaces_share_no_object():
    one = render({"watchNamespaces": ["films"]}, namespace="one")
    two = render({"watchNamespaces": ["films", "ads"], "roles": {"create": False}}, namespace="two")

    def beyond_their_own(objects, own):
        return {key for key, item in objects.items() if item["metadata"].get("namespace") != own}

    assert beyond_their_own(one, "one") and not beyond_their_own(one, "one") & beyond_their_own(two, "two")


def test_whoever_does_not_let_it_ask_who_calls_gives_it_no_right_to():
    callers = ("ClusterRole", f"{OPERATOR}-callers")
    assert callers in render()
    assert callers not in render({"roles": {"callers": False}})


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
