"""Secrets are gone before anything is written; what only looks like one stays."""

import importlib.util
import json
import random
import string
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Memory
from memory.redaction import Redactor, may_hold_secret
from memory.redaction_contexts import CONTEXTS
from memory.redaction_rules import RULES
from memory.redaction_values import is_placeholder

HEX, ALNUM, LOWER = "0123456789abcdef", string.ascii_letters + string.digits, string.ascii_lowercase + string.digits
chance = random.Random(5)


def made(letters, count):
    return "".join(chance.choice(letters) for _ in range(count))


def benchmark(name):
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sample = benchmark("redaction_sample")

# put together here, so that no scanner takes this file for a leak
SECRETS = {
    "anthropic": "sk-" + "ant-api03-" + made(ALNUM, 80),
    "openai": "sk-" + "proj-" + made(ALNUM, 60),
    "openrouter": "sk-" + "or-v1-" + made(HEX, 64),
    "github": "gh" + "p_" + made(ALNUM, 36),
    "gitlab": "gl" + "pat-" + made(ALNUM, 20),
    "aws": "AK" + "IA" + made("ABCDEFGHJKLMNPQRSTUVWXYZ234567", 16),
    "google": "AI" + "za" + made(ALNUM, 35),
    "slack": "xo" + "xb-" + made(string.digits, 12) + "-" + made(ALNUM, 24),
    "stripe": "sk" + "_live_" + made(ALNUM, 24),
    "huggingface": "h" + "f_" + made(ALNUM, 34),
    "groq": "gs" + "k_" + made(ALNUM, 52),
    "npm": "np" + "m_" + made(ALNUM, 36),
    "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + made(ALNUM, 70),
    "digitalocean": "do" + "p_v1_" + made(HEX, 64),
    "sendgrid": "S" + "G." + made(ALNUM, 22) + "." + made(ALNUM, 43),
    "discord": "M" + made(ALNUM, 25) + "." + made(ALNUM, 6) + "." + made(ALNUM, 32),
    "telegram": made("123456789", 9) + ":A" + "A" + made(ALNUM, 33),
    "linear": "li" + "n_api_" + made(ALNUM, 40),
    "databricks": "da" + "pi" + made(HEX, 32),
    "vault": "hv" + "s." + made(ALNUM, 90),
    "shopify": "shp" + "at_" + made(HEX, 32),
    "grafana": "gl" + "sa_" + made(ALNUM, 32) + "_" + made(HEX, 8),
    "docker": "dck" + "r_pat_" + made(ALNUM, 27),
    "jwt": "ey" + "J" + made(ALNUM, 30) + ".ey" + "J" + made(ALNUM, 60) + "." + made(ALNUM, 43),
    "twilio": "S" + "K" + made(HEX, 32),
}
FRAMES = (
    "{}",
    "the key is {}.",
    'const k = "{}";',
    '{{\\"key\\": \\"{}\\"}}',
    "curl -H 'X-Key: {}' https://x.io",
    "KEY={}\nNEXT=1",
    "first\\n{}\\nlast",
)


@pytest.fixture
def redactor():
    return Redactor(b"key of a store")


@pytest.mark.parametrize("kind", SECRETS)
def test_a_documented_key_is_taken_out_wherever_it_stands(redactor, kind):
    for frame in FRAMES:
        redacted = redactor.text(frame.format(SECRETS[kind]))
        assert SECRETS[kind] not in redacted
        assert SECRETS[kind][8:] not in redacted
        assert "[redacted:" in redacted


