"""A server that speaks OpenAI's `/embeddings`: `openai_compatible:MODEL@http://host:port/v1`.

Ollama, llama.cpp, vLLM, LM Studio, text-embeddings-inference and OpenAI itself do. Every text goes to the server that
is named, and to no other: a redirect is an error, so that neither texts nor the key go where nobody sent them.
"""

import json
import random
import re
import time
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

import numpy as np
from numpy.typing import NDArray

from indexers.embedders._rows import embed_with, padded
from indexers.errors import EmbedderError

TAKES_KEY = True
KIND = "openai_compatible"
BATCH = 64
"""Texts of one request. Untuned."""
WAIT_SECONDS, QUERY_WAIT_SECONDS = 60.0, 10.0
"""How long an answer is waited for; for a question somebody waits. Untuned."""
TRIES, QUERY_TRIES = 5, 2
FEW = 8
"""Up to so many texts are one save, for which somebody waits, too. Untuned."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 20.0
"""Before the second try; then twice as long each time, or as the server says."""
MOST_BYTES = 64_000_000
"""Of an answer: 64 rows of 4,096 numbers are some 6 MB."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TOO_MANY = 429
_HELP = {
    401: "the key is missing or wrong; set HARK_OPENAI_API_KEY",
    403: "the key is not allowed to; set another as HARK_OPENAI_API_KEY",
    404: "there is no such model, or no such address; it should end as the server's documentation says, often in /v1",
    413: "the texts are too long for it; choose a model that takes 512 tokens or more",
    _TOO_MANY: "it has been asked too often; wait, or raise its limit",
}


