"""Drive a headless Firefox by WebDriver BiDi, without geckodriver."""

import contextlib
import json
import re
import shutil
import subprocess
import time

WATCH = """() => {
  window.wrong = [];
  addEventListener("error", (event) => wrong.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));
}"""
PREFERENCES = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.volume_scale": "0.0",
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "browser.aboutConfig.showWarning": False,
}
KEYS = {
    **{"Ctrl": "\ue009", "Shift": "\ue008", "Enter": "\ue007", "Tab": "\ue004", "Home": "\ue011"},
    **{"Escape": "\ue00c", "Down": "\ue015", "Right": "\ue014"},
}


def find_firefox():
    """Return the program, or None where there is none."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """A browser with one page."""

    def __init__(self, profile):
        import websocket

        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
        (profile / "user.js").write_text("\n".join(lines))
        words = ("--headless", "--no-remote", "--profile", str(profile))
        log = profile / "log"
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [find_firefox(), *words, "--remote-debugging-port", "0"],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        until, found = time.monotonic() + 60, None
        while found is None:
            assert time.monotonic() < until, "Firefox did not start"
            time.sleep(0.1)
            found = re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text("utf-8"))
        self.socket = websocket.create_connection(
            f"{found[1]}/session", timeout=120, suppress_origin=True
        )
        self.count = 0
        self.send("session.new", capabilities={})
        self.send("script.addPreloadScript", functionDeclaration=WATCH)
        (context,) = self.send("browsingContext.getTree")["contexts"]
        self.context = context["context"]

    def send(self, method, **params):
        """Send a command and return its result."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, address):
        """Open an address and wait until it is loaded."""
        self.send("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def new_tab(self):
        """Open a tab, and return the context of the one that was shown before."""
        before = self.context
        self.context = self.send("browsingContext.create", type="tab")["context"]
        return before

    def reload(self):
        """Load the page again; a question about unsaved edits is answered by yes."""
        self.send("browsingContext.reload", context=self.context, wait="complete")

    def evaluate(self, script):
        """Return what an expression gives, as JSON."""
        answer = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({script})) ?? null))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def press(self, *keys):
        """Press keys one after the other; `Ctrl+s` holds one."""
        actions = []
        for key in keys:
            parts = [KEYS.get(part, part) for part in key.split("+")]
            actions += [{"type": "keyDown", "value": part} for part in parts]
            actions += [{"type": "keyUp", "value": part} for part in reversed(parts)]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.send("input.performActions", context=self.context, actions=[source])

    def click(self, selector):
        """Click an element with the mouse."""
        box = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        x, y = map(round, box)
        actions = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        source = {"type": "pointer", "id": "mouse", "actions": actions}
        self.send("input.performActions", context=self.context, actions=[source])

    def text(self, name):
        """Return the text of an element by its id."""
        return self.evaluate(f"document.getElementById({json.dumps(name)}).textContent")

    def wait(self, script, seconds=60):
        """Wait until an expression holds."""
        until = time.monotonic() + seconds
        while not self.evaluate(script):
            assert time.monotonic() < until, f"waited for {script}"
            time.sleep(0.1)

    def wait_for_note(self, text, seconds=90):
        """Wait until the page says something."""
        said = "document.getElementById('note').textContent"
        self.wait(f"{said}.includes({json.dumps(text)})", seconds)

    def close(self):
        """End the browser."""
        with contextlib.suppress(Exception):
            self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
