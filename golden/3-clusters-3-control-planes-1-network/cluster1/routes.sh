#!/usr/bin/env bash
# Routes from a node of cluster1 to the pods and Services of the other clusters on network1.
# Run it as root on every node of cluster1:  routes.sh add | remove | check
# It changes only its own routes, which have the protocol number 77. They last until the node restarts.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
set -euo pipefail
shopt -s inherit_errexit
readonly protocol=77
missing=0 foreign=0

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

case ${1:-} in
  add | remove | check) readonly verb=$1 ;;
  *)
    printf 'usage: %s add|remove|check\n' "${0##*/}" >&2
    exit 2
    ;;
esac
[[ $# -eq 1 ]] || fail 'one word is enough'

# route DESTINATION NEXT-HOP
route() {
  local family=-4 own next present
  [[ $1 == *:* ]] && family=-6
  own=$(ip "$family" -o address show to "$1")
  next=$(ip "$family" -o address show to "$2")
  if [[ -n $own$next ]]; then
    printf '%s belongs to this node\n' "$1"
    return
  fi
  present=$(ip "$family" route show exact "$1")
  if [[ $present == *" proto $protocol"* ]]; then
    ours "$family" "$1" "$2" "$present "
  elif [[ "$present " == *" via $2 "* ]]; then
    printf '%s via %s exists, but is not from meshgen\n' "$1" "$2"
  elif [[ -n $present ]]; then
    printf 'error: %s has a route that is not from meshgen: %s\n' "$1" "$present" >&2
    foreign=1
  elif [[ $verb == add ]]; then
    ip "$family" route add "$1" via "$2" proto "$protocol" || fail "$1 via $2 cannot be added; is $2 on a network of this node?"
    printf '%s via %s added\n' "$1" "$2"
  elif [[ $verb == check ]]; then
    printf '%s via %s is missing\n' "$1" "$2"
    missing=1
  fi
}

# ours FAMILY DESTINATION NEXT-HOP PRESENT
ours() {
  case $verb in
    remove)
      ip "$1" route del "$2" proto "$protocol"
      printf '%s removed\n' "$2"
      ;;
    *)
      if [[ $4 == *" via $3 "* ]]; then
        printf '%s via %s exists\n' "$2" "$3"
      elif [[ $verb == add ]]; then
        ip "$1" route replace "$2" via "$3" proto "$protocol"
        printf '%s now via %s\n' "$2" "$3"
      else
        printf '%s does not lead via %s\n' "$2" "$3"
        missing=1
      fi
      ;;
  esac
}

route '172.21.1.0/24' '192.168.229.140' # cluster2
route '172.21.0.0/24' '192.168.229.141' # cluster2
route '172.21.2.0/24' '192.168.229.142' # cluster2
route '10.69.0.0/16' '192.168.229.140' # cluster2
route '172.22.1.0/24' '192.168.229.143' # cluster3
route '172.22.0.0/24' '192.168.229.144' # cluster3
route '172.22.2.0/24' '192.168.229.145' # cluster3
route '10.70.0.0/16' '192.168.229.143' # cluster3

[[ $verb == remove || $((missing + foreign)) -eq 0 ]]
