#!/usr/bin/env bash
# Removes mesh mesh1 from its clusters. Run it again at any time: it skips what is already removed.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly namespace=istio-system mesh=mesh1
readonly ours=app.kubernetes.io/managed-by=meshgen,app.kubernetes.io/part-of=$mesh
# The labels of the objects that istioctl installs: they have the names of the IstioOperators in the tree.
readonly owner=install.operator.istio.io/owning-resource
readonly owned="$owner in (istio,eastwest-gateway),$owner-namespace=$namespace"

usage() {
  cat <<'USAGE'
usage: uninstall.sh --yes [--crds]
  --yes   remove; without it, only show what would be removed
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
    printf '\nerror: cluster %s was not cleaned; fix the cause and run this again\n' "$current" >&2
  fi
}
trap finish EXIT

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

declare -A is_there=()

# ask CLUSTER CONTEXT: whether the namespace is there, and of this mesh.
ask() {
  local found
  current=$1
  found=$(kubectl --context="$2" get namespace "$namespace" --ignore-not-found \
    -o jsonpath='{.metadata.labels.app\.kubernetes\.io/managed-by} {.metadata.labels.app\.kubernetes\.io/part-of}')
  case $found in
    '') ;;
    "meshgen $mesh") is_there[$1]=yes ;;
    *) fail "the namespace $namespace is not of mesh $mesh: its labels name \"${found#* }\"; does the context $2 lead to $1?" ;;
  esac
  current=''
}

# remove CLUSTER CONTEXT REVISION DIRECTORY...
remove() {
  local context=$2 directory kept
  current=$1
  printf '\n%s\n' "$1"
  if [[ -z ${is_there[$1]:-} ]]; then
    printf 'namespace %s does not exist\n' "$namespace"
  else
    for directory in "${@:4}"; do
      remove_objects "$1" "$context" "$directory"
    done
    kubectl --context="$context" -n "$namespace" delete secrets --ignore-not-found -l "$ours"
    remove_owned "$context" --namespaced=false
    remove_owned "$context" --namespaced=true
    # The webhooks that istioctl makes for a revision's tags have no owner.
    kubectl --context="$context" delete mutatingwebhookconfigurations,validatingwebhookconfigurations \
      --ignore-not-found -l "istio.io/rev=$3"
  fi
  if [[ -n $crds ]]; then
    remove_crds "$context"
  fi
  if [[ -n ${is_there[$1]:-} ]]; then
    kept=$(others "$context" "$3")
    if [[ -n $kept ]]; then
      printf 'the namespace %s stays, because these are not from meshgen:\n%s\n' "$namespace" "$kept"
    else
      kubectl --context="$context" delete namespace "$namespace" --ignore-not-found
    fi
  fi
  current=''
}

# remove_owned CONTEXT SCOPE: objects of every kind, but no CustomResourceDefinition: each takes all objects of its kind with it.
remove_owned() {
  local found kind kinds=''
  found=$(kubectl --context="$1" api-resources "$2" --verbs=list,delete -o name)
  while IFS= read -r kind; do
    [[ $kind == customresourcedefinitions.* ]] || kinds+=,$kind
  done <<<"$found"
  kubectl --context="$1" -n "$namespace" delete "${kinds#,}" --ignore-not-found -l "$owned"
}

# remove_objects CLUSTER CONTEXT DIRECTORY
remove_objects() {
  local output line
  if output=$(kubectl --context="$2" delete --ignore-not-found -k "$1/$3" 2>&1); then
    [[ -z $output ]] || printf '%s\n' "$output"
    return
  fi
  while IFS= read -r line; do
    case $line in
      *'no matches for kind'* | 'ensure CRDs are installed first'* | *' deleted') ;;
      *) fail "$output" ;;
    esac
  done <<<"$output"
  printf '%s: the CRDs are already removed, and so are the objects\n' "$3"
}

remove_crds() {
  local found name
  found=$(kubectl --context="$1" get customresourcedefinitions -o name)
  while IFS= read -r name; do
    [[ $name != *.istio.io ]] || kubectl --context="$1" delete "$name" --ignore-not-found
  done <<<"$found"
}

# others CONTEXT REVISION: objects in the namespace that are not from meshgen, one line each. Of what belongs to another object, that one is
# listed; what is being deleted is gone soon.
others() {
  local kinds found kind name type
  kinds=$(kubectl --context="$1" api-resources --namespaced=true --verbs=list -o name)
  found=$(kubectl --context="$1" -n "$namespace" get "${kinds//$'\n'/,}" --ignore-not-found \
    -o go-template='{{range .items}}{{if not (or .metadata.deletionTimestamp .metadata.ownerReferences)}}{{.kind}} {{.metadata.name}} {{.type}}{{"\n"}}{{end}}{{end}}')
  while read -r kind name type; do
    case "$kind/$name" in
      # Kubernetes makes these in every namespace, or derives them from other objects.
      / | ConfigMap/kube-root-ca.crt | ServiceAccount/default | Event/* | Endpoints/* | PodMetrics/*) ;;
      # istiod creates these, and nothing removes them.
      ConfigMap/istio-ca-root-cert | ConfigMap/istio-ca-crl | Secret/istio-ca-secret) ;;
      # istiods elect their leaders by these.
      ConfigMap/istio-leader | ConfigMap/istio-status-leader | ConfigMap/istio-analyze-leader) ;;
      ConfigMap/istio-gateway-leader | ConfigMap/istio-gateway-status-leader | ConfigMap/istio-node-untaint) ;;
      ConfigMap/istio-ip-autoallocate | ConfigMap/istio-namespace-controller-election) ;;
      ConfigMap/istio-serviceexport-controller-election | ConfigMap/istio-clustertrustbundle-controller-election) ;;
      Lease/istio-status-leader | Lease/istio-gateway-status-leader-"$2") ;;
      Lease/istio-gateway-deployment-"$2" | Lease/istio-gateway-inferencepool-"$2") ;;
      *)
        [[ $type == kubernetes.io/service-account-token ]] || printf '  %s %s\n' "$kind" "$name"
        ;;
    esac
  done <<<"$found"
}

printf 'This removes from each cluster: Istio, its east-west gateway, the other objects of meshgen, remote secrets, and the namespace %s.\n' "$namespace"
printf '  %s through the context %s\n' 'cluster2' 'cluster2'
printf '  %s through the context %s\n' 'cluster3' 'cluster3'
printf '  %s through the context %s\n' 'cluster1' 'cluster1'
printf 'Node routes stay until this is run on each node as root:\n'
printf '  %s/routes.sh remove\n' 'cluster2'
printf '  %s/routes.sh remove\n' 'cluster3'
if [[ -z $yes ]]; then
  printf '\nNothing was removed. To remove all this, add --yes.\n'
  exit 2
fi

ask 'cluster2' 'cluster2'
ask 'cluster3' 'cluster3'
ask 'cluster1' 'cluster1'

remove 'cluster2' 'cluster2' 'default' 50-exposure
remove 'cluster3' 'cluster3' 'default'
remove 'cluster1' 'cluster1' 'default' 60-zipkin 50-exposure
