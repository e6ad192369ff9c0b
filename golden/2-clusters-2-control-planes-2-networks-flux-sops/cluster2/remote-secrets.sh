#!/usr/bin/env bash
# Gives the control plane of cluster2 the credentials of the other clusters of mesh mesh1.
# Run it again at any time: it renews existing credentials, and lists those of clusters that left the mesh. No credential is printed or stored.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
set -euo pipefail
shopt -s inherit_errexit
readonly context='cluster2' namespace=istio-system
readonly labels=(app.kubernetes.io/managed-by=meshgen app.kubernetes.io/part-of=mesh1)

usage() {
  cat >&2 <<'USAGE'
usage: remote-secrets.sh [--cluster NAME]... [--prune]
  --cluster NAME  only the credentials of this cluster
  --prune         remove the credentials of clusters that left the mesh
USAGE
  exit 2
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
declare -A members=() servers=() selected=()

# member CLUSTER CONTEXT API-SERVER
member() {
  members[$1]=$2 servers[$1]=$3
}

member 'cluster1' 'cluster1' 'https://192.168.10.10:6443'

prune=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --prune) prune=yes ;;
    --cluster)
      [[ $# -gt 1 ]] || usage
      [[ -n ${members[${2:-.}]:-} ]] || { printf 'error: %s needs no credentials of a cluster %s\n' 'cluster2' "$2" >&2; usage; }
      selected[$2]=yes
      shift
      ;;
    *) usage ;;
  esac
  shift
done

# secret CLUSTER
secret() {
  local cluster=$1 manifest
  [[ ${#selected[@]} -eq 0 || -n ${selected[$1]:-} ]] || return 0
  printf 'remote secret of %s\n' "$cluster"
  manifest=$(istioctl create-remote-secret --context="${members[$1]}" --name="$cluster" --server="${servers[$1]}") ||
    fail "$cluster gives no credential; does its context answer?"
  [[ $manifest =~ name:\ \"?istio-remote-secret-$cluster\"?($'\n') ]] || fail "istioctl made no remote secret of $cluster"
  [[ $manifest =~ token:\ +\"?[A-Za-z0-9._-]+ ]] || fail "the credential of $cluster is empty"
  # The context is not asked; without one, kubectl fails where the kubeconfig has no current context.
  manifest=$(kubectl --context="$context" label --local -f - -o yaml --overwrite "${labels[@]}" <<<"$manifest")
  [[ $manifest =~ token: ]] || fail "the remote secret of $cluster cannot be labelled"
  act kubectl --context="$context" apply --server-side --field-manager=meshgen --force-conflicts -f - <<<"$manifest" ||
    fail "cluster2 does not take the remote secret of $cluster"
}

secret 'cluster1'

known=$(ask "$context" '{range .items[*]}{.metadata.name}{"\n"}{end}' secrets -n "$namespace" \
  -l "istio/multiCluster=true,${labels[0]},${labels[1]}")
while IFS= read -r name; do
  [[ -n $name && -z ${members[${name#istio-remote-secret-}]:-} ]] || continue
  if [[ -n $prune ]]; then
    printf 'the Secret %s belongs to a cluster that left the mesh\n' "$name"
    act kubectl --context="$context" -n "$namespace" delete secret "$name"
  else
    printf 'the Secret %s belongs to a cluster that left the mesh: --prune removes it\n' "$name"
  fi
done <<<"$known"
