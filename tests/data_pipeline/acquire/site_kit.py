"""A web server of this machine that answers as an image search does, and pictures to offer."""

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np


class Site:
    """A web server of this machine: answers by path, and a list of what was asked."""

    def __init__(self):
        self.answers: dict[str, Any] = {}
        self.asked = []
        self.headers = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self):
                site.asked.append(self.path)
                site.headers.append(dict(self.headers))
                path = self.path.split("?")[0]
                answer: Any = site.answers.get(path, (404, {}, b""))
                if callable(answer):
                    answer = answer(urllib.parse.parse_qs(self.path.partition("?")[2]))
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for chunk in [body] if isinstance(body, bytes) else body:
                    try:
                        self.wfile.write(chunk)
                        self.wfile.flush()
                    except OSError:
                        return

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, path, body, status=200, **headers):
        self.answers[path] = (status, {k.replace("_", "-"): v for k, v in headers.items()}, body)

    def offer(self, *results, page_results=20):
        """Answer searches as Openverse does."""

        def search(query):
            page = int(query["page"][0]) - 1
            pages = -(-len(results) // page_results)
            shown = results[page * page_results : (page + 1) * page_results]
            document = {
                "result_count": len(results),
                "page_count": pages,
                "page_size": page_results,
                "page": page + 1,
                "results": shown,
            }
            return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()

        self.answers["/v1/images/"] = search

    def result(self, number, body, suffix=".jpg", **fields):
        """Put a picture on the site and return what a search says of it."""
        self.put(f"/media/{number}{suffix}", body)
        return {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "title": f"Picture {number}",
            "indexed_on": "2020-01-01T00:00:00Z",
            "foreign_landing_url": f"https://example.org/photos/{number}",
            "url": f"{self.url}/media/{number}{suffix}",
            "creator": f"Author {number}",
            "creator_url": f"https://example.org/people/{number}",
            "license": "by-sa",
            "license_version": "2.0",
            "license_url": "https://creativecommons.org/licenses/by-sa/2.0/",
            "provider": "flickr",
            "source": "flickr",
            "category": None,
            "filesize": None,
            "filetype": "jpg",
            "tags": [],
            "attribution": f'"Picture {number}" by Author {number} is licensed under CC BY-SA 2.0.',
            "mature": False,
            "height": 300,
            "width": 400,
        } | fields


def picture(seed, width=400, height=300):
    """Draw blobs, another picture for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image, suffix=".jpg", quality=92):
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    return cv2.imencode(suffix, image, options)[1].tobytes()
