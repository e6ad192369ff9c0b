#!/usr/bin/env bash
# Checks whether mesh mesh1 is up. It changes nothing, continues after a failed check, and exits with 1 if a check failed.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
set -euo pipefail
shopt -s inherit_errexit
set +e
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

readonly istio_version=1.11.2 namespace=istio-system
# An annotation of the namespace: what its proxies knew when they started; and which authority its istiod read.
readonly proxies=meshgen/proxies-started-with authority=meshgen/istiod-started-with
# How many clusters are asked at the same time.
readonly at_once=16

usage() {
  cat <<'USAGE'
usage: verify.sh [--cluster NAME]... [--format text|json]
  --cluster NAME  only this cluster
  --format json   a list of checks: {"cluster", "status": "ok", "failed" or "skipped", "check"}
USAGE
}

wrong() {
  printf 'error: %s\n' "$*" >&2
  usage >&2
  exit 2
}

names=('cluster1' 'cluster2' 'cluster3')
declare -A context=() selected=()
context['cluster1']='cluster1'
context['cluster2']='cluster2'
context['cluster3']='cluster3'

format=text
while [[ $# -gt 0 ]]; do
  case $1 in
    --cluster)
      [[ $# -gt 1 && -n ${context[${2:-.}]:-} ]] || wrong "--cluster needs one of: ${names[*]}"
      selected[$2]=yes
      shift
      ;;
    --format)
      [[ ${2:-} == text || ${2:-} == json ]] || wrong '--format needs text or json'
      format=$2
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) wrong "unknown argument $1" ;;
  esac
  shift
done

# A check is a line: its status and what was found.
ok() {
  printf 'ok %s\n' "${*//$'\n'/ }"
}

bad() {
  printf 'failed %s\n' "${*//$'\n'/ }"
}

skipped() {
  printf 'skipped %s\n' "${*//$'\n'/ }"
}

kube() {
  kubectl --context="$context" --request-timeout=20s "$@" 2>/dev/null
}

# look TEMPLATE WORD...: what kubectl gets, through a template over a list; it stands in $answer. No answer is a failed check.
look() {
  answer=$(kube get "${@:2}" -o jsonpath="answer:$1")
  if [[ $answer != answer:* ]]; then
    bad "kubectl does not answer: get ${*:2}"
    return 1
  fi
  answer=${answer#answer:}
}

# ready DEPLOYMENT
ready() {
  local said
  if said=$(kube -n "$namespace" rollout status "deployment/$1" --timeout=15s) && [[ -n $said ]]; then
    ok "$1 is ready"
  else
    bad "$1 is not ready"
  fi
}

# versions: of istiod, and of the proxies that it serves.
versions() {
  local said line istiod='' others='' data=''
  said=$(istioctl --context="$context" version "${revision[@]}" 2>/dev/null)
  while IFS= read -r line; do
    case $line in
      'client version: '*) ;;
      'data plane version: '*) data=${line#*: } ;;
      *' version: '*)
        istiod=${line##* }
        [[ $istiod == "$istio_version" || $istiod == "$istio_version"-* ]] || others+=" $istiod"
        ;;
    esac
  done <<<"$said"
  if [[ -z $istiod ]]; then
    bad 'istiod does not say its version'
  elif [[ -n $others ]]; then
    bad "istiod runs$others, and the topology has $istio_version: run install.sh"
  else
    ok "istiod runs $istiod"
  fi
  others=''
  while IFS= read -r line; do
    line=${line# }
    [[ $line == none || $line == "$istio_version "* || $line == "$istio_version"-* ]] || others+=", $line"
  done <<<"${data//,/$'\n'}"
  if [[ -z $data ]]; then
    bad 'istiod does not say which proxies it serves'
  elif [[ -n $others ]]; then
    bad "proxies run ${others#, }, and the topology has $istio_version: restart them"
  else
    ok "the proxies that it serves run $istio_version"
  fi
}

# root DIRECTORY SELECTOR: the roots that proxies and webhooks trust are those of the tree.
root() {
  local stated encoded found line where='' told='' others='' is_none=yes
  stated=$(<"$1/root-cert.pem")
  look '{range .items[*]}namespace:{.metadata.namespace}{"\n"}{.data.root-cert\.pem}{"\n"}{end}namespace:' \
    configmaps --all-namespaces --field-selector metadata.name=istio-ca-root-cert || return
  while IFS= read -r line; do
    case $line in
      namespace:*)
        [[ -z $where || $told == "$stated"$'\n' ]] || others+=", $where"
        [[ $where != "$namespace" ]] || is_none=''
        where=${line#namespace:} told=''
        ;;
      ?*) told+=$line$'\n' ;;
    esac
  done <<<"$answer"
  if [[ -n $is_none ]]; then
    bad 'istiod has told its proxies no root'
  elif [[ -n $others ]]; then
    bad "its proxies trust another root than that of this tree, in ${others#, }"
  else
    ok 'its proxies trust the root of this tree'
  fi
  encoded=$(base64 <"$1/root-cert.pem")
  encoded=${encoded//$'\n'/}
  look '{range .items[*].webhooks[*]}webhook:{.clientConfig.caBundle}{"\n"}{end}' mutatingwebhookconfigurations -l "$2" || return
  found=''
  while IFS= read -r line; do
    case $line in
      '' | "webhook:$encoded") ;;
      webhook:) found='the API server has no root for its injection webhooks, and new pods do not start: the control plane does not know the cluster yet' ;;
      *) found='the API server trusts another root for its injection webhooks: new pods do not start' ;;
    esac
  done <<<"$answer"
  if [[ -z $answer ]]; then
    bad 'no webhook injects sidecars'
  elif [[ -n $found ]]; then
    bad "$found"
  else
    ok 'the API server trusts the root for its injection webhooks'
  fi
}

