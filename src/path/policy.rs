//! What policies make of a call, as istiod judges it.

use serde_json::Value;

use super::Objects;

/// A service as one control plane sees it.
pub(super) struct View<'v> {
    pub(super) objects: &'v Objects,
    /// The primary.
    pub(super) primary: &'v str,
    pub(super) root_namespace: &'v str,
    pub(super) domain: &'v str,
    pub(super) host: &'v str,
    pub(super) namespace: &'v str,
    pub(super) port: u16,
}

/// A mode, and the policy that says so.
pub(super) struct Said<'v> {
    pub(super) mode: &'v str,
    pub(super) object: String,
}

impl<'v> View<'v> {
    /// The TLS of the rules that clients in a namespace go by (`tlsModeForDestinationRule` of
    /// `1.30.3:pilot/pkg/xds/endpoints/mtls_checker.go`).
    pub(super) fn client_mode(&self, client: &str) -> Option<Said<'v>> {
        self.rules(client).into_iter().find_map(|rule| {
            let policy = &rule["spec"]["trafficPolicy"];
            let settings = policy["portLevelSettings"].as_array().into_iter().flatten();
            let is_its = |settings: &&Value| settings["port"]["number"] == self.port && settings["tls"].is_object();
            let of_port = settings.filter(is_its).find_map(|settings| mode(&settings["tls"], "DISABLE"));
            let mode = of_port.or_else(|| mode(&policy["tls"], "DISABLE"))?;
            Some(Said { mode, object: title(rule) })
        })
    }

    /// The subsets that those rules define.
    pub(super) fn subsets(&self, client: &str) -> Vec<(&'v str, String)> {
        let rules = self.rules(client).into_iter();
        let subsets = rules.flat_map(|rule| {
            let subsets = rule["spec"]["subsets"].as_array().into_iter().flatten();
            subsets.filter_map(move |subset| Some((subset["name"].as_str()?, title(rule))))
        });
        subsets.collect()
    }

    /// The rules for the service: those of the client's namespace, or of the service's, or of the root namespace; of each, those whose host
    /// fits best (`destinationRule` of `1.30.3:pilot/pkg/model/push_context.go`).
    fn rules(&self, client: &str) -> Vec<&'v Value> {
        let local = (client != self.root_namespace).then_some(client);
        for namespace in local.into_iter().chain([self.namespace, self.root_namespace]) {
            let rules = self.objects.of(self.primary, "DestinationRule");
            let rules = rules.filter(|rule| namespace_of(rule) == namespace && is_exported(rule, namespace, client));
            let fitting: Vec<(usize, &Value)> =
                rules.filter_map(|rule| Some((self.fit(rule, namespace)?, rule))).collect();
            if let Some(best) = fitting.iter().map(|(fit, _)| *fit).max() {
                return fitting.into_iter().filter(|(fit, _)| *fit == best).map(|(_, rule)| rule).collect();
            }
        }
        Vec::new()
    }

    /// How well the host of a rule fits: the whole name, or the length of what stands behind a `*`.
    fn fit(&self, rule: &Value, namespace: &str) -> Option<usize> {
        let host = rule["spec"]["host"].as_str()?;
        if let Some(end) = host.strip_prefix('*') {
            return self.host.ends_with(end).then_some(end.len());
        }
        let full = if host.contains('.') { host.to_owned() } else { format!("{host}.{namespace}.svc.{}", self.domain) };
        (full == self.host).then_some(usize::MAX)
    }

    /// What the pods of the service take (`ComposePeerAuthentication` of `1.30.3:pilot/pkg/security/authn/policy_applier.go`). A policy
    /// with a selector is taken to select them.
    pub(super) fn server_mode(&self) -> Option<Said<'v>> {
        let policies = || self.objects.of(self.primary, "PeerAuthentication");
        let has_selector = |policy: &Value| {
            policy["spec"]["selector"]["matchLabels"].as_object().is_some_and(|labels| !labels.is_empty())
        };
        let oldest = |namespace: &str, selects: bool| {
            let mut all: Vec<&Value> = policies()
                .filter(|policy| namespace_of(policy) == namespace && has_selector(policy) == selects)
                .collect();
            all.sort_by_key(|policy| policy["metadata"]["creationTimestamp"].as_str().unwrap_or("").to_owned());
            all.into_iter().next()
        };
        let said = |policy: &'v Value, tls: &'v Value| Some(Said { mode: mode(tls, "UNSET")?, object: title(policy) });
        let of_mesh = oldest(self.root_namespace, false);
        let is_root = self.namespace == self.root_namespace;
        let of_namespace = if is_root { None } else { oldest(self.namespace, false) };
        let of_pods = if is_root { None } else { oldest(self.namespace, true) };
        let of_port = of_pods.and_then(|policy| {
            let tls = &policy["spec"]["portLevelMtls"][self.port.to_string()];
            said(policy, tls)
        });
        let others = [of_pods, of_namespace, of_mesh].into_iter().flatten();
        of_port.or_else(|| others.into_iter().find_map(|policy| said(policy, &policy["spec"]["mtls"])))
    }
}

/// The mode of settings; what they do not say is the first value of the enumeration.
fn mode<'v>(tls: &'v Value, first: &'static str) -> Option<&'v str> {
    tls.as_object()?;
    Some(tls["mode"].as_str().unwrap_or(first)).filter(|mode| *mode != "UNSET")
}

fn namespace_of(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or("default")
}

fn is_exported(rule: &Value, namespace: &str, client: &str) -> bool {
    let Some(to) = rule["spec"]["exportTo"].as_array().filter(|to| !to.is_empty()) else { return true };
    to.iter().filter_map(Value::as_str).any(|to| to == "*" || to == client || to == "." && namespace == client)
}

/// An object as people name it.
fn title(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}/{}", text(&object["kind"]), namespace_of(object), text(&object["metadata"]["name"]))
}
