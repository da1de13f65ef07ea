"""Requests drawn from the service's own description, right ones and wrong ones, find no fault of the service."""

from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from memory import Memory
from memory.api.rest.app import make_app

HOST = {"host": "127.0.0.1:8470"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The description of the service of a small memory."""
    with Memory.open(tmp_path_factory.mktemp("described") / "store") as memory:
        memory.sessions.create(id="s", title="Pick a port", project="web")
        memory.messages.append("s", id="m", role="user", content="the kettle whistles")
        app = make_app(memory)
        with TestClient(app, base_url="http://127.0.0.1:8470") as client:
            schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
            schema.app = app
            # streams of events have no end; they are in test_events.py
            yield schema.exclude(path_regex="/events$")


def test_nothing_breaks_the_service(described):
    asked = 0
    for found in described.get_all_operations():
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            # of a route that takes anything there is no wrong request
            with suppress(Unsatisfiable):
                asked += ask(found.ok(), mode)
    assert asked > 1_000


def ask(operation, mode) -> int:
    """Send requests to a route, and give how many."""
    sent = []
    # a well-formed id, date or cursor need not be one that is there; in a query string everything is text, a number, too
    unfit = [positive_data_acceptance]
    if operation.method.upper() in ("GET", "DELETE"):
        unfit.append(negative_data_rejection)

    @settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        sent.append(case)
        case.call_and_validate(headers=HOST, excluded_checks=unfit)

    send()
    return len(sent)