def test_private_keys_go_plain_escaped_and_cut(redactor):
    body = "\n".join(made(ALNUM, 64) for _ in range(12))
    begin, end = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
    for text in (f"{begin}\n{body}\n{end}", json.dumps(f"{begin}\n{body}\n{end}"), f"{begin}\n{body}"):
        redacted = redactor.text(f"before {text} after")
        assert not [line for line in body.splitlines() if line in redacted]
        assert redacted.startswith("before ")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgres://ann:hunter2pw@db.example/x", "hunter2pw"),
        ("export DB_PASSWORD=correct-horse-7", "correct-horse-7"),
        ("Authorization: Bearer abcdefABCDEF0123456789xyz", "abcdefABCDEF0123456789xyz"),
        ('{"client_secret": "s3cr3t-value-here"}', "s3cr3t-value-here"),
        ("GITHUB_TOKEN=abc123def456ghi789", "abc123def456ghi789"),
        ("DefaultEndpointsProtocol=https;AccountKey=" + "Ab1+" * 21 + "Qw==", "Ab1+" * 21),
    ],
)
def test_a_password_or_token_goes_and_what_names_it_stays(redactor, text, secret):
    redacted = redactor.text(text)

    assert secret not in redacted
    assert redacted.split("[redacted")[0] == text.split(secret)[0]


@pytest.mark.parametrize(
    "text",
    [
        "password: your-password-here", "api_key = os.environ['API_KEY']", "token = get_token()", "https://user:$PASSWORD@host/x",
        "the token count is 512 tokens", "sk-learn and task-runner-of-something", "export PATH=/usr/bin:/bin", 'password="<password>"',
        "5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a1111", "commit 3f786850e387550fdab836ed7e6dc881de23001b", "TOKEN_LIMIT=4096",
        "npm_config_registry and npm_lifecycle_event", "git@github.com:ann/harbor.git", "http://localhost:8470/api?x=1",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_stays(redactor, text):
    assert redactor.text(text) == text


def test_equal_secrets_stay_equal_and_redacting_twice_changes_nothing(redactor):
    once = redactor.text(f"{SECRETS['github']} and again {SECRETS['github']}")

    first, second = once.split(" and again ")
    assert first == second
    assert redactor.text(once) == once
    assert Redactor(b"another store").text(SECRETS["github"]) != first


def test_a_value_under_a_telling_name_goes(redactor):
    given = {"env": {"password": "hunter22xyz", "user": "ann"}, "list": [1, SECRETS["aws"]]}
    redacted = redactor.value(given)

    assert "hunter22xyz" not in str(redacted)
    assert SECRETS["aws"] not in str(redacted)
    assert redacted["env"]["user"] == "ann"


@pytest.mark.parametrize("kind", sample.KEYS)
def test_equal_secrets_get_equal_placeholders_wherever_they_stand(redactor, kind):
    key = sample.made(random.Random(1), sample.KEYS[kind])
    alone = redactor.text(key)

    for frame in [
        *sample.AROUND.values(),
        "Authorization: Bearer {}",
        "https://x-access-token:{}@x.example/",
        '"token": "{}"',
    ]:
        assert redactor.text(frame.format(key)) == frame.format(alone)
    assert redactor.value({"password": key}) == {"password": alone}


def test_a_secret_that_only_its_surroundings_tell_has_one_placeholder_in_all_of_them(redactor):
    frames = (
        '"password": "{}"',
        "export DB_PASSWORD={}",
        "postgres://ann:{}@db/x",
        "mysql -u root -p{} x",
        "tool --password {}",
        "password: {}",
    )
    found = {
        redactor.text(frame.format("Garden4711x")).replace(frame.split("{}")[0], "").split("]")[0] for frame in frames
    }

    assert len(found) == 1
    assert found.pop().startswith("[redacted:secret:")
    assert redactor.value({"password": "Garden4711x"})["password"] == redactor.value(["--password", "Garden4711x"])[1]


def test_a_private_key_is_the_same_however_its_lines_end(redactor):
    block = (
        "-----BEGIN "
        + "PRIVATE KEY-----\n"
        + "\n".join(made(ALNUM, 64) for _ in range(9))
        + "\n-----END "
        + "PRIVATE KEY-----"
    )

    assert (
        redactor.text(block) == redactor.text(block.replace("\n", "\\n")) == redactor.text(block.replace("\n", "\r\n"))
    )


def test_what_the_sample_plants_is_found_and_what_looks_like_it_stays(redactor):
    planted, look_alikes = list(sample.planted(20)), list(sample.look_alikes(20, 3))
    missed = [case for case in planted if any(secret in redactor.text(case.text) for secret in case.secrets)]
    wrong = [case.text for case in look_alikes if redactor.text(case.text) != case.text]

    assert len(missed) <= len(planted) * 0.02, [case.text for case in missed]
    assert wrong == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.is_word], ids=lambda rule: rule.kind)
