"""A server that speaks OpenAI's protocol, with OpenAI's own client."""

import base64
import json

import openai
import pytest
from conftest import URL

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "scenes": {"type": "array", "items": {"type": "string"}}},
}


@pytest.fixture
def client(account):
    return openai.OpenAI(base_url=f"{URL}/openai/v1", api_key=account.key, max_retries=0)


def test_models_are_listed(client):
    assert "kokoro" in [model.id for model in client.models.list()]


def test_a_script_of_a_schema(client, account):
    answer = client.chat.completions.create(
        model="writer",
        messages=[{"role": "user", "content": "Write a script of 4 scenes."}],
        response_format={"type": "json_schema", "json_schema": {"name": "script", "schema": SCHEMA}},
    )
    assert answer.choices[0].finish_reason == "stop"
    assert len(json.loads(answer.choices[0].message.content)["scenes"]) == 4
    assert account.accepted() == ["script"]


def test_a_form_that_the_server_does_not_know_is_a_bad_request(client, account):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(
            model="writer-no-format",
            messages=[{"role": "user", "content": "Write."}],
            response_format={"type": "json_object"},
        )
    assert "response_format" in str(raised.value)
    assert account.accepted() == []


def test_a_picture_comes_by_url_or_as_bytes(client, account):
    picture = client.images.generate(model="flux", prompt="A fox.", size="1024x1024")
    assert picture.data[0].url.endswith(".png")
    picture = client.images.generate(model="flux", prompt="A fox.", response_format="b64_json")
    assert base64.b64decode(picture.data[0].b64_json).startswith(b"\x89PNG")
    assert account.accepted() == ["image", "image"]


def test_speech_is_a_file(client, account):
    sound = client.audio.speech.create(model="kokoro", voice="af_heart", input="One two.", response_format="wav")
    assert sound.content[:4] == b"RIFF"
    assert account.accepted() == ["speech"]


def test_errors_are_distinguished(client, account):
    for effect, error in [
        ("wrong-key", openai.AuthenticationError),
        ("credits-used-up", openai.RateLimitError),
        ({"rate-limited": {"shape": "plain"}}, openai.RateLimitError),
        ({"loading": {"code": 503}}, openai.InternalServerError),
        ("moderated", openai.BadRequestError),
    ]:
        account.faults({"effect": effect})
        with pytest.raises(error):
            client.images.generate(model="flux", prompt="A fox.")
    account.faults()
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="gone", prompt="A fox.")
    assert account.accepted() == []
