"""`helm test`: what it makes, and how the end of the film is followed."""

import contextlib
import os
import socketserver
import subprocess
import threading

import pytest

from chart import CHART, render

ON = {"s3": {"enabled": True}}
FOLLOW = CHART / "files/test/follow-film"


def hooks(objects):
    found = [item for item in objects.values() if item["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"]
    return sorted(found, key=lambda item: int(item["metadata"]["annotations"]["helm.sh/hook-weight"]))


def test_without_a_bucket_there_is_no_test():
    assert hooks(render()) == []


def test_the_embedded_servers_bucket_gets_a_policy_first_and_then_the_film():
    made = hooks(render(ON))
    kinds = [item["kind"] for item in made]
    assert kinds[-3:] == ["StoragePolicy", "VideoJob", "Pod"]
    policy, film, pod = made[-3:]
    assert film["spec"]["storageRef"]["name"] == policy["metadata"]["name"]
    assert film["spec"]["artifacts"] == {"onDelete": "Delete"}
    names = {item["name"]: item["value"] for item in pod["spec"]["containers"][0]["env"]}
    assert (names["NAMESPACE"], names["FILM"]) == (film["metadata"]["namespace"], film["metadata"]["name"])


def test_a_policy_that_is_named_is_taken():
    made = hooks(render({"test": {"namespace": "demo", "storagePolicy": "mine"}}))
    assert {item["metadata"]["namespace"] for item in made} == {"demo"}
    (film,) = [item for item in made if item["kind"] == "VideoJob"]
    assert film["spec"]["storageRef"]["name"] == "mine"
    assert "StoragePolicy" not in [item["kind"] for item in made]


def test_the_film_is_made_where_the_operator_looks():
    values = {"watchNamespaces": ["films", "trailers"], "s3": {"enabled": True, "credentialsIn": ["films"]}}
    assert {item["metadata"]["namespace"] for item in hooks(render(values))} == {"films"}


def test_who_follows_may_look_at_films_and_do_nothing():
    (role,) = [item for item in hooks(render(ON)) if item["kind"] == "Role"]
    assert role["rules"] == [
        {"apiGroups": ["videofactory.dev"], "resources": ["videojobs"], "verbs": ["get", "list", "watch"]}
    ]


def event(phase, name="film", message="all is well"):
    data = f'{{"id":"demo/{name}","uid":"1","namespace":"demo","name":"{name}","phase":"{phase}","message":"{message}"}}'
    return f"event: job\ndata: {data}\n\n"


def follow(port, token):
    """How following the film ends: its exit code and what it says."""
    place = {"HOST": "127.0.0.1", "PORT": str(port), "NAMESPACE": "demo", "FILM": "film", "TOKEN_FILE": str(token)}
    return subprocess.Popen([FOLLOW], env=os.environ | place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


OK = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ([OK + event("Running") + event("Succeeded")], 0, "Succeeded: all is well"),
        ([OK + event("Running") + event("Failed", message="no room")], 1, "Failed: no room"),
        ([OK + event("Succeeded", name="other") + event("Failed")], 1, "Failed"),
        (["HTTP/1.0 403 Forbidden\r\n\r\n"], 1, "403"),
        # The replica ends, another one is not ready yet, the third knows.
        ([OK + event("Running"), "HTTP/1.0 503 Service Unavailable\r\n\r\n", OK + event("Succeeded")], 0, "Succeeded"),
    ],
)
def test_the_film_is_followed_to_its_end(answers, status, said, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret-token")
    with stream(answers) as (server, requests):
        following = follow(server.server_address[1], token)
        output, errors = following.communicate(timeout=60)
    assert following.returncode == status, errors
    assert said in output
    assert len(requests) == len(answers)
    assert requests[0][0] == "GET /stream?namespace=demo HTTP/1.0"
    assert "Authorization: Bearer secret-token" in requests[0]


def test_an_operator_that_is_not_there_yet_is_waited_for(tmp_path):
    token = tmp_path / "token"
    token.write_text("secret-token")
    with stream([]) as (server, _):
        port = server.server_address[1]
    following = follow(port, token)
    assert "refused" in following.stderr.readline()
    with stream([OK + event("Succeeded")], port):
        output, errors = following.communicate(timeout=60)
    assert following.returncode == 0, errors
    assert "Succeeded" in output


@contextlib.contextmanager
def stream(answers, port=0):
    """An operator that answers one connection after the other, and what it was asked."""
    requests = []

    class Stream(socketserver.StreamRequestHandler):
        def handle(self):
            requests.append(list(iter(lambda: self.rfile.readline().decode().strip(), "")))
            self.wfile.write(answers[len(requests) - 1].encode())

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Stream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server, requests
        finally:
            server.shutdown()
