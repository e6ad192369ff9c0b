"""The DNS of a cluster: it answers for Services, and for what the public DNS would say (RFC 1035, addresses only)."""

import socket
import struct
import threading
import time

NO_SUCH_NAME, A, AAAA = 3, 1, 28


class Names(threading.Thread):
    def __init__(self, api, address, public):
        super().__init__(daemon=True)
        self.api, self.public, self.known, self.asked = api, public, {}, 0
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))

    def run(self):
        while True:
            question, sender = self.socket.recvfrom(512)
            try:
                self.socket.sendto(self.answer(question), sender)
            except (OSError, IndexError, struct.error):
                pass

    def answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack("!H", question[at + 1 : at + 3])[0]
        found = self.find(".".join(labels).lower())
        wanted = [address for address in found or [] if kind == (AAAA if ":" in address else A)]
        code = NO_SUCH_NAME if found is None else 0
        records = b""
        for address in wanted:
            data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
            records += struct.pack("!HHHIH", 0xC00C, kind, 1, 5, len(data)) + data
        header = question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(wanted), 0, 0)
        return header + question[12 : at + 5] + records

    def find(self, name):
        """The addresses of a name, or nothing if there is no such name."""
        if name in self.public:
            return self.public[name]
        parts = name.split(".")
        if parts[2:] != ["svc", "cluster", "local"]:
            return None
        if time.monotonic() > self.asked + 1:
            services = self.api.get("/api/v1/services")["items"]
            slices = self.api.get("/apis/discovery.k8s.io/v1/endpointslices")["items"]
            self.known = {(item["metadata"]["name"], item["metadata"]["namespace"]): addresses(item, slices) for item in services}
            self.asked = time.monotonic()
        return self.known.get((parts[0], parts[1]))


def addresses(service, slices):
    """The addresses of a Service; one that has none of its own, a headless one, has those of its endpoints."""
    own = service["spec"].get("clusterIPs", [])
    if own != ["None"]:
        return own
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    mine = [item for item in slices if item["metadata"]["namespace"] == namespace and item["metadata"].get("labels", {}).get("kubernetes.io/service-name") == name]
    return [address for item in mine for point in item["endpoints"] or [] for address in point["addresses"]]
