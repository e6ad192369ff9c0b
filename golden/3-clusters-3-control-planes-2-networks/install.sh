#!/usr/bin/env bash
# Installs mesh mesh1 with Istio 1.11.2, in order, from a workstation with a kubeconfig context for each cluster.
# Run it again at any time: steps that are done change nothing. It deletes nothing.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly istio_version=1.11.2 namespace=istio-system timeout=10m
# Annotations of the namespace: what its proxies knew when they started, and which authority its istiod read.
readonly proxies=meshgen/proxies-started-with authority=meshgen/istiod-started-with
# The gateways that istiod injects or istioctl installs.
readonly gateways='istio in (ingressgateway,egressgateway,eastwestgateway)'
readonly workload_namespaces=('istio')

usage() {
  cat <<'USAGE'
usage: install.sh [--dry-run] [--from STEP] [--cluster NAME]... [--no-restart]
  --dry-run       print the commands in order and run none
  --from STEP     begin with this step, as a failure names it
  --cluster NAME  only the steps of this cluster, and its remote secret in its primary
  --no-restart    do not restart what started with an older configuration
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

wrong() {
  printf 'error: %s\n' "$*" >&2
  usage >&2
  exit 2
}

readonly names=('cluster1' 'cluster2' 'cluster3')
readonly primaries=('cluster1' 'cluster2' 'cluster3')
readonly routed=('cluster2' 'cluster3')
declare -A context=() primary=() istiod=() at_start=() selected=()

# cluster NAME CONTEXT PRIMARY SERVICE: the last is that of its control plane.
cluster() {
  context[$1]=$2 primary[$1]=$3 istiod[$1]=$4
}

# What the proxies of a cluster know from their start alone.
cluster 'cluster1' 'cluster1' 'cluster1' 'istiod'
at_start['cluster1']='istio=1.11.2 control-plane=cluster1 configuration=63319a1bc58d'
cluster 'cluster2' 'cluster2' 'cluster2' 'istiod'
at_start['cluster2']='istio=1.11.2 control-plane=cluster2 configuration=a5674957c347'
cluster 'cluster3' 'cluster3' 'cluster3' 'istiod'
at_start['cluster3']='istio=1.11.2 control-plane=cluster3 configuration=92fdd2bdf13c'

dry_run='' from='' no_restart='' current='' index=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --no-restart) no_restart=yes ;;
    --from)
      [[ $# -gt 1 ]] || wrong '--from needs a step'
      from=$2
      shift
      ;;
    --cluster)
      [[ $# -gt 1 && -n ${context[${2:-.}]:-} ]] || wrong "--cluster needs one of: ${names[*]}"
      selected[$2]=yes
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) wrong "unknown argument $1" ;;
  esac
  shift
done

finish() {
  local code=$? options='' first other
  if [[ $code -ne 0 && -n $current ]]; then
    for name in "${!selected[@]}"; do
      options+=" --cluster $name"
    done
    [[ -z $no_restart ]] || options+=' --no-restart'
    # In a mesh that runs, a step that is still to come may be listed before this one.
    first=$index
    for other in "${todo[@]:position - 1}"; do
      [[ $other -gt $first ]] || first=$other
    done
    options+=" --from ${steps[first]}"
    printf '\nerror: step %s failed in cluster %s; fix the cause and continue with:\n  ./install.sh%s\n' \
      "$current" "${current%%/*}" "$options" >&2
  fi
}
trap finish EXIT

steps=() calls=() stages=() titles=() title='' number=0

stage() {
  title=$1 number=$((number + 1))
}

# step NAME FUNCTION [ARGUMENT]...
step() {
  steps+=("$1") calls+=("${*:2}") stages+=("$number") titles+=("$title")
}

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
    act "$@"
  fi
}

# annotation CONTEXT KEY: of the namespace; empty where there is none.
annotation() {
  ask "$1" "{.items[*].metadata.annotations.$2}" namespaces --field-selector "metadata.name=$namespace"
}

# annotate CONTEXT KEY VALUE
annotate() {
  act kubectl --context="$1" annotate namespace "$namespace" --overwrite "$2=$3"
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

# new CLUSTER CONTEXT: `yes` if there was no control plane before, nor anything that knows one.
new() {
  local known found
  known=$(annotation "$2" "$proxies")
  found=$(ask "$2" '{.items[*].metadata.name}' services -n "$namespace" --field-selector "metadata.name=${istiod[$1]}")
  [[ -n $known$found ]] || printf 'yes'
}

# What starts from now on starts with this configuration; written down before, so that an installation that was stopped knows it.
note_new() {
  local is_new
  [[ -z $dry_run ]] || return 0
  is_new=$(new "$1" "$2")
  if [[ -n $is_new ]]; then
    local digest
    digest=$(authority_of "$1")
    annotate "$2" "$authority" "$digest"
    annotate "$2" "$proxies" "${at_start[$1]}"
  fi
}

authority_of() {
  local digest count roots=''
  count=$(grep -c BEGIN "$1/20-cacerts/root-cert.pem")
  # While the root is replaced, there is more to read than the chain.
  [[ $count == 1 ]] || roots="root-cert.pem"
  digest=$(cd "$1/20-cacerts" && cat cert-chain.pem $roots | sha256sum)
  printf '%s' "${digest%% *}"
}

# This istiod reads its authority when it starts, and only then.
restart_istiod() {
  local digest last
  if [[ -n $dry_run ]]; then
    printf '   # only where the Secret cacerts has changed under a running istiod:\n'
    run kubectl --context="$2" -n "$namespace" rollout restart "deployment/$3"
    return
  fi
  digest=$(authority_of "$1")
  last=$(annotation "$2" "$authority")
  [[ $digest != "$last" ]] || return 0
  if [[ -n $no_restart ]]; then
    printf '%s signs with an older certificate until it restarts\n' "$3"
    return
  fi
  act kubectl --context="$2" -n "$namespace" rollout restart "deployment/$3"
  act kubectl --context="$2" -n "$namespace" rollout status "deployment/$3" --timeout="$timeout"
  annotate "$2" "$authority" "$digest"
}

install_istio() {
  note_new "$@"
  run istioctl install --context="$2" -y -f "$1/30-istio/istio.yaml" -f "$1/30-istio/mesh-config.yaml"
  run kubectl --context="$2" -n "$namespace" rollout status deployment/"$3" --timeout="$timeout"
  restart_istiod "$@"
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

# secrets_of PRIMARY: the selected clusters whose remote secrets its istiod needs.
secrets_of() {
  local name
  for name in "${!selected[@]}"; do
    if [[ $name != "$1" && ( -n ${selected[$1]:-} || ${primary[$name]} == "$1" ) ]]; then
      printf '%s\n' "$name"
    fi
  done
}

remote_secrets() {
  local wanted name options=()
  wanted=$(secrets_of "$1")
  while IFS= read -r name; do
    [[ -z $name ]] || options+=(--cluster "$name")
  done <<<"$wanted"
  run "./$1/remote-secrets.sh" "${options[@]}"
}

# older CLUSTER CONTEXT: gateways and workloads that started with another configuration, a line each: NAMESPACE KIND/NAME. Of what has
# restarted already, when a restart was stopped, nothing is listed.
older() {
  local workload
  older_in "$1" "$2" "$namespace" deployments -l "$gateways"
  for workload in "${workload_namespaces[@]}"; do
    older_in "$1" "$2" "$workload" deployments,statefulsets,daemonsets
  done
}

# older_in CLUSTER CONTEXT NAMESPACE KINDS [SELECTOR]
older_in() {
  local found kind name with
  found=$(ask "$2" "{range .items[*]}{.kind} {.metadata.name} {.metadata.annotations.$proxies}{\"\n\"}{end}" "${@:4}" -n "$3")
  while read -r kind name with; do
    [[ -z $name || $with == "${at_start[$1]}" || $with == "${at_start[$1]} roots="* ]] || printf '%s %s/%s\n' "$3" "${kind,,}" "$name"
  done <<<"$found"
}

# Restarts what started with an older configuration: gateways and workloads, never istiod.
restart() {
  local known found where name
  if [[ -n $dry_run ]]; then
    printf '   # only what started with an older configuration:\n'
    run kubectl --context="$2" -n "$namespace" rollout restart deployments -l "$gateways"
    for where in "${workload_namespaces[@]}"; do
      run kubectl --context="$2" -n "$where" rollout restart deployments,statefulsets,daemonsets
    done
    return
  fi
  known=$(annotation "$2" "$proxies")
  # Further roots that they know do no harm.
  if [[ $known == "${at_start[$1]}" || $known == "${at_start[$1]} roots="* ]]; then
    printf 'everything started with this configuration\n'
    return
  fi
  found=$(older "$1" "$2")
  if [[ -n $no_restart && -n $found ]]; then
    printf 'these started with an older configuration, and keep it until they restart:\n%s\n' "$found"
    return
  fi
  while read -r where name; do
    [[ -z $name ]] || act kubectl --context="$2" -n "$where" rollout restart "$name"
  done <<<"$found"
  while read -r where name; do
    if [[ -n $name ]]; then
      act kubectl --context="$2" -n "$where" rollout status "$name" --timeout="$timeout"
      act kubectl --context="$2" -n "$where" annotate "$name" --overwrite "$proxies=${at_start[$1]}"
    fi
  done <<<"$found"
  annotate "$2" "$proxies" "${at_start[$1]}"
}

stage 'Namespaces and certificate authorities'
step 'cluster1/10-namespace' apply 10-namespace
step 'cluster1/20-cacerts' apply_secret 20-cacerts
step 'cluster2/10-namespace' apply 10-namespace
step 'cluster2/20-cacerts' apply_secret 20-cacerts
step 'cluster3/10-namespace' apply 10-namespace
step 'cluster3/20-cacerts' apply_secret 20-cacerts
stage 'Primaries'
step 'cluster1/30-istio' install_istio istiod
step 'cluster1/40-eastwest-gateway' install_gateway
step 'cluster1/50-exposure' apply 50-exposure
step 'cluster2/30-istio' install_istio istiod
step 'cluster2/40-eastwest-gateway' install_gateway
step 'cluster2/50-exposure' apply 50-exposure
step 'cluster3/30-istio' install_istio istiod
step 'cluster3/40-eastwest-gateway' install_gateway
step 'cluster3/50-exposure' apply 50-exposure
stage 'Remote secrets'
step 'cluster1/remote-secrets.sh' remote_secrets
step 'cluster2/remote-secrets.sh' remote_secrets
step 'cluster3/remote-secrets.sh' remote_secrets
stage 'Trace collector'
step 'cluster1/60-zipkin' apply_collector 60-zipkin
stage 'Restart of what runs with an older mesh config'
step 'cluster1/restart' restart
step 'cluster2/restart' restart
step 'cluster3/restart' restart

# What is to be done: the steps of the selected clusters from the first one on.
todo=() is_reached=''
[[ -n $from ]] || is_reached=yes
for index in "${!steps[@]}"; do
  [[ ${steps[index]} != "$from" ]] || is_reached=yes
  [[ -n $is_reached ]] || continue
  name=${steps[index]%%/*}
  if [[ ${#selected[@]} -eq 0 ]]; then
    todo+=("$index")
  elif [[ ${calls[index]} == remote_secrets ]]; then
    wanted=$(secrets_of "$name")
    [[ -z $wanted ]] || todo+=("$index")
  elif [[ -n ${selected[$name]:-} ]]; then
    todo+=("$index")
  fi
done
if [[ -z $is_reached ]]; then
  printf 'error: no such step: %s; the steps are\n' "$from" >&2
  printf '  %s\n' "${steps[@]}" >&2
  exit 2
fi

# check_files CLUSTER: the certificates are complete, and those of the lock.
check_files() {
  local lines
  [[ -e $1/20-cacerts/ca-key.pem ]] ||
    fail "$1/20-cacerts/ca-key.pem is missing: private keys are not in Git; run meshgen build where the keys can be made"
  lines=$(grep -E "^[0-9a-f]{64} $1/20-cacerts/[a-z-]+\.pem$" meshgen.lock) || fail "meshgen.lock does not list the certificates of $1"
  sha256sum --check --quiet --strict <<<"${lines// /  }" >&2 ||
    fail "the certificates of $1 are not those of meshgen.lock: run meshgen build again"
}

# shares ROOTS OTHERS: a certificate of the second text is in the first.
shares() {
  local rest=$2
  while [[ $rest == *-----BEGIN* ]]; do
    [[ $1 != *"${rest%%-----END*}"* ]] || return 0
    rest=${rest#*-----END CERTIFICATE-----}
    rest=${rest#$'\n'}
  done
  return 1
}

# check_authority CLUSTER: a cluster that has roots keeps one of them.
check_authority() {
  local live ours
  live=$(ask "${context[$1]}" '{.items[*].data.root-cert\.pem}' secrets -n "$namespace" --field-selector metadata.name=cacerts)
  [[ -n $live ]] || return 0
  live=$(base64 --decode <<<"$live") || fail "the Secret cacerts of cluster $1 has no root that can be read"
  ours=$(<"$1/20-cacerts/root-cert.pem")
  shares "$live" "$ours" ||
    fail "the Secret cacerts of cluster $1 has another root than this tree, and proxies of two roots refuse each other: does the context ${context[$1]} lead to $1? If the root is to be replaced, delete that Secret first"
}

# announce CLUSTER: how much restarts.
announce() {
  local known is_new found lines=()
  known=$(annotation "${context[$1]}" "$proxies")
  is_new=$(new "$1" "${context[$1]}")
  [[ -z $is_new && $known != "${at_start[$1]}" ]] || return 0
  found=$(older "$1" "${context[$1]}")
  [[ -z $found ]] || mapfile -t lines <<<"$found"
  if [[ -n $no_restart ]]; then
    printf '%s: gateways and workloads that you have to restart: %d\n' "$1" "${#lines[@]}"
  else
    printf '%s: gateways and workloads that restart at the end: %d\n' "$1" "${#lines[@]}"
  fi
  printf '  they started with %s\n  and it is now     %s\n' "${known:-what is not known}" "${at_start[$1]}"
}

if [[ -z $dry_run ]]; then
  [[ ! -e .meshgen-journal ]] || fail 'a build was stopped here before it was complete: run meshgen build again'
  for tool in kubectl istioctl sha256sum base64; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
  done
  declare -A asked=()
  for index in "${todo[@]}"; do
    name=${steps[index]%%/*}
    asked[$name]=yes
    case ${calls[index]} in
      'apply_secret '*) check_files "$name" ;;
      remote_secrets)
        wanted=$(secrets_of "$name")
        if [[ ${#selected[@]} -eq 0 ]]; then
          wanted=$(printf '%s\n' "${!context[@]}")
        fi
        while IFS= read -r other; do
          asked[$other]=yes
        done <<<"$wanted"
        ;;
    esac
  done
  found=$(istioctl version --remote=false)
  found=${found##* }
  [[ $found == "$istio_version" ]] || fail "istioctl is $found, and this mesh is made for $istio_version"
  for name in "${names[@]}"; do
    [[ -n ${asked[$name]:-} ]] || continue
    found=$(kubectl --context="${context[$name]}" --request-timeout=20s get --raw /readyz) || found=''
    [[ -n $found ]] || fail "cluster $name does not answer through the context ${context[$name]}"
  done
  for index in "${todo[@]}"; do
    [[ ${calls[index]} != 'apply_secret '* ]] || check_authority "${steps[index]%%/*}"
  done
  # In a mesh that runs, remotes are upgraded first: their roles for readers come before an istiod that needs them.
  ranked=()
  for index in "${todo[@]}"; do
    name=${steps[index]%%/*} rank=$((2 * stages[index])) known=''
    case ${calls[index]} in
      install_istio* | install_remote*)
        if [[ ${primary[$name]} != "$name" ]]; then
          known=$(annotation "${context[$name]}" "$proxies")
        fi
        ;;
    esac
    if [[ -n $known && " $known " != *" istio=$istio_version "* && " $known " == *" control-plane=${primary[$name]} "* ]]; then
      # After the first stage, that of namespaces.
      rank=3
    fi
    ranked+=("$rank $index")
  done
  sorted=$(printf '%s\n' "${ranked[@]}" | sort -n -k 1,1 -k 2,2)
  todo=()
  while read -r _ index; do
    todo+=("$index")
  done <<<"$sorted"
  for index in "${todo[@]}"; do
    [[ ${calls[index]} != restart ]] || announce "${steps[index]%%/*}"
  done
fi

if [[ -z $from ]]; then
  for name in "${routed[@]}"; do
    if [[ ${#selected[@]} -eq 0 || -n ${selected[$name]:-} ]]; then
      printf 'Before this, on each node of %s as root: %s/routes.sh add\n' "$name" "$name"
    fi
  done
fi

position=0 title=''
for index in "${todo[@]}"; do
  if [[ ${titles[index]} != "$title" ]]; then
    title=${titles[index]}
    printf '\n%s\n' "$title"
  fi
  position=$((position + 1))
  current=${steps[index]}
  name=${current%%/*}
  read -ra words <<<"${calls[index]}"
  printf '[%d/%d] %s\n' "$position" "${#todo[@]}" "$current"
  "${words[0]}" "$name" "${context[$name]}" "${words[@]:1}"
  current=''
done

if [[ -z $dry_run ]]; then
  if [[ ${#selected[@]} -gt 0 ]]; then
    printf '\nA cluster that is new is known to the other control planes once they have its remote secret:\n'
    for name in "${primaries[@]}"; do
      unknown=''
      for other in "${!selected[@]}"; do
        [[ ${primary[$other]} == "$name" ]] || unknown+=" --cluster $other"
      done
      if [[ -n ${selected[$name]:-} ]]; then
        printf '  %s/remote-secrets.sh\n' "$name"
      elif [[ -n $unknown ]]; then
        printf '  %s/remote-secrets.sh%s\n' "$name" "$unknown"
      fi
    done
  fi
  printf '\nDone. Run ./verify.sh to check whether the mesh is up.\n'
fi
