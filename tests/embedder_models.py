"""Embedders that tests make: an ONNX model in a folder, and a server; both know what the built-in table knows."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from indexers.embedders.static import MODEL_FOLDER, StaticEmbedder


def make_onnx(folder: Path, pooling: str = "mean") -> Path:
    """Write a model that gives each token the row of the built-in table, with the table's vocabulary."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = (MODEL_FOLDER / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    scale = np.load(MODEL_FOLDER / "weights.npy")[0][:, None]
    table = (np.load(MODEL_FOLDER / "tokens.npy") * scale).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "table",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", table.shape[1]])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "1_Pooling").mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    pieces = models.WordPiece({token: row for row, token in enumerate(vocabulary)}, unk_token="[UNK]")
    tokenizer = Tokenizer(pieces)
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 256, "pad_token": "[PAD]"}))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    told = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling/config.json").write_text(json.dumps(told))
    return folder


@dataclass
class Server:
    """A server of embeddings, and what it was asked."""

    address: str = ""
    key: str = ""
    """What it asks for; empty for nothing."""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    """Status, headers and body of the next answers, in the place of embeddings."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pause_seconds: float = 0.0
    dim: int = 256
    stopped: threading.Event = field(default_factory=threading.Event)

    def setting(self, model: str = "table") -> str:
        return f"openai_compatible:{model}@{self.address}/v1"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.headers.append(headers)
        asked = json.loads(body)
        self.asked.append(asked)
        self.stopped.wait(self.pause_seconds)
        if self.answers:
            return self.answers.pop(0)
        if path != "/v1/embeddings":
            return 404, {}, b"{}"
        if self.key and headers.get("Authorization") != f"Bearer {self.key}":
            said = f"wrong key {headers.get('Authorization')}"
            return 401, {}, json.dumps({"error": {"message": said}}).encode()
        rows = StaticEmbedder(MODEL_FOLDER).embed(asked["input"])[:, : self.dim]
        data = [{"index": i, "embedding": [7 * each for each in row.tolist()]} for i, row in enumerate(rows)]
        return 200, {}, json.dumps({"data": data[::-1], "model": asked["model"]}).encode()


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server on this machine."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = server.answer(self.path, dict(self.headers), body)
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)
            except ConnectionError:
                pass  # who asked has gone

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.address = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            listening.shutdown()
            thread.join()


NO_NETWORK = """
import socket, sys
def refuse(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
"""
"""What a program of a test begins with in which any connection is a fault."""
