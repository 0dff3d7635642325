"""What the fuzzer cannot know from the document: which jobs there are, and that a server may say "later"."""

import os
import re

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData

NAMESPACE = os.environ["FUZZ_NAMESPACE"]
# Jobs that are there. The last is for those requests that delete one.
JOBS = os.environ["FUZZ_JOBS"].split()
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leads requests to what is there. Names that can be none are left as they are: they are to be refused."""
    path, body = case.path_parameters or {}, case.body
    lead(path)
    lead(case.query)
    if is_name(path.get("name")):
        jobs = JOBS[-1:] if case.method == "DELETE" else JOBS[:-1]
        # By the name that was drawn, so that every run asks the same.
        path["name"] = jobs[sum(path["name"].encode()) % len(jobs)]
    # A token that continues a list cannot be drawn: with one, the list itself would hardly ever be asked for.
    if isinstance(case.query, dict) and len(str(case.query.get("continue"))) % 2:
        case.query.pop("continue", None)
    if isinstance(body, dict):
        lead(body)
        lead(body.get("filter"))


def lead(parameters):
    """Puts the caller's own namespace where another one is named."""
    if isinstance(parameters, dict) and is_name(parameters.get("namespace")):
        parameters["namespace"] = NAMESPACE


def is_name(text):
    return isinstance(text, str) and NAME.fullmatch(text) is not None


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Passes over a server that says when to come again, a report of what is not healthy, and a null in a spec that was
    taken: to Kubernetes that is a field which was left out, whatever its schema says."""
    if response is not None and response.status_code == 503:
        return not (response.headers.get("retry-after") or case.path == "/health/full")
    if isinstance(failure, AcceptedNegativeData) and isinstance(case.body, dict):
        return not holds_null(case.body.get("spec", {}))
    return True


def holds_null(value):
    if isinstance(value, dict):
        value = list(value.values())
    return value is None or isinstance(value, list) and any(map(holds_null, value))
