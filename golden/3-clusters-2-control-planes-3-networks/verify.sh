#!/usr/bin/env bash
# Checks whether mesh mesh1 is up. It changes nothing, continues after a failed check, and exits with 1 if a check failed.
set -uo pipefail

readonly namespace=istio-system
checks=0 failures=0

ok() {
  checks=$((checks + 1))
  printf 'ok      %s: %s\n' "$cluster" "$*"
}

bad() {
  checks=$((checks + 1))
  failures=$((failures + 1))
  printf 'FAILED  %s: %s\n' "$cluster" "$*"
}

kube() {
  kubectl --context="$context" --request-timeout=20s "$@" 2>/dev/null
}

# cluster NAME CONTEXT: what follows is about this cluster.
cluster() {
  cluster=$1 context=$2
  if kube get --raw /readyz >/dev/null; then
    ok 'its API server answers'
  else
    bad "its API server does not answer through the context $context"
  fi
}

# ready DEPLOYMENT
ready() {
  if kube -n "$namespace" rollout status "deployment/$1" --timeout=15s >/dev/null; then
    ok "$1 is ready"
  else
    bad "$1 is not ready"
  fi
}

# address WANTED: compares the address in the topology with that of the Service. Without WANTED, it prints what to write into the topology.
address() {
  local found paths='{.spec.externalIPs[*]} {.status.loadBalancer.ingress[*].ip} {.status.loadBalancer.ingress[*].hostname}'
  found=$(kube -n "$namespace" get service istio-eastwestgateway -o jsonpath="$paths")
  found=${found%"${found##*[![:space:]]}"}
  if [[ -z ${1:-} ]]; then
    ok "the gateway's address is ${found:-not known yet}; the topology states none"
  elif [[ " $found " == *" $1 "* ]]; then
    ok "the gateway has the address $1"
  else
    bad "the topology gives the gateway the address $1, its Service has ${found:-none}"
  fi
}

# knows CLUSTER...: exactly these clusters have a remote secret here, each under its own name.
knows() {
  local found name
  # A key of the Secret is the cluster ID that istiod books the endpoints under.
  # shellcheck disable=SC2016 # the template is kubectl's, not the shell's
  found=$(kube -n "$namespace" get secrets -l istio/multiCluster=true \
    -o go-template='{{range .items}}{{range $key, $value := .data}}{{$key}} {{end}}{{end}}')
  for name in "$@"; do
    if [[ " $found " == *" $name "* ]]; then
      ok "it knows $name"
    else
      bad "it does not know $name: run remote-secrets.sh"
    fi
    found=" $found "
    found=${found/ $name / }
  done
  for name in $found; do
    bad "it knows $name, which is not a cluster of this mesh"
  done
}

# reports ADDRESS: checks the address with which the proxy of the east-west gateway was started.
reports() {
  local bootstrap host=${1%:*} port=${1##*:}
  host=${host#[}
  host=${host%]}
  bootstrap=$(istioctl --context="$context" proxy-config bootstrap deployment/istio-eastwestgateway -n "$namespace" -o json 2>/dev/null)
  bootstrap=${bootstrap//[[:space:]]/}
  if [[ $bootstrap == *'"name":"zipkin"'*"\"address\":\"$host\",\"portValue\":$port"* ]]; then
    ok "its proxies report traces to $1"
  else
    bad "its proxies do not report traces to $1: restart them after a change of mesh config"
  fi
}

# sends HOST ADDRESS PORT: the service through which istiod has the gateway's proxy report.
sends() {
  local clusters
  clusters=$(istioctl --context="$context" proxy-config clusters deployment/istio-eastwestgateway -n "$namespace" --fqdn "$1" -o json 2>/dev/null)
  clusters=${clusters//[[:space:]]/}
  if [[ $clusters == *"outbound|$3||$1"* && ( -z $2 || $clusters == *"\"address\":\"$2\",\"portValue\":$3"* ) ]]; then
    ok "its proxies know the collector $1"
  else
    bad "its proxies do not know the collector $1 on port $3"
  fi
}

collector() {
  if kube get --raw "/api/v1/namespaces/$namespace/services/zipkin:9411/proxy/health" >/dev/null; then
    ok 'the trace collector is healthy'
  else
    bad 'the trace collector is not healthy'
  fi
}

for tool in kubectl istioctl; do
  command -v "$tool" >/dev/null || { printf 'error: %s is not installed\n' "$tool" >&2; exit 2; }
done

cluster 'cluster1' 'cluster1'
ready 'istiod'
ready istio-eastwestgateway
address '192.168.229.100'
knows 'cluster2' 'cluster3'
reports '192.168.229.100:15018'
collector

cluster 'cluster2' 'cluster2'
ready 'istiod'
ready istio-eastwestgateway
address '192.168.229.101'
knows 'cluster1' 'cluster3'
reports '192.168.229.100:15018'

cluster 'cluster3' 'cluster3'
ready 'istiod'
ready istio-eastwestgateway
address '192.168.229.102'
reports '192.168.229.100:15018'

printf '\n%d checks, %d failed\n' "$checks" "$failures"
[[ $failures -eq 0 ]]
