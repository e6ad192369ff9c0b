"""A Git server and a repository of Helm charts, both by HTTPS on one address: `git http-backend` and files of a directory."""

import http.server
import os
import ssl
import subprocess
import threading
import urllib.parse

# The hosts that it answers for.
HOSTS = ["git.example.com", "istio-release.storage.googleapis.com"]
HELD = ("CONTENT_TYPE", "content-type"), ("HTTP_GIT_PROTOCOL", "git-protocol"), ("HTTP_CONTENT_ENCODING", "content-encoding")


def serve(address, certificate, key, git_root, files):
    """Serves repositories under `git_root` by their paths, and what `files` has under `/charts/`."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(files))

        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path.startswith("/charts/"):
                self.path = self.path.removeprefix("/charts")
                super().do_GET()
            else:
                self.git(b"")

        def do_POST(self):
            self.git(self.rfile.read(int(self.headers.get("content-length", 0))))

        def git(self, body):
            parts = urllib.parse.urlsplit(self.path)
            environment = {
                "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(git_root), "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": parts.path, "QUERY_STRING": parts.query, "REQUEST_METHOD": self.command,
                "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1",
            }
            environment |= {name: self.headers[header] for name, header in HELD if header in self.headers}
            answer = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE, check=True).stdout
            head, _, content = answer.partition(b"\r\n\r\n")
            headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            status = next((value for name, value in headers if name == "Status"), "200 OK")
            self.send_response(int(status.split()[0]))
            for name, value in headers:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = http.server.ThreadingHTTPServer((address, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
