"""What the tests share: where the fakes are, and a key of one's own for each test."""

import json
import os
import urllib.parse
import urllib.request
import uuid

import pytest

URL = os.environ["FAKES_URL"]
ADMIN = os.environ["FAKES_ADMIN_URL"]


class Account:
    """A key, and what the fakes say was done with it."""

    def __init__(self, key):
        self.key = key

    def _call(self, what, body=None):
        url = f"{ADMIN}/admin/{what}?{urllib.parse.urlencode({'key': self.key})}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def faults(self, *faults):
        """Makes these the account's only faults."""
        self._call("faults", list(faults))

    def limits(self, *limits):
        """Makes these the account's only limits."""
        self._call("limits", list(limits))

    def settings(self, **settings):
        """Changes how long things take."""
        self._call("settings", settings)

    def ledger(self):
        """What was accepted and refused."""
        return json.loads(self._call("ledger"))

    def accepted(self):
        """Operations that were accepted, in order."""
        return [one["operation"] for one in self.ledger()["submissions"]]


@pytest.fixture
def account():
    # Hugging Face's client routes keys of this form only.
    account = Account(f"hf_{uuid.uuid4().hex}")
    account.settings(generationMilliseconds=50, processingMilliseconds=50)
    return account
