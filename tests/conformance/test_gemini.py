"""Gemini with Google's own client: scripts, speech, pictures, Veo."""

import io
import json
import time

import pytest
from conftest import URL
from google import genai
from google.genai import errors, types
from PIL import Image

SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "scenes": {
            "type": "array",
            "minItems": 3,
            "items": {"type": "object", "properties": {"narration": {"type": "string"}}, "required": ["narration"]},
        },
    },
    "required": ["title", "scenes"],
}


@pytest.fixture
def client(account):
    options = types.HttpOptions(base_url=f"{URL}/gemini", api_version="v1beta")
    return genai.Client(api_key=account.key, http_options=options)


def script(client):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=SCHEMA)
    return client.models.generate_content(model="gemini-3.8-flash", contents="The sea.", config=config)


def test_a_script_keeps_to_its_schema(client, account):
    answer = script(client)
    written = json.loads(answer.text)
    assert len(written["scenes"]) == 3 and written["title"]
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert account.accepted() == ["script"]


def test_speech_is_samples(client):
    voice = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    config = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=voice)
    )
    answer = client.models.generate_content(model="gemini-3.8-flash-tts", contents="One two three.", config=config)
    data = answer.candidates[0].content.parts[0].inline_data
    assert data.mime_type == "audio/L16;codec=pcm;rate=24000"
    assert len(data.data) > 24_000 and len(data.data) % 2 == 0


def test_a_picture_has_its_ratio(client, account):
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="1K")
    )
    reference = types.Part.from_bytes(data=b"picture", mime_type="image/png")
    answer = client.models.generate_content(
        model="gemini-3.1-flash-image", contents=["A fox.", reference], config=config
    )
    picture = Image.open(io.BytesIO(answer.candidates[0].content.parts[0].inline_data.data))
    picture.load()
    assert picture.size == (1360, 768)
    assert account.ledger()["submissions"][0]["pictures"] == 1


def test_veo_makes_a_clip_that_is_polled_and_fetched(client, account):
    operation = client.models.generate_videos(
        model="veo-3.1-generate-preview",
        source=types.GenerateVideosSource(
            prompt="A fox runs.", image=types.Image(image_bytes=b"picture", mime_type="image/png")
        ),
        config=types.GenerateVideosConfig(aspect_ratio="9:16", resolution="720p", duration_seconds=8),
    )
    deadline = time.monotonic() + 20
    while not operation.done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        operation = client.operations.get(operation)
    uri = operation.response.generated_videos[0].video.uri
    # The client makes a name of an https URI; this one is http.
    name = "files/" + uri.rsplit("/files/", 1)[1].split(":", 1)[0]
    film = client.files.download(file=name)
    assert film[4:8] == b"ftyp"
    made = account.ledger()["submissions"][0]
    assert (made["operation"], made["seconds"], made["pictures"], made["delivered"]) == ("video", 8, 1, True)


def test_a_filtered_clip_says_why(client, account):
    account.faults({"effect": "moderated", "operation": "poll"})
    operation = client.models.generate_videos(
        model="veo-3.1-generate-preview", source=types.GenerateVideosSource(prompt="Blood.")
    )
    deadline = time.monotonic() + 20
    while not operation.done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        operation = client.operations.get(operation)
    assert operation.response.rai_media_filtered_count == 1
    assert operation.response.rai_media_filtered_reasons


def test_errors_are_read_as_googles(client, account):
    account.faults({"effect": {"rate-limited": {"shape": "retry-info", "seconds": 26}}})
    with pytest.raises(errors.ClientError) as raised:
        script(client)
    assert (raised.value.code, raised.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert raised.value.details["error"]["details"][1]["retryDelay"] == "26s"
    account.faults({"effect": "wrong-key"})
    with pytest.raises(errors.ClientError) as raised:
        script(client)
    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
    account.faults({"effect": {"status": {"code": 503}}})
    with pytest.raises(errors.ServerError) as raised:
        script(client)
    assert raised.value.status == "UNAVAILABLE"
    account.faults({"effect": "moderated"})
    blocked = script(client)
    assert blocked.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert account.accepted() == []


def test_models_are_listed(client):
    assert "models/veo-3.1-generate-preview" in [model.name for model in client.models.list()]
