use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::disk;
use crate::lock;
use crate::pki::inventory::{self, Entry, Role};
use crate::topology::Date;

use crate::cli::{DONE, FOUND, NOT_DONE, Outcome, Refusal, Today, lost_lock, print, read_source, say, say_findings};

/// The options of `ca show`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A topology, or a directory that was built
    place: Utf8PathBuf,
    /// How the certificates are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit with 1 if a certificate expires within this many days, or is not valid yet
    #[arg(long, value_name = "DAYS")]
    within: Option<u32>,
    #[command(flatten)]
    today: Today,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// An object with a list `certificates`
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let entries = if disk::is_directory(&arguments.place) {
        standing(arguments)?
    } else {
        let source = read_source(&arguments.place)?;
        match crate::certificates(&source) {
            Ok(entries) => entries,
            Err(findings) => {
                say_findings(&source, &findings);
                return Ok(NOT_DONE);
            }
        }
    };
    let today = arguments.today.date();
    print(&match arguments.format {
        Format::Text => table(&entries, today),
        Format::Json => format!("{:#}\n", as_json(&entries, today)),
    })?;
    let Some(days) = arguments.within else { return Ok(DONE) };
    let names = |is_it: &dyn Fn(&&Entry) -> bool| -> Vec<&str> { entries.iter().filter(is_it).map(name).collect() };
    let expiring = names(&|entry| entry.days_left(today) <= i64::from(days));
    let early = names(&|entry| entry.begins_in(today).is_some());
    if !expiring.is_empty() {
        say(&format!("within {days} days of {today}: {}", expiring.join(", ")));
    }
    if !early.is_empty() {
        say(&format!("not valid yet on {today}: {}", early.join(", ")));
    }
    Ok(if expiring.is_empty() && early.is_empty() { DONE } else { FOUND })
}

fn standing(arguments: &Arguments) -> Result<Vec<Entry>, Refusal> {
    let standing = disk::read_standing(&arguments.place)?;
    if standing.lock().is_empty() {
        return Err(if standing.is_unpinned() {
            lost_lock(&arguments.place, &standing, "if it is lost, build the tree again with `--adopt`")
        } else {
            Refusal(format!("{} has no {}: nothing was built there", arguments.place, lock::FILE))
        });
    }
    inventory::standing(&standing).map_err(|faults| Refusal(faults.join("\nerror: ")))
}

fn name(entry: &Entry) -> &str {
    match entry.role {
        Role::Root => "root",
        Role::Issuer => "issuer",
        Role::Signer => entry.cluster.as_deref().unwrap_or_default(),
    }
}

fn as_json(entries: &[Entry], today: Date) -> Value {
    let certificates: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut value = json!(entry);
            value["daysLeft"] = json!(entry.days_left(today));
            value
        })
        .collect();
    json!({ "now": today, "certificates": certificates })
}

/// One row for each certificate, and what does not fit into a row below it.
fn table(entries: &[Entry], today: Date) -> String {
    let width = entries.iter().map(|entry| name(entry).len()).max().unwrap_or(0).max("certificate".len());
    let mut rows = vec![format!(
        "{:width$}  {:>10}  {:10}  {:10}  {:>9}",
        "certificate", "generation", "not before", "not after", "days left"
    )];
    for entry in entries {
        let Entry { subject, serial, not_before, not_after, .. } = entry;
        let generation = entry.generation.map_or(String::new(), |generation| generation.to_string());
        let left = entry.days_left(today);
        rows.push(format!("{:width$}  {generation:>10}  {not_before}  {not_after}  {left:>9}", name(entry)));
        if let Some(days) = entry.begins_in(today) {
            rows.push(format!("{:width$}  not valid yet: it begins in {days} days", ""));
        } else if left < 0 {
            rows.push(format!("{:width$}  expired", ""));
        }
        rows.push(format!("{:width$}  subject {subject}", ""));
        rows.push(format!("{:width$}  serial  {serial}", ""));
        rows.extend(entry.fingerprint.as_ref().map(|fingerprint| format!("{:width$}  sha256  {fingerprint}", "")));
    }
    rows.join("\n") + "\n"
}
