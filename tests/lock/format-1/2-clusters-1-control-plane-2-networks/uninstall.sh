#!/usr/bin/env bash
# Removes mesh mesh1 from its clusters. Run it again at any time: what is gone is passed over.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly namespace=istio-system
readonly ours=app.kubernetes.io/managed-by=meshgen,app.kubernetes.io/part-of=mesh1

usage() {
  cat <<'USAGE'
usage: uninstall.sh --yes [--crds]
  --yes   really remove; without it, say what would go
  --crds  remove Istio's CustomResourceDefinitions too, and with them every object of these kinds in the clusters
USAGE
}

yes='' crds='' current=''
for argument in "$@"; do
  case $argument in
    --yes) yes=yes ;;
    --crds) crds=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

finish() {
  local code=$?
  if [[ $code -ne 0 && -n $current ]]; then
    printf '\nerror: cluster %s was not cleaned; mend the cause and run this again\n' "$current" >&2
  fi
}
trap finish EXIT

# remove CLUSTER CONTEXT DIRECTORY...
remove() {
  local context=$2 directory kept
  current=$1
  printf '\n%s\n' "$1"
  for directory in "${@:3}"; do
    remove_objects "$1" "$context" "$directory"
  done
  kubectl --context="$context" -n "$namespace" delete secrets --ignore-not-found -l "$ours"
  istioctl x uninstall --context="$context" --purge -y
  if [[ -n $crds ]]; then
    remove_crds "$context"
  fi
  kept=$(others "$context")
  if [[ -n $kept ]]; then
    printf 'the namespace %s stays, since these are not ours:\n%s' "$namespace" "$kept"
  else
    kubectl --context="$context" delete namespace "$namespace" --ignore-not-found
  fi
  current=''
}

# remove_objects CLUSTER CONTEXT DIRECTORY
remove_objects() {
  local output
  if output=$(kubectl --context="$2" delete --ignore-not-found -k "$1/$3" 2>&1); then
    [[ -z $output ]] || printf '%s\n' "$output"
  elif [[ $output == *'no matches for kind'* ]]; then
    printf '%s: where the CRDs are gone, the objects are too\n' "$3"
  else
    printf '%s\n' "$output" >&2
    return 1
  fi
}

remove_crds() {
  local found name
  found=$(kubectl --context="$1" get customresourcedefinitions -o name)
  while IFS= read -r name; do
    [[ $name != *.istio.io ]] || kubectl --context="$1" delete "$name" --ignore-not-found
  done <<<"$found"
}

# What somebody else keeps in the namespace, one line each.
others() {
  local found name
  found=$(kubectl --context="$1" -n "$namespace" get --ignore-not-found -o name \
    deployments,statefulsets,daemonsets,services,secrets,configmaps,jobs,cronjobs,persistentvolumeclaims)
  while IFS= read -r name; do
    case $name in
      # What Kubernetes and istiod leave in every namespace that they worked in.
      '' | configmap/kube-root-ca.crt | configmap/istio* | secret/*-token-* | secret/*-token | secret/istio-ca-secret) ;;
      *) printf '  %s\n' "$name" ;;
    esac
  done <<<"$found"
}

printf 'This removes from each cluster: Istio, its east-west gateway, what meshgen stated, remote secrets, and the namespace %s.\n' "$namespace"
printf '  %s through the context %s\n' 'cluster2' 'cluster2'
printf '  %s through the context %s\n' 'cluster1' 'cluster1'
if [[ -z $yes ]]; then
  printf '\nNothing was removed; add --yes to go on.\n'
  exit 2
fi

remove 'cluster2' 'cluster2' 50-exposure
remove 'cluster1' 'cluster1' 60-zipkin 50-exposure
