//! What is found elsewhere than by the rules: while a topology is read, by day, or while certificates are answered.

use crate::diagnostic::Severity::{self, Error, Warning};
use crate::modeline::STALE_SCHEMA;
use crate::pki::inventory::{EXPIRING_CERTIFICATE, OLD_ISSUED_ON, SHORT_INTERMEDIATE};

use super::Explained;

const fn explained(name: &'static str, severity: Severity, page: &'static str) -> Explained {
    Explained { name, severity, page }
}

/// Every kind of finding that no row of the table of rules makes.
pub(super) const ELSEWHERE: &[Explained] = &[
    explained("syntax", Error, include_str!("../../docs/rules/syntax.md")),
    explained("duplicate-key", Error, include_str!("../../docs/rules/duplicate-key.md")),
    explained("unknown-field", Error, include_str!("../../docs/rules/unknown-field.md")),
    explained("missing-field", Error, include_str!("../../docs/rules/missing-field.md")),
    explained("wrong-type", Error, include_str!("../../docs/rules/wrong-type.md")),
    explained("invalid-value", Error, include_str!("../../docs/rules/invalid-value.md")),
    explained("seed-needed", Error, include_str!("../../docs/rules/seed-needed.md")),
    explained("external-certificate", Error, include_str!("../../docs/rules/external-certificate.md")),
    explained(EXPIRING_CERTIFICATE, Warning, include_str!("../../docs/rules/expiring-certificate.md")),
    explained(UNUSED_ALLOW, Warning, include_str!("../../docs/rules/unused-allow.md")),
    explained(STALE_SCHEMA, Warning, include_str!("../../docs/rules/stale-schema.md")),
    explained(END_OF_LIFE, Warning, include_str!("../../docs/rules/end-of-life.md")),
    explained(OLD_ISSUED_ON, Warning, include_str!("../../docs/rules/old-issued-on.md")),
    explained(SHORT_INTERMEDIATE, Warning, include_str!("../../docs/rules/short-intermediate.md")),
];

/// The rule that speaks of what was allowed and does not occur.
pub(super) const UNUSED_ALLOW: &str = "unused-allow";
/// The rule that speaks of a line of Istio that is supported no longer.
pub(super) const END_OF_LIFE: &str = "end-of-life";

/// What depends on the day or on what stands beside the topology, and may not occur here and now.
pub(super) const NOT_ALWAYS: [&str; 5] =
    [END_OF_LIFE, EXPIRING_CERTIFICATE, OLD_ISSUED_ON, SHORT_INTERMEDIATE, STALE_SCHEMA];
