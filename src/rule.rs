//! What a rule is, and the rules that `check` does not apply.
//!
//! A finding is made by its rule, so that its name and its severity are those of the rule.

use crate::diagnostic::{Diagnostic, Label, Place, Severity};

/// A named check of a topology or of the files beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name, which reads well after "allow".
    pub name: &'static str,
    /// Whether what it finds stops a build.
    pub severity: Severity,
    /// When it is applied.
    pub stage: Stage,
    /// What it means, in Markdown: a heading, a summary in one paragraph, and what else there is to say.
    pub page: &'static str,
}

/// When a rule is applied, and so what it looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// While the text is read.
    Read,
    /// When the topology has been read: it alone decides.
    Check,
    /// When the topology obeys every rule: the day decides too.
    Day,
    /// When the topology obeys every rule: files beside it decide too.
    Beside,
}

/// How many findings are reported at most.
const ENOUGH: usize = 500;

/// Errors that a topology may allow: they are about what only a person can have done, somewhere else.
const UNLESS_ALLOWED: [&str; 4] =
    ["application-health", "excluded-endpoint-slice", "remote-signer", "unencrypted-secret"];

impl Rule {
    /// Whether a topology may allow what the rule finds.
    pub(crate) fn can_be_allowed(&self) -> bool {
        Self::is_allowable(self.name, self.severity)
    }

    /// The same of a finding's rule.
    pub(crate) fn is_allowable(name: &str, severity: Severity) -> bool {
        severity == Severity::Warning || UNLESS_ALLOWED.contains(&name)
    }

    /// A rule of [`Stage::Check`] that stops a build.
    pub(crate) const fn error(name: &'static str, page: &'static str) -> Self {
        Self { name, severity: Severity::Error, stage: Stage::Check, page }
    }

    /// A rule of [`Stage::Check`] that does not stop a build.
    pub(crate) const fn warning(name: &'static str, page: &'static str) -> Self {
        Self { name, severity: Severity::Warning, stage: Stage::Check, page }
    }

    const fn stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// A finding of this rule.
    pub(crate) fn at(&self, place: impl Into<Place>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            rule: self.name,
            severity: self.severity,
            message: message.into(),
            labels: vec![Label { place: place.into(), text: String::new() }],
            help: Vec::new(),
            patch: None,
        }
    }

    /// Stops at a place after too many findings.
    ///
    /// # Errors
    /// A finding of this rule: the check ends there.
    pub(crate) fn stop_at<P: Into<Place>>(
        &self,
        findings: &[Diagnostic],
        place: impl FnOnce() -> P,
    ) -> Result<(), Diagnostic> {
        if findings.len() < ENOUGH {
            return Ok(());
        }
        let message = format!("the rest of the file was not checked after {} mistakes", findings.len());
        Err(self
            .at(place(), message)
            .label("checked up to here")
            .help("fix the others first: so many mistakes often have one cause"))
    }

    /// What it means, in one paragraph.
    pub fn summary(&self) -> &'static str {
        self.page.split("\n\n").nth(1).unwrap_or_default().trim_end()
    }

    /// What it means, in a sentence.
    pub fn first_sentence(&self) -> &'static str {
        let summary = self.summary();
        summary.find(". ").map_or(summary, |end| &summary[..=end])
    }
}

/// The rules that are applied elsewhere than by `check`'s table.
pub(crate) const OTHER_RULES: [Rule; 21] = [
    SYNTAX,
    DUPLICATE_KEY,
    UNKNOWN_FIELD,
    MISSING_FIELD,
    WRONG_TYPE,
    INVALID_VALUE,
    SEED_NEEDED,
    EXTERNAL_CERTIFICATE,
    UNUSABLE_API_SERVER_CA,
    UNUSABLE_ROOTS,
    SEALING_CERTIFICATE,
    EXPIRING_CERTIFICATE,
    NOT_YET_VALID,
    UNUSED_ALLOW,
    STALE_SCHEMA,
    LOST_GATEWAY_ADDRESS,
    END_OF_LIFE,
    OLD_ISSUED_ON,
    ROTATION_UNFINISHED,
    SHORT_INTERMEDIATE,
    UNEQUAL_ROOTS,
];

/// Text that cannot be read as a topology.
pub(crate) const SYNTAX: Rule = Rule::error("syntax", include_str!("../docs/rules/syntax.md")).stage(Stage::Read);

