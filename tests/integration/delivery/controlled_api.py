"""An API that answers when a test lets it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(answer: Callable[[str, str], object]) -> Iterator[str]:
    """Serve an API whose lists are empty once *answer*, which is told the path and whose it is, returns."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self.path, self.headers["Authorization"])
            body = json.dumps({"data": [], "meta": {"total": 0}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
