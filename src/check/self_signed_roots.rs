use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::{has_socket, other_signer};
use crate::rule::Rule;
use crate::topology::CertificateAuthority;
use crate::words::names;

use super::reads::{REMOTES, SIGNERS, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.certificates.authority == CertificateAuthority::None))
    .reads(&[VERSION, REMOTES, SIGNERS]);

const RULE: Rule = Rule::warning("self-signed-roots", include_str!("../../docs/rules/self-signed-roots.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.certificates.authority != CertificateAuthority::None || context.istiods().count() < 2 {
        return;
    }
    let unsigned: Vec<&str> = context
        .istiods()
        .filter(|(_, cluster)| {
            let values = [&cluster.istio.values, &topology.istio.values];
            other_signer(&values).is_none() && !has_socket(&values)
        })
        .map(|(_, cluster)| cluster.name.as_str())
        .collect();
    if unsigned.is_empty() {
        return;
    }
    let message =
        format!("nothing says who signs in {}, so that istiod makes a root of its own there", names(unsigned));
    findings.push(
        RULE.at(FieldPath::root().child("certificates").child("authority"), message)
            .label("proxies of clusters with different roots refuse each other")
            .help("name the authority in `istio.values`, for example in `global.caAddress`")
            .help("if something else puts the Secret `cacerts` into each cluster, or SPIRE hands out the certificates, allow this"),
    );
}
