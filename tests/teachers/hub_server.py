"""A hub on this machine: repositories of files, answered as the client of huggingface_hub expects it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Repositories = dict[str, dict[str, bytes]]
"""Files by repository: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``."""


@contextmanager
def hub(repositories: Repositories) -> Iterator[str]:
    """The address of the hub, as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            owner, name, _, revision, *path = self.path.strip("/").split("/")
            repository = f"{owner}/{name}"
            known = {key.partition("@")[0] for key in repositories}
            key = repository if revision == "main" else f"{repository}@{revision}"
            files = repositories.get(key)
            if owner == "gated":
                self.refuse(403, "GatedRepo")
            elif repository not in known:
                self.refuse(404, "RepoNotFound")
            elif files is None:
                self.refuse(404, "RevisionNotFound")
            elif "/".join(path) not in files:
                self.refuse(404, "EntryNotFound")
            else:
                self.give(files["/".join(path)], commit=hashlib.sha1(key.encode()).hexdigest(), body=body)

        def refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def give(self, content: bytes, *, commit: str, body: bool) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()
