use crate::pki::inventory::{Entry, Role};
use crate::terminal::wrap;
use crate::topology::Date;
use crate::words::bare_names;

/// How wide the text is at most.
pub(super) const COLUMNS: usize = 80;

/// Whether a certificate has expired, or does so within some days.
pub(super) fn is_due(entry: &Entry, today: Date, within: Option<u32>) -> bool {
    entry.days_left(today) <= within.map_or(-1, i64::from)
}

/// How the certificates that are due are renewed; nothing if none is.
pub(super) fn text(entries: &[Entry], today: Date, within: Option<u32>) -> String {
    let due = |role: Role| entries.iter().filter(move |entry| entry.role == role && is_due(entry, today, within));
    if !entries.iter().any(Entry::is_root_of_meshgen) {
        let is_any = entries.iter().any(|entry| is_due(entry, today, within));
        return if is_any {
            paragraph(
                "to renew: ask your authority for new files, put them into `certificates.directory`, build, and apply `20-cacerts`",
            )
        } else {
            String::new()
        };
    }
    let mut text = String::new();
    for root in due(Role::Root) {
        text.push_str(&paragraph(&format!(
            "the root ends on {} and cannot be renewed: plan a new root (docs/certificates.md)",
            root.not_after
        )));
    }
    // One that ends with its root would end then again.
    let end = entries.iter().filter(|entry| entry.role == Role::Root).map(|root| root.not_after).max();
    let clusters: Vec<&str> = due(Role::Signer)
        .filter(|entry| end.is_none_or(|end| entry.not_after < end))
        .filter_map(|entry| entry.cluster.as_deref())
        .collect();
    if !clusters.is_empty() {
        let clusters = wrap(&bare_names(clusters), COLUMNS, "    in a cluster, for it alone: ", "      ").join("\n");
        text.push_str("to renew, write one of these in the topology, build, and apply `20-cacerts`\n");
        for line in [
            &format!("  certificates.intermediatesIssuedOn: {today}"),
            "    for all clusters without an `issuedOn` of their own",
            &format!("  certificates: {{issuedOn: {today}}}"),
            &clusters,
        ] {
            text.extend([line, "\n"]);
        }
    }
    text
}

fn paragraph(text: &str) -> String {
    wrap(text, COLUMNS, "", "  ").join("\n") + "\n"
}
