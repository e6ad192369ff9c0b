"""What is asked of a mesh that runs: one line for each pair of clusters and for each cluster."""

import concurrent.futures
import json
import time

from cryptography import x509
from machines import check
from mesh import SYSTEM, ask

# The way of each pair that was asked.
ways = []
REQUESTS = 5
EVERYWHERE = 24
AT_ONCE = 8
MOST_AT_ONCE = 64


def every_trace(topology):
    """The same mesh, in which each request has a trace."""
    if zipkin := (topology.get("tracing") or {}).get("zipkin"):
        zipkin["samplingPercent"] = 100
    return topology


def settle(mesh, seconds=90):
    """Waits until each pair has answered once: endpoints and secrets of other clusters take a moment to get around."""
    end = time.monotonic() + seconds
    waiting = [(one, other) for one in mesh.members for other in mesh.members]
    while waiting and time.monotonic() < end:
        waiting = [(one, other) for one, other in waiting if not isinstance(mesh.call(one, f"echo-{other.name}"), dict)]
        time.sleep(0.3)
    return not waiting


def pairs(mesh):
    """Requests of each cluster to each: who answers, at which address, under which names. The identifiers of their traces."""
    traces = {}
    for client in mesh.members:
        for server in mesh.members:
            traces[client.name, server.name] = pair(mesh, client, server)
    return traces


def pair(mesh, client, server):
    what = f"{client.name} to {server.name}"
    name, pod = f"echo-{server.name}", mesh.workload(client)
    if pod is None or mesh.workload(server) is None:
        check(what, False, "no workload is ready")
        return None
    key = f"outbound|8080||{name}.{mesh.namespace}.svc.cluster.local"
    before = mesh.hosts(pod, key)
    answers = [mesh.call(client, name) for _ in range(REQUESTS)]
    wrong = [answer for answer in answers if not isinstance(answer, dict)]
    after = mesh.hosts(pod, key)
    used = {address for address, count in after.items() if count > before.get(address, 0)}
    wanted = mesh.ways(client, server)
    ways.append("pod" if client.network == server.network else "gateway")
    identity = f"URI=spiffe://{mesh.trust_domain}/ns/{mesh.namespace}/sa/echo"
    faults = []
    if wrong:
        faults.append(f"{len(wrong)} of {REQUESTS} failed: {wrong[0]}")
    else:
        if {answer["cluster"] for answer in answers} != {server.name}:
            faults.append("another cluster answered")
        if not all(identity in answer["headers"].get("x-forwarded-client-cert", "") for answer in answers):
            faults.append(f"no mutual TLS as {identity}: {answers[0]['headers'].get('x-forwarded-client-cert')}")
        if not used or not used <= wanted:
            faults.append(f"by {sorted(used)}, and meant is {sorted(wanted)}")
    check(f"{what}: {REQUESTS} requests by {', '.join(sorted(wanted))}, mutual TLS", not faults, "; ".join(faults))
    return None if wrong else answers[-1]["headers"].get("x-b3-traceid")


def everywhere(mesh):
    """A Service whose workloads are in all clusters is answered from all.

    Several calls at a time, and ever more: between networks a connection stays with the workload that its gateway chose for it, for a
    while also if that is in a cluster that has left.
    """
    wanted = {cluster.name for cluster in mesh.members}
    for client in mesh.members:
        found = []
        end = time.monotonic() + 20
        at_once = AT_ONCE
        with concurrent.futures.ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            while time.monotonic() < end and (len(found) < EVERYWHERE or {one["cluster"] for one in found if isinstance(one, dict)} < wanted):
                found += pool.map(lambda _, client=client: mesh.call(client, "echo"), range(at_once))
                at_once = min(at_once + AT_ONCE, MOST_AT_ONCE)
        wrong = [one for one in found if not isinstance(one, dict)]
        who = {one["cluster"] for one in found if isinstance(one, dict)}
        check(f"{client.name} is answered from everywhere", wanted <= who <= wanted | mesh.left and not wrong, f"from {sorted(who)}, {len(wrong)} failed {wrong[:1]}")


