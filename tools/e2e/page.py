#!/usr/bin/env python3
"""Writes the page with the results of `all`: page.py DIRECTORY."""

import json
import os
import pathlib
import sys

found = [json.loads(file.read_text()) for file in sorted(pathlib.Path(sys.argv[1]).glob("*.json"))]
total = {key: sum(item[key] for item in found) for key in ("pairs", "traces", "checks", "seconds")}
failed = sum(len(item["failed"]) for item in found)
is_flux = any(item["mesh"] == "flux" for item in found)
by_flux = "; the mesh `flux` is applied from Git by the controllers of Flux, and removed as its `uninstall.sh` says" if is_flux else ""
title, target, given, programs = (
    (
        "Meshes that ran with Istio 1.11", "make e2e-older ISTIO=DIRECTORY", "the cluster itself",
        "API servers, controller managers, kube-proxy and `kubectl` of Kubernetes 1.24, istiod, pilot-agent and istioctl of Istio 1.11.2, built from its sources (`tools/e2e/istio-1.11` says what was changed in them)",
    )
    if os.environ.get("MESHGEN_LAB")
    else (
        "Meshes that ran", "make e2e-all", "its primary",
        "API servers, controller managers, kube-proxy and `kubectl` of Kubernetes 1.36, istiod, pilot-agent and istioctl of Istio's 1.30 line (meshes of Istio 1.11 are built for 1.30)",
    )
)
print(f"""# {title}

`{target}` wrote this page. It brings each mesh up from its tree on one Linux machine, takes it down again, and asks between:

- The tree's own `routes.sh` and `install.sh` install it, from an empty cluster{by_flux}.
- Each cluster calls each five times, itself too. The right cluster answers, with mutual TLS under the caller's SPIFFE identity, and the caller's Envoy used the address that the topology means: that of the pod on one network, that of a gateway between networks. Services that are in all clusters are answered from all.
- The proxies of a cluster have certificates of the authority that {given} was given.
- The spans of caller and server are in the one Zipkin, as parent and child, and went there by the address that is meant.
- No Envoy refused its configuration, and `verify.sh` finds nothing wrong.
- `uninstall.sh` removes the mesh at the first run, and leaves what is a user's.

Real are: {programs}, Envoy 1.38, Zipkin 3.4, and Linux's network, with a namespace for each node and each pod. Stand-ins do what a scheduler, kubelets, CNI plugins, CoreDNS and a cloud's load balancer do. Envoy is not Istio's own build: filters for metrics and for the detection of protocols are left out.

{len(found)} meshes, {total["pairs"]} pairs of clusters, {total["traces"]} traces, {total["checks"]} checks, {failed} failed.

| mesh | clusters | pairs: to the pod | pairs: by a gateway | traces | checks | failed | seconds | MiB |
|---|---|---|---|---|---|---|---|---|""")
for item in found:
    ways = item["ways"]
    print(f"| {item['mesh']} | {item['clusters']} | {ways['pod']} | {ways['gateway']} | {item['traces']} | {item['checks']} | {len(item['failed'])} | {item['seconds']} | {item['mebibytes']} |")
for item in found:
    for text in item["failed"]:
        print(f"\n`{item['mesh']}`: {text}")
