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

1. Stop what applies everything, in the cluster of Argo CD. It deletes nothing in the clusters:
     kubectl -n argocd delete applications.argoproj.io mesh1-mesh
2. Delete what it made there, one after the other. Namespaces, certificates, Istio and its gateways stay where they are:
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-60-zipkin
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster2-40-eastwest-gateway
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster2-30-istio
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-55-telemetry
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-50-exposure
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-45-gateways
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-40-eastwest-gateway
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-30-istio
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster2-10-namespace
     kubectl -n argocd delete applications.argoproj.io mesh1-cluster1-10-namespace
3. Delete this tree from Git.
4. Remove Istio from each cluster, with everything that is left in its namespace:
     kubectl --context='cluster1' delete namespace istio-system   # cluster1
     kubectl --context='cluster2' delete namespace istio-system   # cluster2
   Webhooks, roles and CustomResourceDefinitions of Istio stay in each cluster; `istioctl uninstall --purge` and
   `kubectl delete customresourcedefinitions -l app.kubernetes.io/part-of=istio` remove them.
TEXT