def certificates(mesh):
    """The proxies of a cluster have certificates of the authority that its primary was given, or it itself."""
    for cluster in mesh.members:
        pod = mesh.workload(cluster)
        chain = mesh.chain(pod) if pod else []
        signer = mesh.signer(cluster)
        place = mesh.right / signer / "20-cacerts/ca-cert.pem"
        if not place.exists():
            continue
        authority = x509.load_pem_x509_certificate(place.read_bytes())
        is_right = len(chain) > 1 and chain[1] == authority and chain[0].issuer == authority.subject
        check(f"the proxy of {cluster.name} has a certificate of the authority of {signer}", is_right, f"{len(chain)} certificates")


def traces(mesh, identifiers, seconds):
    """Each request's spans are in the one Zipkin: the client's and, as its child, the server's."""
    there = mesh.collector()
    if there is None:
        return 0
    found = there.kubelet.find(SYSTEM, app="zipkin")
    if not found:
        check("Zipkin runs", False)
        return 0
    zipkin, arrived = found[0], 0
    end = time.monotonic() + seconds
    waiting = dict(identifiers)
    reasons = {}
    while waiting and time.monotonic() < end:
        for (client, server), identifier in list(waiting.items()):
            reasons[client, server] = spans(zipkin, client, server, identifier)
            if reasons[client, server] is None:
                del waiting[client, server]
        time.sleep(1)
    for client, server in identifiers:
        is_there = (client, server) not in waiting
        arrived += is_there
        check(f"the trace of {client} to {server} is in the Zipkin of {there.name}", is_there, reasons.get((client, server)))
    for cluster in mesh.members:
        pod = mesh.workload(cluster)
        used = set(mesh.hosts(pod, "zipkin")) if pod else set()
        wanted = mesh.ways_of_spans(cluster)
        check(f"spans of {cluster.name} go by {', '.join(sorted(wanted))}", bool(used) and used <= wanted, f"by {sorted(used)}")
    return arrived


def spans(zipkin, client, server, identifier):
    """Why a trace is not whole, or nothing."""
    if identifier is None:
        return "no request of this pair had a trace"
    status, text = ask(zipkin, f"/api/v2/trace/{identifier}", port=9411)
    if status != 200:
        return f"Zipkin has no trace {identifier}"
    kinds = {}
    for span in json.loads(text):
        kinds.setdefault(span.get("kind"), []).append(span)
    for kind, name in (("CLIENT", client), ("SERVER", server)):
        if not any(f".{name}" in f".{span_pod(span)}" or f"echo-{name}-" in span_pod(span) for span in kinds.get(kind, [])):
            return f"no {kind} span of {name} among {[(span.get('kind'), span_pod(span)) for span in json.loads(text)]}"
    ids = {span["id"] for span in kinds["CLIENT"]}
    if not any(span["id"] in ids or span.get("parentId") in ids for span in kinds["SERVER"]):
        return "the spans are not parent and child"
    return None


def span_pod(span):
    return span.get("tags", {}).get("node_id", "")


def refusals(mesh):
    """No Envoy refused what its istiod sent."""
    wrong = []
    for pod in mesh.proxies():
        try:
            text = ask(pod, "/stats?filter=update_rejected&usedonly")[1].decode()
        except OSError:
            continue
        wrong += [f"{pod.kubelet.name}/{pod.name} {line}" for line in text.splitlines() if line and not line.endswith(" 0")]
    check(f"no Envoy refused its configuration ({len(mesh.proxies())} Envoys)", not wrong, "; ".join(wrong))


def verify(mesh):
    code, seconds, log = mesh.script("verify.sh")
    lines = log.read_text().splitlines()
    wrong = [line for line in lines if line.startswith("FAILED")]
    check(f"verify.sh finds nothing wrong ({seconds:.0f} s)", code == 0, f"see {log}: {'; '.join(wrong) or lines[-3:]}")


def all_of(mesh, patience=90):
    """Everything that is asked of a mesh, after at most so many seconds; how many pairs there are, and how many traces arrived."""
    settle(mesh, patience)
    identifiers = pairs(mesh)
    everywhere(mesh)
    certificates(mesh)
    arrived = traces(mesh, identifiers, min(patience, 40))
    refusals(mesh)
    return len(identifiers), arrived

