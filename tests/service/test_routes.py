"""REST: what is saved is read, listed, changed, found, deleted; what is wrong is said."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from memory.kinds import kinds


@pytest.fixture
def session(client):
    return client.post("/api/sessions", json={"title": "Pick a port", "project": "web/api"}).json()


def say(client, session, content, **fields):
    return client.post(f"/api/sessions/{session['id']}/messages", json={"role": "user", "content": content, **fields})


def test_a_session_and_its_messages_are_saved_and_read(client, session):
    assert say(client, session, "which port?").status_code == 201
    several = client.post(
        f"/api/sessions/{session['id']}/messages",
        json=[{"role": "assistant", "content": "8470", "id": "a"}, {"role": "user", "content": "thanks"}],
    )
    assert (several.status_code, [each["seq"] for each in several.json()]) == (201, [2, 3])
    whole = client.get(f"/api/sessions/{session['id']}", params={"include": "messages"}).json()
    assert [each["content"] for each in whole["messages"]] == ["which port?", "8470", "thanks"]
    assert whole["project"] == "web/api"
    around = client.get("/api/messages/a/around", params={"before": 1, "after": 0}).json()
    assert [each["content"] for each in around] == ["which port?", "8470"]


def test_lists_come_in_pages(client, session):
    for n in range(5):
        say(client, session, str(n))
    first = client.get(f"/api/sessions/{session['id']}/messages", params={"limit": 2}).json()
    second = client.get(
        f"/api/sessions/{session['id']}/messages", params={"limit": 3, "cursor": first["next_cursor"]}
    ).json()
    assert [each["content"] for each in first["items"] + second["items"]] == list("01234")
    assert second["next_cursor"] is None
    assert client.get("/api/learnings", params={"cursor": first["next_cursor"]}).json()["code"] == "invalid_cursor"


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind not in ("session", "message")])
def test_every_list_takes_a_limit(client, kind):
    assert client.get(f"/api/{kinds()[kind].declaration.plural}", params={"limit": 1}).json()["items"] == []


def test_learnings_come_in_pages(client):
    for n in range(3):
        client.post("/api/learnings", json={"category": "fact", "content": f"number {n}"})
    first = client.get("/api/learnings", params={"limit": 2}).json()
    second = client.get("/api/learnings", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [each["content"] for each in first["items"] + second["items"]] == ["number 2", "number 1", "number 0"]


def test_what_is_saved_is_found_by_get_and_post(client, session):
    say(client, session, "the kettle whistles at noon")
    got = client.get("/api/search", params={"query": "kettle at noon", "limit": 3}).json()
    posted = client.post("/api/search", json={"query": "kettle at noon", "mode": "keyword"}).json()
    assert got["hits"][0]["seq"] == posted["hits"][0]["seq"] == 1
    assert {"query", "mode", "took_ms", "index_lag", "abstained", "legs", "hits"} <= got.keys()
    assert "kettle whistles" in client.post("/api/recall", json={"query": "kettle", "budget": 200}).json()["text"]


def test_a_session_is_deleted_restored_and_forked(client, session):
    at = say(client, session, "shared").json()["id"]
    fork = client.post(f"/api/sessions/{session['id']}/fork", json={"at": at, "title": "other way"})
    assert fork.status_code == 201
    assert client.delete(f"/api/sessions/{session['id']}").status_code == 204
    assert client.get(f"/api/sessions/{session['id']}").status_code == 404
    assert client.post(f"/api/sessions/{session['id']}/restore").json()["title"] == "Pick a port"


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds() if kind not in ("session", "message", "message_version", "attachment")]
)
def test_every_kind_has_a_collection(client, session, kind):
    message = say(client, session, "hello").json()["id"]
    given = {
        "learning": {"category": "fact", "content": "tea is hot"},
        "relationship": {"source": "a.py", "target": "b.py", "type": "code_code"},
        "reaction": {"message_id": message, "type": "rating", "value": 5},
        "setting": {"key": "theme", "value": {"dark": True}},
    }.get(kind, {"name": "one"})
    plural = kinds()[kind].declaration.plural

    made = client.post(f"/api/{plural}", json=given)

    assert made.status_code == 201, made.text
    id = made.json()["id"]
    assert client.get(f"/api/{plural}/{id}").json() == made.json()
    assert id in [each["id"] for each in client.get(f"/api/{plural}").json()["items"]]
    changed = client.patch(f"/api/{plural}/{id}", json={"metadata": {"seen": 1}})
    assert changed.json()["metadata"] == {"seen": 1}
    assert client.delete(f"/api/{plural}/{id}").status_code == 204
    assert client.get(f"/api/{plural}/{id}").status_code == 404
    assert client.post(f"/api/{plural}/{id}/restore").status_code == 200


def test_the_graph_is_walked(client):
    for source, target in (("a.py", "b.py"), ("b.py", "c.py")):
        client.post("/api/relationships", json={"source": source, "target": target, "type": "code_code"})
    near = client.get("/api/graph/neighbours", params={"ref": "a.py", "depth": 2}).json()
    assert near["refs"] == {"file:a.py": 0, "file:b.py": 1, "file:c.py": 2}
    path = client.get("/api/graph/path", params={"source": "a.py", "target": "c.py"}).json()
    assert [each["target"] for each in path] == ["file:b.py", "file:c.py"]


def test_a_change_of_what_was_changed_since_is_a_conflict(client, session):
    path = f"/api/sessions/{session['id']}"
    known = client.get(path).headers["etag"]
    assert client.patch(path, json={"title": "first"}, headers={"If-Match": known}).status_code == 200

    late = client.patch(path, json={"title": "second"}, headers={"If-Match": known})

    assert (late.status_code, late.json()["code"]) == (409, "changed_since")
    assert (late.json()["current"]["title"], late.json()["sent"]) == ("first", {"title": "second"})
    assert client.patch(path, json={"title": "second"}, headers={"If-Match": "*"}).json()["title"] == "second"


def test_of_many_changes_of_one_state_one_wins(client, session):
    path = f"/api/sessions/{session['id']}"
    for _ in range(10):
        known = {"If-Match": client.get(path).headers["etag"]}
        with ThreadPoolExecutor(6) as pool:
            told = list(
                pool.map(lambda n, known=known: client.patch(path, json={"title": str(n)}, headers=known), range(6))
            )
        assert sorted(each.status_code for each in told) == [200, 409, 409, 409, 409, 409]


def test_what_was_changed_since_is_not_deleted(client, session):
    path = f"/api/sessions/{session['id']}"
    known = {"If-Match": client.get(path).headers["etag"]}
    client.patch(path, json={"title": "first"})
    assert client.delete(path, headers=known).status_code == 409
    assert client.delete(path, headers={"If-Match": client.get(path).headers["etag"]}).status_code == 204


def test_a_write_that_is_sent_again_is_done_once(client, session):
    path, key = f"/api/sessions/{session['id']}/messages", {"Idempotency-Key": "one"}
    first = client.post(path, json={"role": "user", "content": "once"}, headers=key)
    again = client.post(path, json={"role": "user", "content": "once"}, headers=key)
    other = client.post(path, json={"role": "user", "content": "twice"}, headers=key)

    assert again.json() == first.json()
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(client.get(path).json()["items"]) == 1


def test_an_answer_that_was_kept_is_forgotten_with_what_it_said(client, session):
    path, key = f"/api/sessions/{session['id']}/messages", {"Idempotency-Key": "one"}
    said = {"role": "user", "content": "the violet lantern stands there"}
    id = client.post(path, json=said, headers=key).json()["id"]
    done = client.post("/api/forget", json={"ids": [f"message:{id}"], "dry_run": False}).json()
    again = client.post(path, json=said, headers=key)

    assert done["residue"]["found"] == {}
    assert (again.status_code, again.json()["code"]) == (410, "answer_gone")
    assert client.get(path).json()["items"] == []


def test_a_new_token_is_not_kept_for_who_asks_again(client, memory):
    key = {"Idempotency-Key": "one"}
    secret = client.post("/api/tokens", json={"name": "a"}, headers=key).json()["token"]
    again = client.post("/api/tokens", json={"name": "a"}, headers=key)
    assert (again.status_code, again.json()["code"]) == (410, "answer_gone")
    assert len(client.get("/api/tokens").json()) == 1
    memory.close()
    files = [path for path in memory.store.directory.rglob("*") if path.is_file()]
    assert not any(secret.encode() in path.read_bytes() for path in files)


def test_what_is_exported_is_imported_elsewhere(client, session, tmp_path):
    from starlette.testclient import TestClient

    from memory import Memory
    from memory.api.rest.app import make_app

    say(client, session, "the kettle whistles")
    exported = client.get("/api/export")
    assert exported.status_code == 200
    with Memory.open(tmp_path / "other") as other, TestClient(make_app(other), base_url=str(client.base_url)) as there:
        answer = there.post("/api/import", content=exported.content)
        assert answer.status_code == 200, answer.text
        assert there.get("/api/search", params={"query": "kettle"}).json()["hits"][0]["session_id"] == session["id"]
        assert there.get("/api/export").content == exported.content


def test_a_history_is_uploaded(client):
    lines = '{"messages": [{"role": "user", "content": "where is the kettle?"}, {"role": "assistant", "content": "on the shelf"}]}\n'
    answer = client.post("/api/import", content=lines.encode(), params={"name": "../../chat.jsonl"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["totals"]["added"] == 2
    assert client.get("/api/search", params={"query": "kettle"}).json()["hits"]
    assert (
        client.post("/api/import", content=b"what is this", params={"name": "x.bin"}).json()["code"] == "unknown_format"
    )


@pytest.mark.parametrize("name", ["a\0b.jsonl", "é" * 200, "..", "/", "\\..\\", "x" * 194 + ".jsonl"])
def test_an_upload_may_have_any_name(client, name):
    line = b'{"messages": [{"role": "user", "content": "where is the kettle?"}]}\n'
    answer = client.post("/api/import", content=line, params={"name": name})
    assert answer.status_code == 200, answer.text
    assert answer.json()["totals"]["added"] == 1


@pytest.mark.parametrize("body", [b"", b"what is this", b'{"harkback_export": 99}\n'])
def test_what_is_said_of_an_upload_names_no_folder_of_the_machine(client, body):
    answer = client.post("/api/import", content=body, params={"name": "my.jsonl"})
    assert answer.status_code == 422
    assert "my.jsonl" in answer.json()["detail"]
    assert "hark-upload" not in answer.text


def test_numbers_and_health_are_told(client, session):
    say(client, session, "the kettle whistles")
    client.get("/api/search", params={"query": "kettle"})
    assert client.get("/api/health").json()["ok"] is True
    assert client.get("/api/stats").json()["counts"]["messages"] == 1
    metrics = client.get("/metrics").text
    for name in ("harkback_search_leg_seconds", "harkback_index_lag", "harkback_size_bytes", "harkback_requests_total"):
        assert name in metrics


def test_forgetting_needs_to_be_asked_for_twice(client, session):
    id = say(client, session, "the violet lantern stands there").json()["id"]
    told = client.post("/api/forget", json={"ids": [f"message:{id}"]}).json()
    assert (told["dry_run"], told["counts"]) == (True, {"message": 1})
    done = client.post("/api/forget", json={"ids": [f"message:{id}"], "dry_run": False}).json()
    assert done["residue"]["found"] == {}
    assert client.post("/api/forget", json={"dry_run": False}).status_code == 422


def test_the_routes_are_described(client):
    document = client.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    for path in (
        "/api/sessions",
        "/api/sessions/{id}/messages",
        "/api/messages/{id}/chunks",
        "/api/search",
        "/api/events",
    ):
        assert path in paths
    for record in kinds().values():
        assert f"/api/{record.declaration.plural}" in paths


def test_a_write_whose_answer_was_lost_is_done_once(client, session, memory):
    at = say(client, session, "shared").json()["id"]
    path = f"/api/sessions/{session['id']}"
    writes = [
        ("/api/sessions", {"title": "one"}),
        (f"{path}/messages", {"role": "user", "content": "one"}),
        (f"{path}/messages", [{"role": "user", "content": "two"}, {"role": "user", "content": "two"}]),
        (f"{path}/messages:stream", {"role": "assistant", "content": "so far"}),
        (f"{path}/fork", {"at": at}),
        ("/api/learnings", {"category": "fact", "content": "tea is hot"}),
        ("/api/relationships", {"source": "a.py", "target": "b.py", "type": "code_code"}),
        ("/api/tags", {"name": "blue"}),
    ]
    for place, (route, body) in enumerate(writes):
        key = {"Idempotency-Key": f"key {place}"}
        first = client.post(route, json=body, headers=key)
        before = memory.stats().counts
        # as if the program had been killed between the write and the keeping of its answer
        memory.store.database.rows("delete from idempotency")
        again = client.post(route, json=body, headers=key)
        assert again.status_code == first.status_code == 201, again.text
        ids = [each["id"] for each in (again.json() if isinstance(body, list) else [again.json()])]
        assert ids == [each["id"] for each in (first.json() if isinstance(body, list) else [first.json()])]
        assert memory.stats().counts == before
    named = client.post(f"{path}/fork", json={"at": at, "id": "my fork"})
    assert named.json()["id"] == "my fork"


def test_the_bytes_of_an_attachment_are_read_and_never_shown(client, session, memory):
    message = say(client, session, "see the picture").json()["id"]
    page = b"<script>alert(1)</script>"
    made = memory.attachments.create(data=page, name="a.html", media_type="text/html", message_id=message)
    answer = client.get(f"/api/attachments/{made.id}/data")
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (answer.headers["content-disposition"], answer.headers["x-content-type-options"]) == (
        "attachment",
        "nosniff",
    )
    assert client.get("/api/attachments/none/data").status_code == 404
