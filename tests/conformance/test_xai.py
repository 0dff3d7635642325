"""xAI: pictures with the OpenAI client, which xAI names for its REST API; clips with the client for Node.js.

xAI's own client for Python, xai-sdk, speaks gRPC and not the REST API that we use.
"""

import base64
import json
import os
import pathlib
import subprocess

import openai
import pytest
from conftest import URL

HERE = pathlib.Path(__file__).parent
CLIENTS = os.environ["NODE_CLIENTS"]


@pytest.fixture
def client(account):
    return openai.OpenAI(base_url=f"{URL}/xai/v1", api_key=account.key, max_retries=0)


def test_a_picture_comes_as_bytes(client, account):
    answer = client.images.generate(
        model="grok-imagine-image", prompt="A fox.", response_format="b64_json", extra_body={"aspect_ratio": "16:9"}
    )
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")
    assert account.accepted() == ["image"]


def test_errors_are_distinguished(client, account):
    for effect, error in [
        ("wrong-key", openai.BadRequestError),
        ("credits-used-up", openai.RateLimitError),
        ({"rate-limited": {"shape": "per-second"}}, openai.RateLimitError),
        ({"status": {"code": 503}}, openai.InternalServerError),
    ]:
        account.faults({"effect": effect})
        with pytest.raises(error):
            client.images.generate(model="grok-imagine-image", prompt="A fox.")
    assert account.accepted() == []


def film(account, prompt):
    """Makes a clip; what the client says of it."""
    ran = subprocess.run(
        ["node", HERE / "node" / "clip.mjs", f"{URL}/xai/v1", account.key, prompt],
        cwd=CLIENTS,
        env={**os.environ, "NODE_CLIENTS": CLIENTS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_clip_is_polled_and_fetched(account):
    # Long enough for polls before it is done, of which the first has no body; the second clip of an account is reported
    # without a status. Both as at the service.
    account.settings(generationMilliseconds=350)
    for number in (1, 2):
        made = film(account, f"A fox runs, {number}.")
        assert made["kind"] == "ftyp" and made["metadata"]["costInUsdTicks"] == 5_620_000_000, made
    ledger = account.ledger()
    assert [(one["seconds"], one["pictures"], one["delivered"]) for one in ledger["submissions"]] == [(8, 1, True)] * 2
    assert ledger["requests"]["xai/poll"] >= 6


@pytest.mark.parametrize("effect, name", [
    ("expired", "XAI_VIDEO_GENERATION_EXPIRED"),
    ("empty-url", "XAI_VIDEO_MODERATION_ERROR"),
    ("failed", "XAI_VIDEO_GENERATION_FAILED"),
])
def test_a_clip_that_fails_fails_by_name(account, effect, name):
    account.settings(generationMilliseconds=0)
    account.faults({"effect": effect, "operation": "poll"})
    assert film(account, "A fox.")["error"] == name
