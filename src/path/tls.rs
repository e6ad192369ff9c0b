//! Whether both ends of a call, and the gateway between them, agree on its TLS.

use serde_json::Value;

use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Intermediate};
use crate::release::RemoteShape;
use crate::topology::{CertificateAuthority, SERVICES_PORT};

use super::asked::{Asked, fails, held, holds, in_cluster, unseen};
use super::policy::Said;
use super::{Check, Name, Way};

/// The way out where a policy keeps a call from a gateway.
const ALLOW_MUTUAL: &str = "let the policy say ISTIO_MUTUAL (a DestinationRule) or PERMISSIVE (a PeerAuthentication), or take it out for this \
                            service";

impl Asked<'_, '_, '_> {
    /// What policies make of the call; nothing to say where none are known.
    pub(super) fn policy(&self) -> Option<Check> {
        let (Some(service), Some(host)) = (self.service, self.host.as_deref()) else {
            return None;
        };
        let roots = [self.caller, self.called].map(|primary| self.root_namespace(primary));
        let caller = self.view(self.caller, &roots[0], service, host);
        let called = self.view(self.called, &roots[1], service, host);
        let client = caller.client_mode(self.namespace);
        let server = called.server_mode();
        let expected = caller.server_mode();
        // istiod takes what the policies that it reads itself say of the pods.
        let is_mutual = match (&client, &expected) {
            (Some(said), _) => said.mode == "ISTIO_MUTUAL",
            (None, Some(said)) => said.mode != "DISABLE",
            (None, None) => true,
        };
        let decides = |said: &Option<Said<'_>>| said.as_ref().map(|said| said.object.clone());
        let files = || [decides(&client), decides(&expected), decides(&server)].into_iter().flatten();
        let at =
            |said: &Said<'_>, primary: &Cluster<'_>| format!("{} in {} says {}", said.object, primary.name, said.mode);
        if self.way == Way::Gateway && !is_mutual {
            let said = client.as_ref().or(expected.as_ref())?;
            return Some(
                fails(
                    Name::Policy,
                    format!(
                        "{}: the istiod of {} drops the endpoints behind gateways, which need mutual TLS",
                        at(said, self.caller),
                        self.caller.name
                    ),
                    ALLOW_MUTUAL,
                )
                .by([said.object.clone()]),
            );
        }
        match &server {
            Some(said) if said.mode == "STRICT" && !is_mutual => {
                let client = client.as_ref().or(expected.as_ref())?;
                return Some(
                    fails(
                        Name::Policy,
                        format!("{}, and {}: plain text is refused", at(client, self.caller), at(said, self.called)),
                        "let both say the same",
                    )
                    .by(files()),
                );
            }
            Some(said) if said.mode == "DISABLE" && is_mutual && self.way != Way::Gateway => {
                return Some(
                    fails(
                        Name::Policy,
                        format!(
                            "{}, and the istiod of {} does not know it: mutual TLS meets pods that take plain text",
                            at(said, self.called),
                            self.caller.name
                        ),
                        "apply the policy in both clusters, or in none",
                    )
                    .by(files()),
                );
            }
            _ => {}
        }
        let files: Vec<String> = files().collect();
        (!files.is_empty()).then(|| holds(Name::Policy, "the caller speaks what the called pods take").by(files))
    }

    pub(super) fn server_name(&self) -> Check {
        let Some(sni) = self.sni("") else {
            return holds(Name::Sni, "outbound_.PORT_._.NAME.NAMESPACE.svc and the cluster domain");
        };
        if let (Some(service), Some(host)) = (self.service, self.host.as_deref()) {
            let root = self.root_namespace(self.caller);
            let wanted = self.view(self.caller, &root, service, host).subsets(self.namespace);
            for primary in self.gateway_primaries() {
                let root = self.root_namespace(primary);
                let known = self.view(primary, &root, service, host).subsets(ISTIO_SYSTEM);
                let missing = wanted.iter().find(|(subset, _)| !known.iter().any(|(other, _)| other == subset));
                if let Some((subset, object)) = missing {
                    return fails(
                        Name::Sni,
                        format!(
                            "{object} in {} defines the subset {subset}, which the istiod of {} does not know: its gateways have no chain for \
                             {}",
                            self.caller.name,
                            primary.name,
                            self.sni(subset).unwrap_or_default()
                        ),
                        format!("apply {object} in {} too", primary.name),
                    )
                    .by([object.clone()]);
                }
            }
        }
        holds(Name::Sni, sni)
    }

    pub(super) fn gateway(&self) -> Check {
        let mesh = self.paths.mesh;
        if self.gateways.is_empty() {
            return unseen(Name::Gateway, "there is no gateway to look at");
        }
        let primaries = self.gateway_primaries();
        for primary in &primaries {
            if let Some(missing) = self.missing_secret(primary) {
                return Check { check: Name::Gateway, ..missing };
            }
            let (Some(service), Some(host)) = (self.service, self.host.as_deref()) else { continue };
            let root = self.root_namespace(primary);
            let view = self.view(primary, &root, service, host);
            let client = view.client_mode(ISTIO_SYSTEM);
            let server = view.server_mode();
            let said = match (&client, &server) {
                (Some(said), _) if said.mode != "ISTIO_MUTUAL" => said,
                (None, Some(said)) if said.mode == "DISABLE" => said,
                _ => continue,
            };
            return fails(
                Name::Gateway,
                format!(
                    "{} in {} says {}: the istiod of {} gives its gateways no endpoint of the service",
                    said.object, primary.name, said.mode, primary.name
                ),
                ALLOW_MUTUAL,
            )
            .by([said.object.clone()]);
        }
        let is_thin = mesh.release.remotes == RemoteShape::Thin;
        let exposure = |cluster: &Cluster<'_>| {
            let owner = if is_thin { mesh.primary_of(cluster) } else { cluster };
            in_cluster(owner, "50-exposure/expose-services.yaml")
        };
        let owners = self.gateways.iter().filter_map(|found| found.endpoint.cluster.as_deref());
        let owners = owners.filter_map(|name| mesh.clusters.iter().find(|cluster| cluster.name == name));
        let mut files: Vec<String> = owners.map(exposure).collect();
        files.dedup();
        holds(
            Name::Gateway,
            format!(
                "port {SERVICES_PORT} passes the TLS on by its server name, to pods of network {}",
                self.to.network
            ),
        )
        .by(files)
    }

    pub(super) fn trust(&self) -> Check {
        let mesh = self.paths.mesh;
        let domains = [self.caller, self.called].map(|primary| {
            let seen = self.paths.objects.trust_domain(primary.name, primary.revision);
            seen.unwrap_or_else(|| mesh.trust_domain.to_owned())
        });
        if domains[0] != domains[1] && !self.are_aliases(&domains) {
            return fails(
                Name::Trust,
                format!(
                    "the trust domain of {} is {}, that of {} is {}",
                    self.caller.name, domains[0], self.called.name, domains[1]
                ),
                format!("the topology says {}: install the control plane again", mesh.trust_domain),
            )
            .by([self.caller, self.called].map(|primary| in_cluster(primary, "30-istio/")));
        }
        let domain = &domains[0];
        match mesh.authority {
            CertificateAuthority::None => {
                return unseen(
                    Name::Trust,
                    format!("trust domain {domain}; another authority signs, whose roots meshgen does not see"),
                );
            }
            CertificateAuthority::External => {
                return unseen(
                    Name::Trust,
                    format!("trust domain {domain}; the roots are those of an external authority"),
                )
                .see("meshgen check compares them");
            }
            CertificateAuthority::Seed => {}
        }
        let signers = [self.from, self.to].map(|cluster| mesh.istiod_of(cluster));
        let requests = signers.map(|cluster| cluster.intermediate.as_ref());
        let files = signers.map(|cluster| in_cluster(cluster, "20-cacerts/root-cert.pem"));
        let [Some(one), Some(other)] = requests else {
            return unseen(Name::Trust, format!("trust domain {domain}"));
        };
        let trusts = |one: &Intermediate<'_>, other: &Intermediate<'_>| one.trusted().contains(&other.signer());
        for (who, whom, trusts) in
            [(signers[0], signers[1], trusts(one, other)), (signers[1], signers[0], trusts(other, one))]
        {
            if !trusts {
                return fails(
                    Name::Trust,
                    format!("workloads of {} do not trust the root under which {} signs", who.name, whom.name),
                    "let the phases of the two be at most one apart: docs/rotation.md",
                )
                .by(files);
            }
        }
        holds(Name::Trust, format!("each trusts the root of the other, and both are in trust domain {domain}"))
            .by(files)
    }

    fn are_aliases(&self, domains: &[String; 2]) -> bool {
        let config = self.paths.config(self.caller);
        let aliases = held(config, &["trustDomainAliases"]).and_then(Value::as_array);
        aliases.is_some_and(|aliases| aliases.iter().any(|alias| *alias == domains[1].as_str()))
    }
}
