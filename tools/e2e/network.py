"""The LAN of a lab, its nodes and the pods on them: each is a network namespace, and every address is one of Linux's.

All nodes are on one LAN. Nobody but a node itself answers for its addresses, and for those of its pods only who has a route: the nodes of
the same cluster, those of the same network where its routing is native, and those on which `routes.sh` has run.
"""

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess

LAN = "lan"
# The machine's own address on the LAN: of etcd, and of who asks.
MACHINE = {4: "100.64.0.1", 6: "fd64::1"}
SYSCTL = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
          "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv4.ip_unprivileged_port_start=0"]
NODES = itertools.count(1)
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def version(address):
    return 6 if ":" in address else 4


def width(address):
    return 128 if ":" in address else 32


def ip(*words, netns=None, check=True):
    place = [] if netns is None else ["-n", netns]
    subprocess.run(["ip", *place, *map(str, words)], check=check, stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)


def inside(netns, *command):
    """The words of a command that runs in a namespace."""
    return ["nsenter", f"--net=/run/netns/{netns}", *map(str, command)]


def add_namespace(name):
    ip("netns", "add", name)
    ip("link", "set", "lo", "up", netns=name)
    subprocess.run(inside(name, "sysctl", "--quiet", "--write", *SYSCTL), check=True)


def make_lan():
    ip("link", "add", LAN, "type", "bridge")
    # Nobody else is on the bridge while it starts.
    ip("link", "set", LAN, "up")
    subprocess.run(["sysctl", "--quiet", "--write", *SYSCTL], check=True)
    for family, address in MACHINE.items():
        ip("address", "add", f"{address}/{width(address)}", "dev", LAN, *(["nodad"] if family == 6 else []))
        ip(f"-{family}", "route", "add", "default", "dev", LAN)


def join(netns, link, address):
    """Makes a namespace a machine on the LAN, with an address."""
    add_namespace(netns)
    ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", netns)
    ip("link", "set", link, "master", LAN, "up")
    ip("link", "set", "eth0", "up", netns=netns)
    ip("address", "add", f"{address}/{width(address)}", "dev", "eth0", *(["nodad"] if ":" in address else []), netns=netns)
    for family in (4, 6):
        ip(f"-{family}", "route", "add", "default", "dev", "eth0", netns=netns)


class Node:
    """A node: a namespace with an address on the LAN, and a range of addresses for its pods."""

    def __init__(self, cluster, number, address, pods):
        self.name, self.netns = f"{cluster}-node{number}", f"n-{cluster}-{number}"
        self.address, self.pods = address, pods
        # Pods start at the same time.
        self.numbers, self.led, self.is_masked = itertools.count(1), set(), False
        join(self.netns, f"node-{next(NODES)}", address)
        # Who asks on the machine itself reaches pods.
        ip(f"-{version(pods)}", "route", "add", pods, "via", address, "dev", LAN, "onlink")

    def own(self, address):
        """Makes an address one of this node's: the LAN finds it here. Of IPv6, it is found where it stands alone; the node calls by its first."""
        place = ["eth0", "nodad", "preferred_lft", "0"] if ":" in address else ["lo"]
        ip("address", "replace", f"{address}/{width(address)}", "dev", *place, netns=self.netns)

    def lead(self, others):
        """Leads to the pods of other nodes, and of these alone, as CNI plugins and a cloud do."""
        for other in self.led - others:
            ip(f"-{version(other.pods)}", "route", "del", other.pods, "via", other.address, "dev", "eth0", netns=self.netns)
        for other in others - self.led:
            ip(f"-{version(other.pods)}", "route", "replace", other.pods, "via", other.address, "dev", "eth0", "onlink", netns=self.netns)
        self.led = set(others)

    def masquerade(self, pods):
        """What leaves the pods' network has the node's address, as a CNI plugin does it."""
        program = "ip6tables" if version(self.pods) == 6 else "iptables"
        lines = ["*nat", ":LAB-CNI - [0:0]", *(f"-A LAB-CNI -d {one} -j RETURN" for one in pods), "-A LAB-CNI -j MASQUERADE"]
        if not self.is_masked:
            lines.append(f"-A POSTROUTING -s {self.pods} -o eth0 -j LAB-CNI")
        # Without --noflush, the rules of others would go; a chain that is named is emptied.
        text = "\n".join([*lines, "COMMIT", ""])
        subprocess.run(inside(self.netns, f"{program}-restore", "-w", "--noflush"), input=text, text=True, check=True)
        self.is_masked = True

    def add_pod(self, netns):
        """A namespace for a pod; returns its address."""
        number = next(self.numbers)
        base = self.pods.split("/")[0]
        address = f"{base}{number + 9:x}" if ":" in base else f"{base.rsplit('.', 1)[0]}.{number + 9}"
        add_namespace(netns)
        link = f"v{number}"
        ip("link", "add", link, "netns", self.netns, "type", "veth", "peer", "name", "eth0", "netns", netns)
        ip("link", "set", link, "up", netns=self.netns)
        ip("link", "set", "eth0", "up", netns=netns)
        ip("address", "add", f"{address}/{width(address)}", "dev", "eth0", *(["nodad"] if ":" in address else []), netns=netns)
        ip(f"-{version(address)}", "route", "add", address, "dev", link, netns=self.netns)
        if ":" in address:
            ip("address", "add", "fe80::1/64", "dev", link, "nodad", netns=self.netns)
            ip("-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0", netns=netns)
        else:
            subprocess.run(inside(self.netns, "sysctl", "--quiet", "--write", f"net.ipv4.conf.{link}.proxy_arp=1"), check=True)
            ip("route", "add", "169.254.1.1", "dev", "eth0", netns=netns)
            ip("route", "add", "default", "via", "169.254.1.1", "dev", "eth0", netns=netns)
        return address

    def drop_pod(self, netns):
        ip("netns", "del", netns, check=False)


class Balancer:
    """A load balancer of a cloud that has a name: a machine of its own, which leads to the node ports of a Service."""

    def __init__(self, address):
        number = next(NODES)
        self.netns, self.led = f"b-{number}", None
        join(self.netns, f"balancer-{number}", address)

    def lead(self, node, ports):
        """Takes what comes to a port to a node's port."""
        if self.led == (node, ports):
            return
        lines = [f"tcp dport {port} dnat to {node}:{other}" for port, other in ports]
        text = "\n".join([
            "table ip lab", "flush table ip lab", "table ip lab {", "chain in {", "type nat hook prerouting priority dstnat;", *lines, "}",
            "chain out {", "type nat hook postrouting priority srcnat;", "masquerade", "}", "}", "",
        ])
        subprocess.run(inside(self.netns, "nft", "-f", "-"), input=text, text=True, check=True)
        self.led = (node, ports)


@contextlib.contextmanager
def entered(netns):
    """Lets this thread make sockets of a namespace."""
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{netns}") as there:
        if LIBC.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {netns}")
        try:
            yield
        finally:
            if LIBC.setns(before.fileno(), CLONE_NEWNET):
                os._exit(70)


def connect(netns, address, port, seconds=5):
    with entered(netns):
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.settimeout(seconds)
    try:
        one.connect((address, port))
    except BaseException:
        one.close()
        raise
    return one
