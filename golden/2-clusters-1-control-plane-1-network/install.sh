#!/usr/bin/env bash
# Installs mesh mesh1 with Istio 1.11.2, in order, from a workstation with a kubeconfig context for each cluster.
# Run it again at any time: steps that are done change nothing.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly istio_version=1.11.2 namespace=istio-system timeout=10m
readonly total=12
# The annotation of the namespace with the hash of the mesh config at the last restart.
readonly restarted=meshgen/restarted-with

usage() {
  cat <<'USAGE'
usage: install.sh [--dry-run] [--from STEP]
  --dry-run    print the commands in order and run none
  --from STEP  begin with this step, as a failure names it
USAGE
}

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

dry_run='' from='' position=0 current=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --from)
      [[ $# -gt 1 ]] || { usage >&2; exit 2; }
      from=$2
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

finish() {
  local code=$?
  if [[ $code -ne 0 && -n $current ]]; then
    printf '\nerror: step %s failed in cluster %s; fix the cause and continue with:\n  ./install.sh --from %q\n' \
      "$current" "${current%%/*}" "$current" >&2
  fi
}
trap finish EXIT

# Runs a command, or prints it as you would type it.
run() {
  local word
  if [[ -n $dry_run ]]; then
    printf '  '
    for word; do
      [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
      printf ' %s' "$word"
    done
    printf '\n'
  else
    "$@"
  fi
}

stage() {
  [[ -n $from ]] || printf '\n%s\n' "$1"
}

# step NAME CONTEXT FUNCTION [ARGUMENT]
step() {
  position=$((position + 1))
  if [[ -n $from ]]; then
    [[ $1 == "$from" ]] || return 0
    from=''
  fi
  current=$1
  printf '[%d/%d] %s\n' "$position" "$total" "$1"
  "$3" "${1%%/*}" "$2" "${@:4}"
  current=''
}

apply() {
  run kubectl --context="$2" apply -k "$1/$3"
}

# Server-side: client-side apply would copy the private key into an annotation.
apply_secret() {
  run kubectl --context="$2" apply --server-side --field-manager=meshgen --force-conflicts -k "$1/$3"
}

apply_collector() {
  run kubectl --context="$2" apply -k "$1/$3"
  run kubectl --context="$2" -n "$namespace" rollout status deployment/zipkin --timeout="$timeout"
}

declare -A is_new=()

# note_new CLUSTER CONTEXT SERVICE: if istiod is new, nothing runs with an older mesh config.
note_new() {
  local found
  [[ -z $dry_run ]] || return 0
  found=$(kubectl --context="$2" -n "$namespace" get service "$3" --ignore-not-found -o name)
  if [[ -z $found ]]; then
    is_new[$1]=yes
  fi
}

install_istio() {
  note_new "$@"
  run istioctl install --context="$2" -y -f "$1/30-istio/istio.yaml" -f "$1/30-istio/mesh-config.yaml"
  run kubectl --context="$2" -n "$namespace" rollout status deployment/"$3" --timeout="$timeout"
}

# A remote without an istiod.
install_remote() {
  note_new "$@"
  run istioctl install --context="$2" -y -f "$1/30-istio/istio.yaml"
}

# In a command of its own: together with istio.yaml it would replace istiod.
install_gateway() {
  run istioctl install --context="$2" -y -f "$1/40-eastwest-gateway/eastwest-gateway.yaml"
  run kubectl --context="$2" -n "$namespace" rollout status deployment/istio-eastwestgateway --timeout="$timeout"
}

remote_secrets() {
  run "./$1/remote-secrets.sh"
}

# mesh_config CONFIGMAP CONTEXT: less the extension providers, which istiod hands to running proxies.
mesh_config() {
  local config line is_kept=yes
  config=$(kubectl --context="$2" -n "$namespace" get configmap "$1" -o jsonpath='{.data.mesh}')
  while IFS= read -r line; do
    case $line in
      extensionProviders:*) is_kept='' ;;
      [!\ -]*) is_kept=yes ;;
    esac
    [[ -z $is_kept ]] || printf '%s\n' "$line"
  done <<<"$config"
}

# restart CLUSTER CONTEXT CONFIGMAP CONTEXT-OF-CONFIGMAP
# Restarts what still runs with an older mesh config: gateways and workloads, never istiod.
restart() {
  local config hash last
  if [[ -n $dry_run ]]; then
    printf '   # only where the mesh config has changed under running pods:\n'
    restart_all "$2"
    return
  fi
  config=$(mesh_config "$3" "$4")
  hash=$(printf '%s\n' "$config" | sha256sum)
  hash=${hash%% *}
  last=$(kubectl --context="$2" get namespace "$namespace" -o jsonpath="{.metadata.annotations.$restarted}")
  if [[ $hash == "$last" ]]; then
    printf 'everything runs with this mesh config\n'
    return
  fi
  if [[ -n ${is_new[$1]:-} ]]; then
    printf 'nothing ran before this mesh config\n'
  else
    restart_all "$2"
  fi
  kubectl --context="$2" annotate namespace "$namespace" --overwrite "$restarted=$hash"
}

restart_all() {
  restart_matching "$1" "$namespace" deployments -l 'istio in (ingressgateway,egressgateway,eastwestgateway)'
  restart_matching "$1" 'istio' deployments,statefulsets,daemonsets
}

# restart_matching CONTEXT NAMESPACE KINDS [SELECTOR]
restart_matching() {
  local found
  if [[ -n $dry_run ]]; then
    run kubectl --context="$1" -n "$2" rollout restart "${@:3}"
    return
  fi
  found=$(kubectl --context="$1" -n "$2" get "${@:3}" -o name)
  while IFS= read -r name; do
    [[ -z $name ]] || kubectl --context="$1" -n "$2" rollout restart "$name"
  done <<<"$found"
  while IFS= read -r name; do
    [[ -z $name ]] || kubectl --context="$1" -n "$2" rollout status "$name" --timeout="$timeout"
  done <<<"$found"
}

# context CLUSTER CONTEXT
context() {
  kubectl --context="$2" --request-timeout=20s get --raw /readyz >/dev/null ||
    fail "cluster $1 does not answer through the context $2"
}

if [[ -z $dry_run ]]; then
  for tool in kubectl istioctl; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
  done
  found=$(istioctl version --remote=false)
  found=${found##* }
  [[ $found == "$istio_version" ]] || fail "istioctl is $found, and this mesh is made for $istio_version"
  context 'cluster1' 'cluster1'
  context 'cluster2' 'cluster2'
fi

printf 'Node routes come first, on each node as root: '
printf '%s/routes.sh add  ' 'cluster1' 'cluster2' 
printf '\n'

stage 'Namespaces and certificate authorities'
step 'cluster1/10-namespace' 'cluster1' apply 10-namespace
step 'cluster1/20-cacerts' 'cluster1' apply_secret 20-cacerts
step 'cluster2/10-namespace' 'cluster2' apply 10-namespace
step 'cluster2/20-cacerts' 'cluster2' apply_secret 20-cacerts

stage 'Primaries'
step 'cluster1/30-istio' 'cluster1' install_istio istiod
step 'cluster1/40-eastwest-gateway' 'cluster1' install_gateway
step 'cluster1/50-exposure' 'cluster1' apply 50-exposure

stage 'Remote secrets'
step 'cluster1/remote-secrets.sh' 'cluster1' remote_secrets

stage 'Remotes'
step 'cluster2/30-istio' 'cluster2' install_istio istiod

stage 'Trace collector'
step 'cluster1/60-zipkin' 'cluster1' apply_collector 60-zipkin

stage 'Restart of what runs with an older mesh config'
step 'cluster1/restart' 'cluster1' restart istio 'cluster1'
step 'cluster2/restart' 'cluster2' restart istio 'cluster2'

if [[ -n $from ]]; then
  printf 'error: no such step: %s; the steps are\n' "$from" >&2
  exec 1>&2
  from=''
  printf '  %s\n' 'cluster1/10-namespace' 'cluster1/20-cacerts' 'cluster2/10-namespace' 'cluster2/20-cacerts'
  printf '  %s\n' 'cluster1/30-istio' 'cluster1/40-eastwest-gateway' 'cluster1/50-exposure'
  printf '  %s\n' 'cluster1/remote-secrets.sh'
  printf '  %s\n' 'cluster2/30-istio'
  printf '  %s\n' 'cluster1/60-zipkin'
  printf '  %s\n' 'cluster1/restart' 'cluster2/restart'
  exit 2
fi
[[ -n $dry_run ]] || printf '\nDone. Run ./verify.sh to check whether the mesh is up.\n'