# intermediate DIRECTORY: istiod has the certificate of the tree.
intermediate() {
  local encoded
  encoded=$(base64 <"$1/ca-cert.pem")
  look '{.items[*].data.ca-cert\.pem}' secrets -n "$namespace" --field-selector metadata.name=cacerts || return
  if [[ $answer == "${encoded//$'\n'/}" ]]; then
    ok 'istiod has the certificate of this tree'
  else
    bad 'istiod has another certificate than that of this tree: apply 20-cacerts'
  fi
  local count roots=''
  count=$(grep -c BEGIN "$1/root-cert.pem")
  [[ $count == 1 ]] || roots="root-cert.pem"
  encoded=$(cd "$1" && cat cert-chain.pem $roots | sha256sum)
  look "{.items[*].metadata.annotations.$authority}" namespaces --field-selector "metadata.name=$namespace" || return
  if [[ $answer == "${encoded%% *}" ]]; then
    ok 'istiod started with this certificate'
  elif [[ -z $answer ]]; then
    skipped 'install.sh did not write down with which certificate istiod started'
  else
    bad 'istiod started with another certificate: run install.sh'
  fi
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

# certificate DIRECTORY: the root that the proxy of the east-west gateway trusts, and the intermediate behind its own certificate.
certificate() {
  local said chain='' trusted='' signer root
  said=$(istioctl --context="$context" proxy-config secret deployment/istio-eastwestgateway -n "$namespace" -o json 2>/dev/null)
  said=${said//[[:space:]]/}
  if [[ $said =~ '"name":"default","tlsCertificate":{"certificateChain":{"inlineBytes":"'([^\"]+) ]]; then
    chain=$(base64 --decode <<<"${BASH_REMATCH[1]}")
  fi
  if [[ $said =~ '"name":"ROOTCA","validationContext":{"trustedCa":{"inlineBytes":"'([^\"]+) ]]; then
    trusted=$(base64 --decode <<<"${BASH_REMATCH[1]}")
  fi
  signer=$(<"$1/ca-cert.pem")
  root=$(<"$1/root-cert.pem")
  if [[ -z $chain || -z $trusted ]]; then
    bad 'the gateway does not say which certificates it has'
  elif [[ ${trusted//[[:space:]]/} == "${root//[[:space:]]/}" ]]; then
    if [[ ${chain//[[:space:]]/} == *"${signer//[[:space:]]/}"* ]]; then
      ok 'the gateway has a certificate under the root and the intermediate of this tree'
    else
      skipped 'the certificate of the gateway is not under the intermediate of this tree yet: it takes another within a day, or when it restarts'
    fi
  elif shares "$root" "$trusted"; then
    skipped 'the gateway trusts roots of before: it takes those of this tree within a day, or when it restarts'
  else
    bad 'the gateway trusts another root than that of this tree'
  fi
}

# started AT-START
started() {
  look "{.items[*].metadata.annotations.$proxies}" namespaces --field-selector "metadata.name=$namespace" || return
  # Further roots that they know do no harm.
  if [[ $answer == "$1" || $answer == "$1 roots="* ]]; then
    ok 'its proxies started with this configuration'
  elif [[ -z $answer ]]; then
    skipped 'install.sh did not write down with which configuration its proxies started'
  else
    bad "its proxies started with $answer, and it is now $1: run install.sh"
  fi
}

# resolve NAME...: the addresses, a line each.
resolve() {
  local name
  for name; do
    if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then
      printf '%s\n' "$name"
    else
      getent ahosts "$name" | while read -r name _; do printf '%s\n' "$name"; done
    fi
  done
}

# address WANTED: compares the address in the topology with that of the Service. Without WANTED, it prints what to write into the topology.
address() {
  local found wanted has='' one is_unknown=''
  look '{.items[*].spec.externalIPs[*]} {.items[*].status.loadBalancer.ingress[*].ip} {.items[*].status.loadBalancer.ingress[*].hostname}' \
    services -n "$namespace" --field-selector metadata.name=istio-eastwestgateway || return
  read -ra found <<<"$answer"
  if [[ -z $1 ]]; then
    ok "the gateway's address is ${found[*]:-not known yet}; the topology states none"
    return
  fi
  if [[ ${#found[@]} -eq 0 ]]; then
    bad "the topology gives the gateway the address $1, its Service has none"
    return
  fi
  if [[ " ${found[*]} " == *" $1 "* ]]; then
    ok "the gateway has the address $1"
    return
  fi
  wanted=$(resolve "$1" 2>/dev/null)
  for one in "${found[@]}"; do
    one=$(resolve "$one" 2>/dev/null)
    [[ -n $one ]] || is_unknown=yes
    has+=$one$'\n'
  done
  while IFS= read -r one; do
    if [[ -n $one && $'\n'$has == *$'\n'$one$'\n'* ]]; then
      ok "the gateway's address $1 leads to that of its Service, $one"
      return
    fi
  done <<<"$wanted"
  if [[ -z $wanted || -n $is_unknown ]]; then
    skipped "the topology gives the gateway the address $1, its Service has ${found[*]}: these names cannot be resolved here to compare them"
    return
  fi
  bad "the topology gives the gateway the address $1, its Service has ${found[*]}: write the address of the Service and build, or, if NAT or a proxy leads to it, discovery: static under eastWestGateway"
}

# knows CLUSTER...: exactly these clusters have a remote secret here, each under its own name.
knows() {
  local found name
  # A key of the Secret is the cluster ID that istiod books the endpoints under.
  # shellcheck disable=SC2016 # the template is kubectl's, not the shell's
  found=$(kube -n "$namespace" get secrets -l istio/multiCluster=true \
    -o go-template='answer: {{range .items}}{{range $key, $value := .data}}{{$key}} {{end}}{{end}}')
  if [[ $found != answer:* ]]; then
    bad 'kubectl does not answer: get secrets -l istio/multiCluster=true'
    return
  fi
  found=${found#answer:}
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
    bad "it knows $name, which is not a cluster of this mesh: remote-secrets.sh --prune removes its credentials"
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
  local cluster="outbound|$3||$1" known where hosts words=(deployment/istio-eastwestgateway -n "$namespace" -o json)
  if [[ -z $2 ]]; then
    # A Service of the mesh: this gateway knows it, but of its endpoints only those on its own network.
    known=$(istioctl --context="$context" proxy-config clusters "${words[@]}" --fqdn "$1" 2>/dev/null)
  else
    known=$(istioctl --context="$context" proxy-config endpoints "${words[@]}" --cluster "$cluster" 2>/dev/null)
  fi
  known=${known//[[:space:]]/}
  # An address is written as an address, and a name that Envoy resolves as its host name.
  if [[ $known == *"\"$cluster\""* && ( -z $2 || $known == *"\"address\":\"$2\",\"portValue\":$3"* || $known == *"\"hostname\":\"$2\""* ) ]]; then
    ok "its proxies know the collector $1"
  else
    bad "its proxies do not know the collector $1 on port $3"
  fi
  # A Sidecar that hides the collector keeps every new pod of its namespace from getting ready.
  look '{range .items[*]}{.metadata.namespace}/{.metadata.name} {.spec.egress[*].hosts[*]}{"\n"}{end}' sidecars.networking.istio.io --all-namespaces || return
  while read -r where hosts; do
    case " $hosts " in
      '  ' | *' */* '* | *" $namespace/* "* | *" */$1 "* | *" $namespace/$1 "*) ;;
      *) bad "the Sidecar $where hides the collector $1: new pods of its namespace do not get ready; add the host $namespace/$1 to its egress" ;;
    esac
  done <<<"$answer"
}

collector() {
  local said
  if said=$(kube get --raw "/api/v1/namespaces/$namespace/services/zipkin:9411/proxy/health") && [[ -n $said ]]; then
    ok 'the trace collector is healthy'
  else
    bad 'the trace collector is not healthy'
  fi
}

# routes ADDRESS...: where this runs on a node of the cluster, its routes.
routes() {
  local node found
  command -v ip >/dev/null || return
  for node; do
    if ! found=$(ip -o address show to "$node"); then
      bad 'ip does not say which addresses this machine has'
      return
    fi
    if [[ -n $found ]]; then
      if "./$cluster/routes.sh" check >/dev/null 2>&1; then
        ok "this node, $node, has its routes"
      else
        bad "this node, $node, lacks routes: $cluster/routes.sh check says which"
      fi
      return
    fi
  done
}

# left ISTIOD GATEWAY OBJECT...: what is there besides, and was stated once. ISTIOD and GATEWAY are empty where the cluster has none.
left() {
  local object stated=" ${*:3} " is_none=yes
  look '{range .items[*]}{.kind}/{.metadata.name}{"\n"}{end}' deployments,services,secrets,gateways.networking.istio.io,virtualservices.networking.istio.io,serviceentries.networking.istio.io,telemetries.telemetry.istio.io -n "$namespace" \
    -l app.kubernetes.io/managed-by=meshgen,app.kubernetes.io/part-of=mesh1 || return
  while IFS= read -r object; do
    # The credentials that a primary has are a check of their own.
    if [[ -n $object && $stated != *" $object "* && ( $object != Secret/istio-remote-secret-* || $stated != *' remote-secrets '* ) ]]; then
      bad "$object is left from an earlier topology: delete it"
      is_none=''
    fi
  done <<<"$answer"
  look '{range .items[*]}{.kind}/{.metadata.name}{"\n"}{end}' deployments,endpointslices -n "$namespace" || return
  while IFS= read -r object; do
    case $object in
      "Deployment/$1") ;;
      Deployment/istiod | Deployment/istiod-*) ;;
      "EndpointSlice/$1") [[ -n $1 ]] || continue ;;
      Deployment/istio-eastwestgateway) [[ -z $2 ]] || continue ;;
      *) continue ;;
    esac
    if [[ $object != "Deployment/$1" ]]; then
      bad "$object is left from an earlier topology: delete it once no proxy needs it"
      is_none=''
    fi
  done <<<"$answer"
  [[ -z $is_none ]] || ok 'nothing is left from an earlier topology'
}

# check CLUSTER
check() {
  # Where its control plane has a revision, istioctl is told so.
  local cluster=$1 context=${context[$1]} revision=() answer
  answer=$(kube get --raw /readyz)
  if [[ -z $answer ]]; then
    bad "its API server does not answer through the context $context; nothing else was checked"
    return
  fi
  ok 'its API server answers'
  case $1 in
    'cluster1')
      ready 'istiod'
      versions
      intermediate 'cluster1'/20-cacerts
      root 'cluster1'/20-cacerts app=sidecar-injector,istio.io/rev=default
      ready istio-eastwestgateway
      address '192.168.229.100'
      certificate 'cluster1'/20-cacerts
      knows 'cluster2' 'cluster3'
      reports '192.168.229.100:15018'
      collector
      started 'istio=1.11.2 control-plane=cluster1 configuration=a67f7620e7e8'
      left 'istiod' 'istio-eastwestgateway' 'Gateway/istiod-gateway' 'VirtualService/istiod-vs' 'Gateway/cross-network-gateway' 'Gateway/zipkin-gateway' 'VirtualService/zipkin-vs' 'Deployment/zipkin' 'Service/zipkin' 'Service/tracing' 'Secret/cacerts' 'remote-secrets'
      ;;
    'cluster2')
      ready 'istiod'
      versions
      intermediate 'cluster2'/20-cacerts
      root 'cluster2'/20-cacerts app=sidecar-injector,istio.io/rev=default
      ready istio-eastwestgateway
      address '192.168.229.101'
      certificate 'cluster2'/20-cacerts
      reports '192.168.229.100:15018'
      routes '192.168.229.140' '192.168.229.141' '192.168.229.142'
      started 'istio=1.11.2 control-plane=cluster1 configuration=a822450b32d7'
      left 'istiod' 'istio-eastwestgateway' 'Gateway/cross-network-gateway' 'Secret/cacerts'
      ;;
    'cluster3')
      ready 'istiod'
      versions
      intermediate 'cluster3'/20-cacerts
      root 'cluster3'/20-cacerts app=sidecar-injector,istio.io/rev=default
      ready istio-eastwestgateway
      address '192.168.229.102'
      certificate 'cluster3'/20-cacerts
      reports '192.168.229.100:15018'
      routes '192.168.229.143' '192.168.229.144' '192.168.229.145'
      started 'istio=1.11.2 control-plane=cluster1 configuration=0cc56802939e'
      left 'istiod' 'istio-eastwestgateway' 'Gateway/cross-network-gateway' 'Secret/cacerts'
      ;;
  esac
}

for tool in kubectl istioctl base64; do
  command -v "$tool" >/dev/null || { printf 'error: %s is not installed\n' "$tool" >&2; exit 2; }
done

directory=$(mktemp -d) || exit 2
trap 'rm -rf "$directory"' EXIT
running=0
for name in "${names[@]}"; do
  [[ ${#selected[@]} -eq 0 || -n ${selected[$name]:-} ]] || continue
  if [[ $running -ge $at_once ]]; then
    wait -n
    running=$((running - 1))
  fi
  check "$name" >"$directory/$name" &
  running=$((running + 1))
done
wait

# A text as JSON has it (RFC 8259, section 7); control characters become spaces.
json() {
  local text=${1//[[:cntrl:]]/ }
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

checks=0 failures=0 comma=''
[[ $format == text ]] || printf '['
for name in "${names[@]}"; do
  [[ -e $directory/$name ]] || continue
  while read -r status said; do
    checks=$((checks + 1))
    [[ $status != failed ]] || failures=$((failures + 1))
    if [[ $format == text ]]; then
      [[ $status != failed ]] || status=FAILED
      printf '%-7s %s: %s\n' "$status" "$name" "$said"
    else
      printf '%s\n  {"cluster": "%s", "status": "%s", "check": %s}' "$comma" "$name" "$status" "$(json "$said")"
      comma=,
    fi
  done <"$directory/$name"
done
if [[ $format == text ]]; then
  printf '\n%d checks, %d failed\n' "$checks" "$failures"
else
  printf '\n]\n'
fi
[[ $failures -eq 0 && $checks -gt 0 ]]
