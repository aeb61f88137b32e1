from __future__ import annotations

import contextlib
import gzip
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import pytest

from quanheng.errors import Corrupt, Forbidden, Invalid, Unavailable
from quanheng.store import external
from quanheng.store.digest import sha256_digest
from quanheng.store.external import digest_external, forbidden, head_external, open_external, unreachable
from quanheng.store.manifest import ETAG, Layer

DATA = bytes(range(256)) * 5000
TAG = '"v1"'


class Handler(BaseHTTPRequestHandler):
    """Serves DATA, and misbehaves as the path says."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Range")))
        name = self.path.strip("/").split("?")[0]
        getattr(self, "get_" + name, self.get_good)()

    def answer(self, data, status=200, declared=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if declared is None else declared))
        for key, value in ({"ETag": TAG} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def get_good(self):
        asked = self.headers.get("Range")
        if asked is None:
            return self.answer(DATA)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), int(last or len(DATA) - 1) + 1
        return self.answer(DATA[start:end], 206, Content_Range=f"bytes {start}-{end - 1}/{len(DATA)}")

    def get_noranges(self):
        self.answer(DATA)

    def get_otherrange(self):
        self.answer(DATA[1:], 206, Content_Range=f"bytes 1-{len(DATA) - 1}/{len(DATA)}")

    def get_norange(self):
        self.answer(b"", 416)

    def get_changed(self):
        self.answer(bytes([1]) + DATA[1:])

    def get_longer(self):
        self.answer(DATA + b"x")

    def get_nolength(self):
        self.send_response(200)
        self.send_header("ETag", TAG)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(DATA + b"x")

    def get_cut(self):
        self.answer(DATA[:1000], declared=len(DATA))

    def get_retagged(self):
        self.answer(DATA, ETag='"v2"')

    def get_zipped(self):
        self.answer(gzip.compress(DATA), Content_Encoding="gzip")

    def get_noted(self):
        """Answer as object storage does for an object of which somebody noted that it is compressed."""
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        said = {"Content_Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"} if start else {}
        self.answer(DATA[start:], 206 if start else 200, Content_Encoding="gzip", **said)

    def get_cutrefusal(self):
        self.send_response(403)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"ff\r\n<Error>")

    def get_flaky(self):
        """Answer 503, then a third of what is left, and so on: a byte that came gives all tries back."""
        self.server.tries += 1
        if self.server.tries % 2:
            return self.answer(b"<Error><Code>SlowDown</Code></Error>", 503)
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(asked[0]), int(asked[2] or len(DATA) - 1) + 1
        piece, left = DATA[start : start + (end - start) // 3 + 1], end - start
        return self.answer(piece, 206, left, Content_Range=f"bytes {start}-{end - 1}/{len(DATA)}")

    def get_denied(self):
        self.answer(b"<Error><Code>AccessDenied</Code></Error>", 403)

    def get_patient(self):
        self.server.tries += 1
        self.answer(*((DATA, 200) if self.server.tries > 1 else (b"", 503)), Retry_After="7")

    def get_missing(self):
        self.answer(b"", 404)

    def get_broken(self):
        self.answer(b"", 500)

    def get_same(self):
        self.answer(b"", 302, Location="/good")

    def get_elsewhere(self):
        self.answer(b"", 302, Location=f"http://localhost:{self.server.server_address[1]}/good")

    def get_file(self):
        self.answer(b"", 302, Location="file:///etc/passwd")

    def get_slow(self):
        self.server.release.wait(5)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.seen, running.release, running.tries = [], threading.Event(), 0
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.release.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(external, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def layer(server):
    def make(*names, etag=TAG, data=DATA):
        urls = tuple(f"http://127.0.0.1:{server.server_address[1]}/{name}" for name in names)
        return Layer(sha256_digest(data), len(data), "text/plain", "t", urls, ((ETAG, etag),) if etag else ())

    return make


HOSTS = ("127.0.0.1",)


def read(layer, hosts=HOSTS, offset=0):
    with open_external(layer, hosts, offset) as stream:
        return stream.read()


@pytest.mark.parametrize("name", ["good", "noranges", "same"])
@pytest.mark.parametrize("offset", [0, 1, 100_000, len(DATA) - 1, len(DATA)])
def test_reading_from_an_offset(layer, name, offset):
    assert read(layer(name), offset=offset) == DATA[offset:]


def test_only_the_rest_is_asked_for(layer, server):
    server.seen.clear()
    read(layer("good"), offset=1000)
    assert server.seen == [("/good", "bytes=1000-")]


@pytest.mark.parametrize("name", ["changed", "longer", "nolength", "retagged"])
def test_another_file_is_corrupt(layer, name):
    with pytest.raises(Corrupt) as caught:
        read(layer(name))
    assert caught.value.code == "external_changed"
    assert caught.value.text.zh and caught.value.hint


def test_a_range_beyond_the_file_is_corrupt(layer):
    with pytest.raises(Corrupt):
        read(layer("norange"), offset=5)


@pytest.mark.parametrize(
    ("name", "offset"), [("missing", 0), ("broken", 0), ("cut", 0), ("cut", 2000), ("zipped", 0), ("otherrange", 5)]
)
def test_what_cannot_be_read_now_is_unavailable(layer, name, offset):
    with pytest.raises(Unavailable) as caught:
        read(layer(name), offset=offset)
    assert caught.value.code == "external_unreachable"


@pytest.mark.parametrize(("start", "end"), [(0, None), (1000, None), (0, 5000), (1000, 1001), (7, 7), (1000, 90_000)])
def test_what_drops_is_taken_up_again_where_it_was(layer, server, start, end):
    server.seen.clear()
    server.tries = 0
    with open_external(layer("flaky"), HOSTS, start, end) as stream:
        assert stream.read() == DATA[start:end]
    wanted = "" if end is None else str(end - 1)
    places = [int(asked.removeprefix("bytes=").split("-")[0]) for _, asked in server.seen[2:]]
    assert places == sorted(places) and all(asked.endswith("-" + wanted) for _, asked in server.seen[2:])
    assert len(server.seen) > 10 or end is not None


def test_no_more_than_a_part_is_asked_for(layer, server):
    server.seen.clear()
    with open_external(layer("good"), HOSTS, 5, 10) as stream:
        assert stream.read() == DATA[5:10]
    assert server.seen == [("/good", "bytes=5-9")]


def test_what_does_not_pass_is_not_asked_for_again(layer, server):
    for name, times in (("missing", 1), ("denied", 1), ("broken", 3), ("cut", 3)):
        server.seen.clear()
        with pytest.raises(Unavailable) as caught:
            read(layer(name))
        assert len(server.seen) == times, name
    assert "AccessDenied" not in caught.value.text.en
    with pytest.raises(Unavailable) as caught:
        read(layer("denied"))
    assert caught.value.code == "external_denied" and "403 AccessDenied" in caught.value.text.zh


def test_as_long_as_a_busy_server_asks(layer, server, monkeypatch):
    waited = []
    monkeypatch.setattr(external.time, "sleep", waited.append)
    server.tries = 0
    assert read(layer("patient")) == DATA and waited == [7.0]


def test_a_file_that_changes_between_two_tries_is_corrupt(layer, server):
    with open_external(layer("flaky"), HOSTS) as stream:
        stream.read(10)
        server.tries = 0
        global TAG
        before, TAG = TAG, '"v3"'
        try:
            with pytest.raises(Corrupt):
                stream.read()
        finally:
            TAG = before


def test_slow_and_absent_servers(layer, server, monkeypatch):
    monkeypatch.setattr(external, "TIMEOUT_S", 0.2)
    with pytest.raises(Unavailable):
        read(layer("slow"))
    with pytest.raises(Unavailable):
        read(Layer(sha256_digest(b""), 0, "text/plain", "t", ("http://127.0.0.1:9/x",)))


def test_the_next_url_is_tried(layer):
    assert read(layer("missing", "broken", "good")) == DATA


@pytest.mark.parametrize("name", ["elsewhere", "file"])
def test_redirects_to_another_place_are_forbidden(layer, name):
    with pytest.raises(Forbidden):
        read(layer(name), hosts=(*HOSTS, "localhost"))


def test_hosts_must_be_allowed(layer, server):
    port = server.server_address[1]
    server.seen.clear()
    for hosts in ((), ("example.org",), (f"127.0.0.1:{port + 1}",), ("127.0.0",)):
        with pytest.raises(Forbidden) as caught:
            read(layer("good"), hosts=hosts)
        assert caught.value.code == "host_not_allowed"
    assert server.seen == []
    assert read(layer("good"), hosts=(f"127.0.0.1:{port}",)) == DATA
    for url in ("http://127.0.0.1@example.org/", "http://example.org#@127.0.0.1/", "http://127.0.0.1:x/"):
        with pytest.raises(Forbidden):
            read(Layer(sha256_digest(b""), 0, "text/plain", "t", (url,)))


@pytest.mark.parametrize("offset", [0, 1000])
def test_what_is_stored_compressed_is_read_as_it_is_stored(layer, offset):
    assert read(layer("noted"), offset=offset) == DATA[offset:]


def test_only_of_object_storage_is_it_certain_that_it_is_stored_so(layer, server, monkeypatch):
    [url] = layer("noted").urls
    with pytest.raises(Unavailable) as caught:
        head_external(url, HOSTS)
    assert "compressed" in caught.value.text.en and "返回了压缩内容" in caught.value.text.zh
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    assert head_external(url, HOSTS) == (len(DATA), TAG)
    found = digest_external(url, len(DATA), TAG, HOSTS, title="t", seen=lambda size: None)
    assert found == sha256_digest(DATA)


def test_a_refusal_that_breaks_off_is_a_refusal(layer):
    with pytest.raises(Unavailable) as caught:
        read(layer("cutrefusal"))
    assert caught.value.code == "external_denied"


@pytest.mark.parametrize("url", ["http://u:hidden@h.test/a", "http://u:hidden@h.test:x/a", "http://h.test/a?k=hidden"])
def test_secrets_of_an_address_are_in_no_message(url):
    for error in (
        forbidden(url),
        unreachable(url, "why"),
        external._gone(url, "404"),
        external._denied(url, "403"),
        external.changed(external.Known("t", None), url, "why", "why"),
        external._refused(HTTPError(url, 416, "", Message(), None), url),
    ):
        assert "h.test" in str(error) and "hidden" not in str(error) + error.text.zh + str(error.hint)


def test_an_address_that_cannot_be_asked_for_is_not_quoted():
    with pytest.raises(Unavailable) as caught:
        external.request("http://127.0.0.1:9/a b?X-Amz-Signature=hidden")
    assert "127.0.0.1" in str(caught.value) and "hidden" not in str(caught.value) + caught.value.text.zh


def test_without_etag_the_digest_decides(layer):
    assert read(layer("retagged", etag=None)) == DATA


def test_not_external():
    with pytest.raises(Invalid):
        open_external(Layer(sha256_digest(b""), 0, "text/plain", "t"), HOSTS)
    with pytest.raises(Invalid):
        open_external(Layer(sha256_digest(b""), 0, "text/plain", "t", ("http://127.0.0.1/",)), HOSTS, 1)
