#!/usr/bin/env bash
# Says how mesh mesh1 is removed from its clusters, which Argo CD applies from Git. It removes nothing itself.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
set -euo pipefail
shopt -s inherit_errexit
if [[ $# -gt 0 ]]; then
  printf 'usage: uninstall.sh\n' >&2
  exit 2
fi

cat <<'TEXT'
Argo CD applies mesh mesh1, so nothing else may remove it: what is deleted by hand comes back.

1. Stop Argo CD in its cluster: first what applies all the rest. It deletes nothing in the clusters.
     kubectl -n argocd delete applications.argoproj.io mesh1-mesh
     kubectl -n argocd delete applications.argoproj.io -l app.kubernetes.io/managed-by=meshgen,app.kubernetes.io/part-of=mesh1
2. Delete this tree from Git.
3. Remove what is left in each cluster: the namespace, then webhooks and roles of Istio.
     kubectl --context='cluster1' delete namespace istio-system   # cluster1
     kubectl --context='cluster1' delete mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings -l app.kubernetes.io/part-of=istio
     kubectl --context='cluster2' delete namespace istio-system   # cluster2
     kubectl --context='cluster2' delete mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings -l app.kubernetes.io/part-of=istio
   Istio's CustomResourceDefinitions stay, because all objects of these kinds go with them.
TEXT
