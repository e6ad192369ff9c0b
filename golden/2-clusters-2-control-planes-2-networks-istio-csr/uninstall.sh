#!/usr/bin/env bash
# Removes mesh mesh1 from its clusters. Run it again at any time: it skips what is already removed.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
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
usage: uninstall.sh --yes [--crds] [--cluster NAME]...
  --yes           remove; without it, only show what would be removed
  --crds          remove Istio's CustomResourceDefinitions too, and with them every object of these kinds in the clusters
  --cluster NAME  only from this cluster
USAGE
}

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# ask CONTEXT TEMPLATE WORD...: what kubectl gets, through a template over a list. About what does not exist, the answer is empty;
# no answer at all is a failure.
ask() {
  local answer
  answer=$(kubectl --context="$1" get "${@:3}" -o jsonpath="answer:$2")
  [[ $answer == answer:* ]] || fail "kubectl does not answer: get ${*:3}"
  printf '%s' "${answer#answer:}"
}

# relay: prints each line as it comes, and fails if there is none.
relay() {
  local line is_silent=yes
  while IFS= read -r line || [[ -n $line ]]; do
    printf '%s\n' "$line"
    is_silent=''
  done
  [[ -z $is_silent ]]
}

# act COMMAND...: runs what says what it does, istioctl on standard error; silence is a failure.
act() {
  local codes=(0 0)
  "$@" 2>&1 | relay || codes=("${PIPESTATUS[@]}")
  [[ ${codes[0]} -eq 0 ]] || return "${codes[0]}"
  [[ ${codes[1]} -eq 0 ]] || fail "no answer: $*"
}

names=('cluster1' 'cluster2')
declare -A context=() revision=() service=() directories=() selected=()

# cluster NAME CONTEXT REVISION SERVICE DIRECTORY...
cluster() {
  context[$1]=$2 revision[$1]=$3 service[$1]=$4 directories[$1]=${*:5}
}

cluster 'cluster1' 'cluster1' 'default' 'istiod' 50-exposure 20-roots
cluster 'cluster2' 'cluster2' 'default' 'istiod' 50-exposure 20-roots

yes='' crds='' current=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --yes) yes=yes ;;
    --crds) crds=yes ;;
    --cluster)
      [[ $# -gt 1 && -n ${context[${2:-.}]:-} ]] || { usage >&2; exit 2; }
      selected[$2]=yes
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
if [[ ${#selected[@]} -gt 0 ]]; then
  others=()
  for name in "${names[@]}"; do
    [[ -z ${selected[$name]:-} ]] || others+=("$name")
  done
  names=("${others[@]}")
fi

finish() {
  local code=$?
  if [[ $code -ne 0 && -n $current ]]; then
    printf '\nerror: cluster %s was not cleaned; fix the cause and run this again\n' "$current" >&2
  fi
}
trap finish EXIT

declare -A is_there=()

# look CLUSTER: whether the namespace is there, and of this mesh.
look() {
  local found
  current=$1
  found=$(ask "${context[$1]}" '{range .items[*]}{.metadata.labels.app\.kubernetes\.io/managed-by} {.metadata.labels.app\.kubernetes\.io/part-of}{end}' \
    namespaces --field-selector "metadata.name=$namespace")
  case $found in
    '') ;;
    "meshgen $mesh") is_there[$1]=yes ;;
    *) fail "the namespace $namespace is not of mesh $mesh: its labels name \"${found#* }\"; does the context ${context[$1]} lead to $1?" ;;
  esac
  current=''
}

# remove CLUSTER
remove() {
  local context=${context[$1]} words directory kept
  current=$1
  read -ra words <<<"${directories[$1]}"
  printf '\n%s\n' "$1"
  if [[ -z ${is_there[$1]:-} ]]; then
    printf 'namespace %s does not exist\n' "$namespace"
  else
    for directory in "${words[@]}"; do
      remove_objects "$1" "$context" "$directory"
    done
    kubectl --context="$context" -n "$namespace" delete secrets --ignore-not-found -l "$ours"
    remove_owned "$context" --namespaced=false
    remove_owned "$context" --namespaced=true
    # The webhooks that istioctl makes for a revision's tags have no owner.
    kubectl --context="$context" delete mutatingwebhookconfigurations,validatingwebhookconfigurations \
      --ignore-not-found -l "istio.io/rev=${revision[$1]}"
    # istioctl makes this one for a remote without an istiod, and never removes it.
    kubectl --context="$context" -n "$namespace" delete endpointslice "${service[$1]}" --ignore-not-found
  fi
  if [[ -n $crds ]]; then
    remove_crds "$context"
  fi
  if [[ -n ${is_there[$1]:-} ]]; then
    kept=$(others "$context" "${revision[$1]}")
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
  [[ -n $found ]] || fail "kubectl does not say which kinds of objects there are: api-resources $2"
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
      *'no matches for kind'* | 'ensure CRDs are installed first'* | *' deleted' | *' deleted from '*' namespace') ;;
      *) fail "$output" ;;
    esac
  done <<<"$output"
  printf '%s: the CRDs are already removed, and so are the objects\n' "$3"
}

remove_crds() {
  local found name
  found=$(ask "$1" '{range .items[*]}{.metadata.name}{"\n"}{end}' customresourcedefinitions)
  while IFS= read -r name; do
    [[ $name != *.istio.io ]] || kubectl --context="$1" delete customresourcedefinition "$name" --ignore-not-found
  done <<<"$found"
}

# others CONTEXT REVISION: objects in the namespace that are not from meshgen, one line each. Of what belongs to another object, that one is
# listed; what is being deleted is gone soon.
others() {
  local kinds found kind name type
  kinds=$(kubectl --context="$1" api-resources --namespaced=true --verbs=list -o name)
  [[ -n $kinds ]] || fail 'kubectl does not say which kinds of objects there are: api-resources'
  found=$(ask "$1" '{range .items[*]}{.kind}|{.metadata.name}|{.type}|{.metadata.deletionTimestamp}{.metadata.ownerReferences[*].kind}{"\n"}{end}' \
    "${kinds//$'\n'/,}" -n "$namespace")
  while IFS='|' read -r kind name type dependent; do
    [[ -z $dependent ]] || continue
    case "$kind/$name" in
      # Kubernetes makes these in every namespace, or derives them from other objects.
      / | ConfigMap/kube-root-ca.crt | ServiceAccount/default | Event/* | Endpoints/* | PodMetrics/*) ;;
      # istiod creates these, and nothing removes them.
      ConfigMap/istio-ca-root-cert | ConfigMap/istio-ca-crl | Secret/istio-ca-secret) ;;
      # istioctl 1.11 keeps what it installed in these (`operator/cmd/mesh/shared.go`).
      IstioOperator/installed-state-istio | IstioOperator/installed-state-istio-"$2") ;;
      IstioOperator/installed-state-eastwest-gateway | IstioOperator/installed-state-eastwest-gateway-"$2") ;;
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
for name in "${names[@]}"; do
  printf '  %s through the context %s\n' "$name" "${context[$name]}"
done
if [[ -z $yes ]]; then
  printf '\nNothing was removed. To remove all this, add --yes.\n'
  exit 2
fi

for name in "${names[@]}"; do
  look "$name"
done

for name in "${names[@]}"; do
  remove "$name"
done
if [[ ${#selected[@]} -gt 0 ]]; then
  printf '\nThe other clusters keep the credentials of these until the topology no longer names them, and each remote-secrets.sh --prune of the new tree was run.\n'
fi
