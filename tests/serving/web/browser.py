"""A headless Chromium driven by its DevTools protocol over two pipes: real clicks, keys and compositions."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PATIENCE_SECONDS = 20.0
_KEYS = {
    "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), " ": ("Space", 32, " "),
    "ArrowDown": ("ArrowDown", 40, ""), "ArrowUp": ("ArrowUp", 38, ""), "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
}  # fmt: skip


def find_chromium() -> str | None:
    """The program, None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _without_priority() -> list[str]:
    """What keeps Chromium, where root starts it, from the priority of real time: two cores have nothing left beside it."""
    setpriv = shutil.which("setpriv") if os.geteuid() == 0 else None
    return [setpriv, "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice"] if setpriv else []


class Browser:
    """One Chromium; it ends by itself when its pipe is closed, so none is left behind by a test that is killed."""

    def __init__(self, program: str, profile: Path) -> None:
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        flags = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run", "--disable-gpu", "--mute-audio",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
            "--lang=zh-CN", f"--user-data-dir={profile}",
        ]  # fmt: skip
        # Chromium reads its file 3 and writes to its file 4.
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$0" "$@" 3<&{read_there} 4>&{write_there}', *_without_priority(), program, *flags],
            pass_fds=(read_there, write_there), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "LANGUAGE": "zh_CN"},
        )  # fmt: skip
        os.close(read_there)
        os.close(write_there)
        self._to, self._from = os.fdopen(write_here, "wb", buffering=0), os.fdopen(read_here, "rb", buffering=0)
        self._last = 0
        self._unread = b""
        self.said: list[str] = []       # errors of scripts and refusals of the content policy
        self.choosers: list[int] = []   # file inputs (backend node ids) whose dialog was opened

    def ask(self, method: str, session: str | None = None, /, **parameters: Any) -> dict[str, Any]:
        """The answer of one command; events that come meanwhile are noted."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            self._note(answer)

    def open(self) -> Page:
        """A new page with a storage of its own."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, context)

    def close(self) -> None:
        self._to.close()
        self._from.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            block = self._from.read(1 << 20)
            if not block:
                raise RuntimeError("Chromium has ended.")
            self._unread += block
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: Mapping[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            details = event["params"]["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description", details["text"]))
        if event.get("method") == "Page.fileChooserOpened":
            self.choosers.append(event["params"]["backendNodeId"])
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["source"] in ("security", "violation"):
            self.said.append(event["params"]["entry"]["text"])


class Page:
    """One page. Selectors are CSS; what is waited for is waited for at most 20 s."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self.browser, self._session, self._context = browser, session, context
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.ask(f"{domain}.enable")
        self.size(1280, 800)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.ask(method, self._session, **parameters)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone
        )

    def media(self, **features: str) -> None:
        """Media features, such as prefers_color_scheme="dark"."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=named)

    def go(self, address: str, *, until: str = "body[data-mode]") -> None:
        self.ask("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && document.querySelector({json.dumps(until)}) !== null")

    def run(self, script: str) -> Any:
        """The value of an expression, awaited."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Until the expression is true."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            if self.run(f"(() => {{ try {{ return Boolean({script}) }} catch {{ return false }} }})()"):
                return
            if time.monotonic() > end:
                raise AssertionError(f"This did not become true: {script}")
            time.sleep(0.02)

    def wait_for(self, selector: str) -> None:
        self.wait(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")

    def text(self, selector: str) -> str:
        """What is seen of an element on the screen; a card that has just come has no text until it is drawn."""
        one = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"{one}?.checkVisibility({{ contentVisibilityAuto: true }})")
        return str(self.run(f"{one}.innerText"))

    def count(self, selector: str) -> int:
        return int(self.run(f"document.querySelectorAll({json.dumps(selector)}).length"))

    def click(self, selector: str, *, across: float = 0.5) -> None:
        """A press of the mouse at the middle of what is seen of an element, or so far across it."""
        x, y = self._middle(selector, across)
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def hover(self, selector: str, *, across: float = 0.5) -> None:
        x, y = self._middle(selector, across)
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        code, number, text = _KEYS.get(key, (key, ord(key.upper()) if len(key) == 1 else 0, key))
        event = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def compose(self, text: str) -> None:
        """Text that an input method still holds."""
        self.ask("Input.imeSetComposition", text=text, selectionStart=len(text), selectionEnd=len(text))

    def choose_file(self, button: str, path: Path) -> None:
        """Press what opens the dialog of files, and choose one in it."""
        self.browser.choosers.clear()
        self.ask("Page.setInterceptFileChooserDialog", enabled=True)
        self.click(button)
        self.wait("true")       # reads the event
        while not self.browser.choosers:
            self.wait("true")
        self.ask("DOM.setFileInputFiles", backendNodeId=self.browser.choosers[0], files=[str(path)])

    def drag(self, kind: str, path: Path, *, at: tuple[int, int] = (600, 500)) -> None:
        """A file is dragged over the page: dragEnter, dragOver or drop."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        self.ask("Input.dispatchDragEvent", type=kind, x=at[0], y=at[1], data=data)

    def paste(self) -> None:
        """What the keys for pasting do."""
        event = {"key": "v", "code": "KeyV", "windowsVirtualKeyCode": 86, "modifiers": 2}
        self.ask("Input.dispatchKeyEvent", type="keyDown", commands=["paste"], **event)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def copy_picture(self, colour: str) -> None:
        """Put a small PNG into the clipboard, as a screenshot does."""
        allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self.browser.ask("Browser.grantPermissions", permissions=allowed, browserContextId=self._context)
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        self.run(f"""(async () => {{
            const canvas = new OffscreenCanvas(8, 8);
            const pen = canvas.getContext("2d");
            pen.fillStyle = {json.dumps(colour)};
            pen.fillRect(0, 0, 8, 8);
            await navigator.clipboard.write([new ClipboardItem({{ "image/png": await canvas.convertToBlob() }})]);
        }})()""")

    def accessible(self) -> list[tuple[str, str]]:
        """(role, name) of everything that a screen reader meets, in order."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        met = [node for node in nodes if not node["ignored"]]
        return [(node.get("role", {}).get("value", ""), node.get("name", {}).get("value", "")) for node in met]

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self.browser.ask("Target.disposeBrowserContext", browserContextId=self._context)

    def _middle(self, selector: str, across: float) -> tuple[float, float]:
        self.wait_for(selector)
        x, y = self.run(f"""(() => {{
            const one = document.querySelector({json.dumps(selector)});
            one.scrollIntoView({{ block: "nearest", behavior: "instant" }});
            const box = one.getBoundingClientRect();
            return [box.left + box.width * {across}, box.top + box.height / 2];
        }})()""")
        return x, y
