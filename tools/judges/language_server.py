"""A client of yaml-language-server, which VS Code, Neovim, Helix and others ask what they show: LSP over standard input and output."""

import json
import queue
import subprocess
import threading

from .common import Refused

# Settings that people have by default, but for the schema store, which is a download.
SETTINGS = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
PATIENCE = 60


class LanguageServer:
    def __init__(self, cache, root=None, schemas=None):
        command = [cache / "bin/node", cache / "node/node_modules/yaml-language-server/bin/yaml-language-server", "--stdio"]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.messages = queue.Queue()
        self.number = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self.settings = {**SETTINGS, "schemas": schemas or {}}
        folders = [{"uri": root.as_uri(), "name": root.name}] if root else None
        self.request("initialize", {"processId": None, "rootUri": root and root.as_uri(), "workspaceFolders": folders, "capabilities": {"workspace": {"configuration": True}}})
        self._notify("initialized", {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def diagnostics(self, texts):
        """What the editor underlines in each of these files, if they have these texts: by path."""
        for path, text in texts.items():
            self.open(path, text)
        awaited = {path.as_uri(): path for path in texts}
        found = {}
        while awaited:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics":
                path = awaited.pop(message["params"]["uri"], None)
                if path:
                    found[path] = message["params"]["diagnostics"]
        return found

    def open(self, path, text):
        # A version that the server has seen stands for the text that it had then.
        self.number += 1
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": self.number, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})

    def complete(self, path, position):
        answer = self.request("textDocument/completion", {"textDocument": {"uri": path.as_uri()}, "position": position})
        return [item["label"] for item in (answer["items"] if isinstance(answer, dict) else answer)]

    def hover(self, path, position):
        answer = self.request("textDocument/hover", {"textDocument": {"uri": path.as_uri()}, "position": position})
        return answer["contents"]["value"] if answer else ""

    def request(self, method, parameters):
        self.number += 1
        self._send({"id": self.number, "method": method, "params": parameters})
        while True:
            message = self._next()
            if message.get("id") == self.number and "method" not in message:
                if "error" in message:
                    raise Refused(f"yaml-language-server: {method}: {message['error']['message']}")
                return message["result"]

    def _notify(self, method, parameters):
        self._send({"method": method, "params": parameters})

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _next(self):
        try:
            message = self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            message = None
        if message is None:
            raise Refused("yaml-language-server does not answer")
        if "id" in message and "method" in message:
            asked = message.get("params", {}).get("items", [])
            answer = [self.settings if item.get("section") == "yaml" else {} for item in asked] if message["method"] == "workspace/configuration" else None
            self._send({"id": message["id"], "result": answer})
        return message

    def _listen(self):
        stream = self.process.stdout
        while True:
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = stream.read(length)
            self.messages.put(json.loads(body) if body else None)
            if not body:
                return
