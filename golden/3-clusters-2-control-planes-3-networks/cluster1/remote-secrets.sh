#!/usr/bin/env bash
# Gives the control plane of cluster1 the credentials of every other cluster of mesh mesh1.
# Run it again at any time: it renews existing credentials and removes those of clusters that left the mesh. No credential is printed or stored.
set -euo pipefail
shopt -s inherit_errexit

readonly context='cluster1' namespace=istio-system
readonly labels=(app.kubernetes.io/managed-by=meshgen app.kubernetes.io/part-of=mesh1)

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

declare -A members=()

# secret CLUSTER CONTEXT API-SERVER
secret() {
  local cluster=$1 manifest
  printf 'remote secret of %s\n' "$cluster"
  manifest=$(istioctl x create-remote-secret --context="$2" --name="$cluster" --server="$3") ||
    fail "$cluster gives no credential; does its context answer?"
  [[ $manifest =~ name:\ \"?istio-remote-secret-$cluster\"?($'\n') ]] || fail "istioctl made no remote secret of $cluster"
  [[ $manifest =~ token:\ +\"?[A-Za-z0-9._-]+ ]] || fail "the credential of $cluster is empty"
  manifest=$(kubectl label --local -f - -o yaml --overwrite "${labels[@]}" <<<"$manifest")
  kubectl --context="$context" apply --server-side --field-manager=meshgen --force-conflicts -f - <<<"$manifest" ||
    fail "cluster1 does not take the remote secret of $cluster"
  members[$cluster]=yes
}

secret 'cluster2' 'cluster2' 'https://192.168.229.140:6443'
secret 'cluster3' 'cluster3' 'https://192.168.229.143:6443'

known=$(kubectl --context="$context" -n "$namespace" get secrets -o name \
  -l "istio/multiCluster=true,${labels[0]},${labels[1]}")
while IFS= read -r name; do
  [[ -n $name ]] || continue
  if [[ -z ${members[${name#secret/istio-remote-secret-}]:-} ]]; then
    printf '%s belongs to a cluster that left the mesh\n' "$name"
    kubectl --context="$context" -n "$namespace" delete "$name"
  fi
done <<<"$known"