/// A key that its mapping has twice.
pub(crate) const DUPLICATE_KEY: Rule =
    Rule::error("duplicate-key", include_str!("../docs/rules/duplicate-key.md")).stage(Stage::Read);

/// A field that the format does not have.
pub(crate) const UNKNOWN_FIELD: Rule =
    Rule::error("unknown-field", include_str!("../docs/rules/unknown-field.md")).stage(Stage::Read);

/// A required field that is not there.
pub(crate) const MISSING_FIELD: Rule =
    Rule::error("missing-field", include_str!("../docs/rules/missing-field.md")).stage(Stage::Read);

/// A value of another type than the field's.
pub(crate) const WRONG_TYPE: Rule =
    Rule::error("wrong-type", include_str!("../docs/rules/wrong-type.md")).stage(Stage::Read);

/// A value of the right type that is not valid.
pub(crate) const INVALID_VALUE: Rule =
    Rule::error("invalid-value", include_str!("../docs/rules/invalid-value.md")).stage(Stage::Read);

/// Certificates that only the seed can make.
pub(crate) const SEED_NEEDED: Rule =
    Rule::error("seed-needed", include_str!("../docs/rules/seed-needed.md")).stage(Stage::Beside);

/// Invalid files of an external authority.
pub(crate) const EXTERNAL_CERTIFICATE: Rule =
    Rule::error("external-certificate", include_str!("../docs/rules/external-certificate.md")).stage(Stage::Beside);

/// Files of CA certificates that control planes cannot use.
pub(crate) const UNUSABLE_API_SERVER_CA: Rule =
    Rule::error("unusable-api-server-ca", include_str!("../docs/rules/unusable-api-server-ca.md")).stage(Stage::Beside);

/// Files of root certificates that nobody can trust.
pub(crate) const UNUSABLE_ROOTS: Rule =
    Rule::error("unusable-roots", include_str!("../docs/rules/unusable-roots.md")).stage(Stage::Beside);

/// Certificates of Sealed Secrets controllers that nothing can be sealed with.
pub(crate) const SEALING_CERTIFICATE: Rule =
    Rule::error("sealing-certificate", include_str!("../docs/rules/sealing-certificate.md")).stage(Stage::Beside);

/// Certificates that have expired or soon will.
pub(crate) const EXPIRING_CERTIFICATE: Rule =
    Rule::warning("expiring-certificate", include_str!("../docs/rules/expiring-certificate.md")).stage(Stage::Day);

/// Certificates that begin after today.
pub(crate) const NOT_YET_VALID: Rule =
    Rule::warning("not-yet-valid", include_str!("../docs/rules/not-yet-valid.md")).stage(Stage::Day);

/// An `allow` that finds nothing.
pub(crate) const UNUSED_ALLOW: Rule = Rule::warning("unused-allow", include_str!("../docs/rules/unused-allow.md"));

/// A schema for editors of another version.
pub(crate) const STALE_SCHEMA: Rule =
    Rule::warning("stale-schema", include_str!("../docs/rules/stale-schema.md")).stage(Stage::Beside);

/// A gateway without an address whose tree has what would wait for it.
pub(crate) const LOST_GATEWAY_ADDRESS: Rule =
    Rule::error("lost-gateway-address", include_str!("../docs/rules/lost-gateway-address.md")).stage(Stage::Beside);

/// A release of Istio that is no longer supported.
pub(crate) const END_OF_LIFE: Rule =
    Rule::warning("end-of-life", include_str!("../docs/rules/end-of-life.md")).stage(Stage::Day);

/// A change of the root that takes long.
pub(crate) const ROTATION_UNFINISHED: Rule =
    Rule::warning("rotation-unfinished", include_str!("../docs/rules/rotation-unfinished.md")).stage(Stage::Day);

/// Clusters of which one trusts a root that another does not trust.
pub(crate) const UNEQUAL_ROOTS: Rule =
    Rule::warning("unequal-roots", include_str!("../docs/rules/unequal-roots.md")).stage(Stage::Beside);

/// A cluster whose certificate is older than those of the others.
pub(crate) const OLD_ISSUED_ON: Rule =
    Rule::warning("old-issued-on", include_str!("../docs/rules/old-issued-on.md")).stage(Stage::Day);

/// An intermediate that expires early because its root expires.
pub(crate) const SHORT_INTERMEDIATE: Rule =
    Rule::warning("short-intermediate", include_str!("../docs/rules/short-intermediate.md")).stage(Stage::Day);