class OpenAICompatibleEmbedder:
    """Embeds by one model of one server. Safe in threads."""

    def __init__(self, name: str, url: str, key: str) -> None:
        parts = urlsplit(url)
        self.model = f"{KIND}:{name}@{parts.netloc}{parts.path.rstrip('/')}"
        self._name = name
        self._url = f"{url.rstrip('/')}/embeddings"
        self._key = key
        self._opener = _opener(parts.hostname or "")
        self._dim = 0

    @property
    def dim(self) -> int:
        """How many dimensions a vector has, zeros at its end included; the server is asked the first time."""
        if not self._dim:
            self._ask(["dimensions"], QUERY_TRIES, QUERY_WAIT_SECONDS)
        return padded(self._dim)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is stored; a server that is busy or fails is asked again, with patience where it is much."""
        if len(texts) <= FEW:
            return self._embed(texts, QUERY_TRIES, QUERY_WAIT_SECONDS)
        return self._embed(texts, TRIES, WAIT_SECONDS)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is asked, with less patience."""
        return self._embed(texts, QUERY_TRIES, QUERY_WAIT_SECONDS)

    def _embed(self, texts: Sequence[str], tries: int, wait_seconds: float) -> NDArray[np.float32]:
        vectors = embed_with(self.model, texts, BATCH, lambda some: self._ask(some, tries, wait_seconds))
        return vectors if vectors.size else np.zeros((len(texts), self.dim), np.float32)

    def _ask(self, texts: list[str], tries: int, wait_seconds: float) -> NDArray[np.float32]:
        body = json.dumps({"model": self._name, "input": texts}).encode()
        rows = self._rows(self._answer(body, tries, wait_seconds), len(texts))
        if self._dim and rows.shape[1] != self._dim:
            raise EmbedderError(
                f"{self.model} gave vectors of {rows.shape[1]} numbers, before {self._dim}; choose the embedder again"
            )
        self._dim = rows.shape[1]
        return rows

    def _answer(self, body: bytes, tries: int, wait_seconds: float) -> bytes:
        """Ask until there is an answer, it is clear that there will be none, or there were enough tries."""
        pause = FIRST_PAUSE_SECONDS
        for left in range(tries - 1, -1, -1):
            try:
                return self._post(body, wait_seconds)
            except HTTPError as error:
                if not left or (error.code != _TOO_MANY and error.code < 500):
                    raise self._refused(error) from error
                asked = error.headers.get("Retry-After", "")
                pause = max(pause, float(asked)) if re.fullmatch(r"\d{1,3}(\.\d+)?", asked) else pause
                error.close()
            except TimeoutError as error:
                if not left:
                    raise self._fault(f"gave no answer in {wait_seconds:g} seconds", "see whether it runs") from error
            except (URLError, HTTPException, OSError) as error:
                why = getattr(error, "reason", None) or error
                if not left or isinstance(why, ConnectionRefusedError):
                    raise self._fault(f"cannot be reached ({why})", "start it, or see to the address") from error
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS) * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause *= 2
        raise AssertionError("the last try raises")

    def _post(self, body: bytes, wait_seconds: float) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = Request(self._url, body, headers, method="POST")  # noqa: S310 - only http(s) comes this far
        with self._opener.open(request, timeout=wait_seconds) as response:
            answer: bytes = response.read(MOST_BYTES + 1)
        if len(answer) > MOST_BYTES:
            raise self._fault(f"gave more than {MOST_BYTES // 1_000_000} MB", "see whether it is such a server")
        return answer

    def _rows(self, answer: bytes, count: int) -> NDArray[np.float32]:
        try:
            data = sorted(json.loads(answer)["data"], key=lambda each: int(each["index"]))
            rows = np.array([each["embedding"] for each in data], np.float32)
            places = [each["index"] for each in data]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._fault("gave no embeddings", "see whether it is such a server, and the address") from error
        if rows.ndim != 2 or places != list(range(count)) or not rows.shape[1]:
            raise self._fault(f"gave {len(places)} rows for {count} texts, or of different lengths", "choose another")
        return rows

    def _refused(self, error: HTTPError) -> EmbedderError:
        said = _message(error)
        if 300 <= error.code < 400:
            where = error.headers.get("Location", "another address")
            return self._fault(f"sends elsewhere, to {where[:200]}", "name that address if it is right")
        what = _HELP.get(error.code, "see what the server says to it" if error.code < 500 else "see to the server")
        return self._fault(f"answered {error.code}{f' ({said})' if said else ''}", what)

    def _fault(self, what: str, do: str) -> EmbedderError:
        told = f"{self._url} {what}; {do}"
        # a server may say the key back
        return EmbedderError(told.replace(self._key, "…") if self._key else told)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(host: str) -> OpenerDirector:
    # a proxy that the machine is set up for is used, but never on the way to this machine itself
    return build_opener(_NoRedirect, *([ProxyHandler({})] if host in _LOOPBACK else []))


def _message(error: HTTPError) -> str:
    """Give what a server says about its error, in a line; empty when it says nothing that can be read."""
    try:
        said: Any = json.loads(error.read(10_000))
        said = said["error"]["message"] if isinstance(said.get("error"), dict) else said.get("error", "")
    except (ValueError, KeyError, TypeError, AttributeError, OSError, HTTPException):
        return ""
    return " ".join(str(said).split())[:200]


def open_embedder(name: str, key: str = "") -> OpenAICompatibleEmbedder:
    """Open a model of a server; nothing is asked of it yet.

    Raises:
        EmbedderError: The setting does not say which model of which server.
    """
    found = re.fullmatch(r"(.+)@(https?://[^\s?#]+)", name)
    parts = urlsplit(found[2]) if found else None
    if found is None or parts is None or not parts.hostname:
        raise EmbedderError(f"{KIND}: say which model of which server: {KIND}:MODEL@http://host:port/v1")
    if "@" in parts.netloc:
        raise EmbedderError(f"{KIND}: no name and no password in the address; set the key as HARK_OPENAI_API_KEY")
    if key and not (key.isascii() and key.isprintable()):
        raise EmbedderError(f"{KIND}: the key holds characters that no key has; see to HARK_OPENAI_API_KEY")
    return OpenAICompatibleEmbedder(found[1], found[2], key)
