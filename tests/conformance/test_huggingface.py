"""Hugging Face with its own client: pictures and speech by each provider, and the Hub."""

import pytest
from conftest import URL
from huggingface_hub import HfApi, InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError

FLUX = "black-forest-labs/FLUX.1-dev"
KOKORO = "hexgrad/Kokoro-82M"


@pytest.fixture(autouse=True)
def router(monkeypatch):
    """The router's address is a constant of the client, and hf-inference takes it when it is imported."""
    from huggingface_hub.inference._providers import PROVIDERS

    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", f"{URL}/huggingface/{{provider}}")
    monkeypatch.setattr(
        PROVIDERS["hf-inference"]["text-to-image"], "base_url", f"{URL}/huggingface/hf-inference"
    )


@pytest.mark.parametrize("provider", ["hf-inference", "fal-ai", "nscale", "replicate"])
def test_a_picture_by_each_provider(account, provider):
    client = InferenceClient(provider=provider, api_key=account.key)
    picture = client.text_to_image("A fox.", model=FLUX, width=320, height=180)
    picture.load()
    assert picture.size == (320, 180)
    [made] = account.ledger()["submissions"]
    assert (made["operation"], made["prompt"], made["delivered"]) == ("image", "A fox.", True)


@pytest.mark.parametrize("provider", ["fal-ai", "replicate"])
def test_speech_by_each_provider(account, provider):
    sound = InferenceClient(provider=provider, api_key=account.key).text_to_speech("One two.", model=KOKORO)
    assert sound[:4] == b"RIFF"
    assert account.accepted() == ["speech"]


def test_the_hub_knows_the_key(account):
    assert HfApi(token=account.key).whoami()["name"] == "fake"
    account.faults({"effect": "wrong-key"})
    with pytest.raises(HfHubHTTPError) as raised:
        HfApi(token=account.key).whoami()
    assert raised.value.response.status_code == 401


def test_used_up_credits_are_an_error_of_the_client(account):
    account.faults({"effect": "credits-used-up", "operation": "image"})
    with pytest.raises(HfHubHTTPError) as raised:
        InferenceClient(provider="nscale", api_key=account.key).text_to_image("A fox.", model=FLUX)
    assert raised.value.response.status_code == 402
    assert "monthly included credits" in str(raised.value)
    assert account.accepted() == []


def test_a_prediction_without_output_is_a_time_out(account):
    account.faults({"effect": "no-output"})
    with pytest.raises(TimeoutError):
        InferenceClient(provider="replicate", api_key=account.key).text_to_image("A fox.", model=FLUX)
