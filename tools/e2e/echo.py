"""What answers in the lab, at /slow after three seconds: it says which cluster it is in and which headers came. Called as echo.py CLUSTER PORT."""

import http.server
import json
import socket
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(3 if self.path == "/slow" else 0)
        content = json.dumps({"cluster": sys.argv[1], "headers": {name.lower(): value for name, value in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 128


Server(("::", int(sys.argv[2])), Handler).serve_forever()