@settings(max_examples=5, deadline=None, database=None)
@given(chosen=st.data())
def test_the_gate_lets_everything_pass_that_a_rule_looks_for(rule, chosen):
    text = chosen.draw(st.from_regex(rule.pattern, fullmatch=True)) + chosen.draw(st.text(max_size=3))

    assert may_hold_secret(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(min_size=6, max_size=40, alphabet=ALNUM + "!@#$%^&*+?~-_./é字"), st.integers(0, 9999))
def test_the_gate_lets_every_surrounding_pass_in_which_a_secret_is_found(secret, which):
    frames = [frame for frames in sample.FRAMES.values() for frame in frames]
    text = frames[which % len(frames)].replace("@@", secret)
    is_found = any(
        rule.check(found[1]) and not is_placeholder(found[1])
        for rule in CONTEXTS
        for found in rule.pattern.finditer(text)
    )

    assert may_hold_secret(text.encode()) or not is_found


def test_a_value_as_a_whole_loses_what_its_texts_lose_one_by_one(redactor):
    for case in [*sample.planted(3), *sample.look_alikes(3)]:
        packed = {"a": [{"b": case.text, "n": 1 << 70}, "plain"], "c": None}
        assert redactor.value(packed)["a"][0]["b"] == redactor.text(case.text)
        assert (redactor.value(case.text) is case.text) == (redactor.text(case.text) == case.text)


def test_a_long_text_loses_what_its_stretches_lose(redactor):
    cases = [case.text for case in [*sample.planted(9), *sample.look_alikes(9)] if case.kind != "private key"]
    plain = ["é plain words, and no end of them " * 200, "x" * 30_000, "字" * 9_000, "\n" * 5000]
    mixed = random.Random(2)
    text = "\n".join(
        each for case in cases for each in (case, mixed.choice(plain) if mixed.random() < 0.1 else "plain")
    )

    assert redactor.text(text) == redactor._ruled(text.encode(), text)


def test_names_of_values_lose_their_secrets_too(redactor):
    assert SECRETS["github"] not in str(redactor.value({"env": {SECRETS["github"]: 1}}))


def test_no_byte_of_a_secret_is_in_any_file_of_the_store(tmp_path):
    planted = [SECRETS["anthropic"], SECRETS["github"], SECRETS["slack"]]
    history = tmp_path / "h.jsonl"
    line = {
        "type": "user", "sessionId": "5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a1111", "uuid": "5b0c2f8e-7f0e-4f27-9c5d-000000000001",
        "timestamp": "2026-02-01T10:00:00Z", "message": {"role": "user", "content": f"use {planted[0]} please"},
    }  # fmt: skip
    history.write_text(json.dumps(line) + "\n")
    with Memory.open(tmp_path / "store") as memory:
        memory.import_(history)
        session = memory.sessions.create(title=f"with {planted[1]}", metadata={"k": [planted[2]]})
        parts = [{"type": "tool_call", "name": "Bash", "input": {"command": f"echo {planted[0]}"}}]
        saved = memory.messages.append(session.id, role="assistant", content=f"it is {planted[1]}", parts=parts)
        memory.messages.update(saved.id, content=f"no, {planted[2]} <private>my diary</private>")
        memory.learnings.add("fact", f"the key is {planted[0]}", related_files=[planted[1]])
        memory.graph.relate("a.py", "b.py", type="t", label=planted[2])
        memory.catch_up()
        assert memory.search("redacted anthropic", min_score=0).hits
        assert memory.messages.get(saved.id).content.endswith("[private]")
    for file in (tmp_path / "store").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for secret in [*planted, "my diary"]:
                assert secret.encode() not in data, file


def test_redaction_can_be_switched_off(tmp_path):
    with Memory.open(tmp_path / "store", redact=False) as memory:
        made_ = memory.sessions.create(title=SECRETS["github"])
        assert memory.sessions.get(made_.id).title == SECRETS["github"]
