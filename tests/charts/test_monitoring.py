"""What Prometheus and Grafana are given."""

import json

import pytest

from chart import PROMETHEUS_OPERATOR, ROOT, Refused, documents, render

PARTS = ("serviceMonitor", "rules", "dashboard")


def monitoring(mode="skipIfMissing", **settings):
    return {"monitoring": {"renderMode": mode} | {part: {"enabled": True} | settings.get(part, {}) for part in PARTS}}


def kinds(objects):
    return {key[0] for key in objects} & {"ServiceMonitor", "PrometheusRule", "ConfigMap"}


def test_nothing_is_there_unless_asked_for():
    assert kinds(render(apis=PROMETHEUS_OPERATOR)) == set()


def test_what_the_cluster_does_not_know_is_left_out_or_refused_or_rendered():
    assert kinds(render(monitoring())) == {"ConfigMap"}
    assert kinds(render(monitoring(), apis=PROMETHEUS_OPERATOR)) == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    assert kinds(render(monitoring("alwaysRender"))) == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    with pytest.raises(Refused, match="install the Prometheus operator first"):
        render(monitoring("failIfMissing"))
    assert kinds(render(monitoring("failIfMissing"), apis=PROMETHEUS_OPERATOR)) != {"ConfigMap"}


def test_rules_and_dashboard_are_those_of_the_manifests():
    objects = render(monitoring("alwaysRender"))
    (rules,) = documents("manifests/monitoring/rules.yaml")
    assert objects["PrometheusRule", "videofactory"]["spec"] == rules["spec"]
    dashboard = json.loads(objects["ConfigMap", "videofactory-dashboard"]["data"]["dashboard.json"])
    assert dashboard == json.loads((ROOT / "manifests/monitoring/dashboard.json").read_text())


def test_runbooks_are_where_they_are_said_to_be():
    objects = render(monitoring("alwaysRender", rules={"runbooks": "https://example.com/films/"}))
    groups = objects["PrometheusRule", "videofactory"]["spec"]["groups"]
    links = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert links and all(link.startswith("https://example.com/films/docs/runbook.md#") for link in links)


def test_objects_have_the_labels_by_which_they_are_selected():
    labels = {"release": "prometheus"}
    given = {part: {"labels": labels} for part in PARTS}
    objects = render(monitoring("alwaysRender", **given))
    for key in (("ServiceMonitor", "videofactory-operator"), ("PrometheusRule", "videofactory")):
        assert labels.items() <= objects[key]["metadata"]["labels"].items()
    assert labels.items() <= objects["ConfigMap", "videofactory-dashboard"]["metadata"]["labels"].items()


def test_metrics_are_scraped_as_often_as_asked():
    values = monitoring("alwaysRender", serviceMonitor={"interval": "15s", "scrapeTimeout": "5s"})
    (endpoint,) = render(values)["ServiceMonitor", "videofactory-operator"]["spec"]["endpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"], endpoint["path"]) == ("15s", "5s", "/metrics")


def test_who_scrapes_may_read_metrics():
    objects = render(monitoring("alwaysRender"), namespace="films")
    binding = objects["ClusterRoleBinding", "videofactory-metrics-reader"]
    assert binding["subjects"][0]["namespace"] == "films"
    assert ("Secret", "videofactory-metrics-reader") in objects
