"""YouTube with Google's own client: tokens, resumable uploads, thumbnails, captions, lists."""

import hashlib
import io
import json

import pytest
from conftest import URL
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from googleapiclient import discovery
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

BLOCK = 262_144
FILM = bytes(at * 7 % 251 for at in range(BLOCK * 5 // 2))
BODY = {
    "snippet": {"title": "The sea", "description": "vf-abc-r1", "tags": ["sea", "vf-abc-r1"], "categoryId": "22"},
    "status": {"privacyStatus": "private", "publishAt": "2030-11-01T15:00:00Z", "containsSyntheticMedia": True},
}


@pytest.fixture
def credentials(account):
    return Credentials(
        None,
        refresh_token=account.key,
        token_uri=f"{URL}/youtube/token",
        client_id="id",
        client_secret="secret",
    )


@pytest.fixture
def youtube(credentials):
    document = json.loads(get_static_doc("youtube", "v3"))
    document["rootUrl"] = document["baseUrl"] = f"{URL}/youtube/"
    document.pop("mtlsRootUrl", None)
    return discovery.build_from_document(document, credentials=credentials)


def insert(youtube):
    media = MediaIoBaseUpload(io.BytesIO(FILM), "video/mp4", chunksize=BLOCK, resumable=True)
    return youtube.videos().insert(part="snippet,status", body=BODY, media_body=media)


def finish(request):
    response = None
    while response is None:
        _, response = request.next_chunk()
    return response


def test_an_upload_in_parts_becomes_one_video(youtube, account):
    video = finish(insert(youtube))
    assert video["snippet"]["title"] == "The sea"
    [upload] = account.ledger()["uploads"]
    assert upload["videoId"] == video["id"] and upload["complete"]
    assert upload["sha256"] == hashlib.sha256(FILM).hexdigest()
    assert upload["marker"] == "vf-abc-r1"
    assert account.ledger()["requests"]["youtube/chunk"] == 3


def test_an_upload_continues_after_an_error_and_a_cut(youtube, account):
    request = insert(youtube)
    request.next_chunk()
    account.faults({"effect": {"status": {"code": 503}}, "operation": "chunk", "times": 1})
    with pytest.raises(HttpError):
        request.next_chunk()
    # From here on the client asks first how much there is.
    account.faults({"effect": {"cut-upload": {"bytes": 1000}}, "times": 1})
    with pytest.raises(Exception):
        request.next_chunk()
    finish(request)
    [upload] = account.ledger()["uploads"]
    assert upload["sha256"] == hashlib.sha256(FILM).hexdigest()
    assert account.ledger()["requests"]["youtube/query"] >= 2


def test_without_range_the_client_begins_again(youtube, account):
    request = insert(youtube)
    request.next_chunk()
    account.faults({"effect": "no-range", "times": 1})
    request.next_chunk()
    assert request.resumable_progress == 0
    finish(request)
    [upload] = account.ledger()["uploads"]
    assert upload["sha256"] == hashlib.sha256(FILM).hexdigest()


def test_a_lost_session_is_404(youtube, account):
    request = insert(youtube)
    request.next_chunk()
    account.faults({"effect": "session-gone", "times": 1})
    with pytest.raises(HttpError) as raised:
        request.next_chunk()
    assert raised.value.resp.status == 404
    finish(insert(youtube))
    assert [upload["complete"] for upload in account.ledger()["uploads"]].count(True) == 1


def test_thumbnail_captions_and_lists(youtube, account):
    video = finish(insert(youtube))["id"]
    picture = MediaIoBaseUpload(io.BytesIO(b"\x89PNG\r\n\x1a\nrest"), "image/png")
    answer = youtube.thumbnails().set(videoId=video, media_body=picture).execute()
    assert answer["kind"] == "youtube#thumbnailSetResponse"
    text = b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"
    track = {"snippet": {"videoId": video, "language": "en", "name": "English"}}
    media = MediaIoBaseUpload(io.BytesIO(text), "application/octet-stream")
    answer = youtube.captions().insert(part="snippet", body=track, media_body=media).execute()
    assert answer["snippet"]["language"] == "en"
    [upload] = account.ledger()["uploads"]
    assert upload["captions"] == [{"language": "en", "name": "English", "text": text.decode()}]
    assert upload["thumbnail"] == hashlib.sha256(b"\x89PNG\r\n\x1a\nrest").hexdigest()

    channel = youtube.channels().list(part="contentDetails", mine=True).execute()["items"][0]
    uploads = channel["contentDetails"]["relatedPlaylists"]["uploads"]
    listed = youtube.playlistItems().list(part="snippet", playlistId=uploads, maxResults=50).execute()
    assert [item["snippet"]["resourceId"]["videoId"] for item in listed["items"]] == [video]
    found = youtube.videos().list(part="status,processingDetails", id=video).execute()["items"][0]
    assert found["status"]["uploadStatus"] in ("uploaded", "processed")


def test_quota_and_tokens_fail_as_googles(youtube, credentials, account):
    account.faults({"effect": {"rate-limited": {"shape": "quota-exceeded"}}, "operation": "session"})
    with pytest.raises(HttpError) as raised:
        finish(insert(youtube))
    assert raised.value.resp.status == 403
    assert raised.value.error_details[0]["reason"] == "quotaExceeded"
    account.faults({"effect": "token-revoked"})
    from google.auth.transport.requests import Request

    with pytest.raises(RefreshError) as refused:
        credentials.refresh(Request())
    assert "invalid_grant" in str(refused.value)
