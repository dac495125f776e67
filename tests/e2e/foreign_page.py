"""A page of another origin: its server, and scripts that try every kind of request that a page can send."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What a page can try. Each is a promise of what the page can read; `id` is that of the payment it tries to make.
TRY = """
async ([url, id, known]) => {
  const body = JSON.stringify({ correlationId: id, amount: 666 });
  const [bytes, reason] = [body, '{"reason": "x"}'].map((text) => new TextEncoder().encode(text));
  const describe = async (answer) => `${answer.type} ${answer.status} ${(await answer.text()).slice(0, 200)}`;
  const post = (path, how) => fetch(url + path, { method: "POST", credentials: "include", ...how }).then(describe);
  const tried = {
    json: () => post("/payments", { headers: { "content-type": "application/json" }, body }),
    text: () => post("/payments", { mode: "no-cors", body }),
    untyped: () => post("/payments", { mode: "no-cors", body: bytes }),
    blob: () => post("/payments", { mode: "no-cors", body: new Blob([body]) }),
    beacon: async () => String(navigator.sendBeacon(url + "/payments", new Blob([body]))),
    bearer: () => post("/payments", { headers: { authorization: "Bearer x" }, body }),
    purge: () => post("/purge-payments", { mode: "no-cors" }),
    pause: () => post("/processors/default/pause", { mode: "no-cors", body: reason }),
    resume: () => post("/processors/default/resume", { mode: "no-cors" }),
    processors: () => fetch(url + "/processors", { credentials: "include" }).then(describe),
    signIn: () => post("/sign-in", { mode: "no-cors", body: new URLSearchParams({ key: "x" }) }),
    signOut: () => post("/sign-out", { mode: "no-cors" }),
    summary: () => fetch(url + "/payments-summary", { credentials: "include" }).then(describe),
    opaque: () => fetch(url + "/payments-summary", { credentials: "include", mode: "no-cors" }).then(describe),
    payment: () => fetch(`${url}/payments/${known}`, { credentials: "include" }).then(describe),
    page: () => fetch(url + "/", { credentials: "include" }).then(describe),
  };
  const said = {};
  for (const [name, attempt] of Object.entries(tried))
    said[name] = await attempt().catch((error) => `failed: ${error}`);
  const element = (name, path) => new Promise((resolve) => {
    const made = document.createElement(name);
    for (const kind of ["load", "error"])
      made.addEventListener(kind, () => resolve(`${kind} ${made.naturalWidth ?? ""}`));
    if (name === "iframe") setTimeout(() => resolve("silent"), 2000);
    made.src = url + path;
    document.body.append(made);
  });
  said.image = await element("img", "/payments-summary");
  said.script = await element("script", "/payments-summary");
  const frame = await element("iframe", "/");
  said.frame = (() => { try { return document.querySelector("iframe").contentDocument?.body?.textContent || frame; }
    catch { return "not readable"; } })();
  said.events = await new Promise((resolve) => {
    const stream = new EventSource(url + "/events", { withCredentials: true });
    stream.onopen = () => resolve("open");
    stream.onmessage = (event) => resolve(event.data);
    stream.addEventListener("vitals", (event) => resolve(event.data));
    stream.onerror = () => resolve(`closed ${stream.readyState}`);
  });
  return said;
}
"""
FORM = """
([url, path, enctype, name, value]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: url + path, enctype });
  form.append(Object.assign(document.createElement("input"), { name, value }));
  document.body.append(form);
  form.submit();
}
"""


class _Elsewhere(BaseHTTPRequestHandler):
    """A page with nothing on it."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Elsewhere</title><link rel=icon href='data:,'><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep requests out of the test's output."""


@contextmanager
def elsewhere() -> Iterator[int]:
    """Serve that page, for any host name; yields its port."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield http.server_address[1]
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
