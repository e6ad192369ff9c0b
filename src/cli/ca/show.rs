use std::io;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum, ValueHint};

use crate::disk;
use crate::lock;
use crate::pki::Standing;
use crate::pki::inventory::{self, Entry, Role};
use crate::terminal::{PLAIN, RED, YELLOW, styled, wrap};
use crate::topology::Date;
use crate::words::{bare_names, plural, printable};

use crate::cli::{
    DONE, FOUND, NOT_DONE, Outcome, Refusal, Today, external, is_colour_wanted, lost_lock, print, read_source, say,
    say_findings,
};

use super::renewal::{self, COLUMNS};

/// The options of `ca show`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A topology, or a directory that was built
    #[arg(value_hint = ValueHint::AnyPath)]
    place: Utf8PathBuf,
    /// How the certificates are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit with 1 if a certificate expires within this many days, or is not valid yet
    #[arg(long, value_name = "DAYS", value_parser = days, allow_negative_numbers = true)]
    within: Option<u32>,
    #[command(flatten)]
    today: Today,
}

fn days(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a number of days, such as 90".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// For programs; `schemas/ca-show.schema.json` describes it
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (mut entries, has_root) = if disk::is_directory(&arguments.place) {
        let standing = standing(arguments)?;
        let entries = inventory::standing(&standing).map_err(|faults| Refusal(faults.join("\nerror: ")))?;
        (entries, standing.has_root())
    } else {
        let source = read_source(&arguments.place)?;
        let external = external::read(&source, &arguments.place)?;
        match crate::certificates(&source, external.as_ref()) {
            Ok(entries) => {
                let has_root = !entries.is_empty();
                (entries, has_root)
            }
            Err(findings) => {
                say_findings(&source, &findings);
                return Ok(NOT_DONE);
            }
        }
    };
    // A tree does not record the order of the topology.
    entries.sort_by(|one, other| (one.role, &one.cluster).cmp(&(other.role, &other.cluster)));
    let today = arguments.today.date();
    print(&match arguments.format {
        Format::Text if !has_root => NO_CERTIFICATES.to_owned(),
        Format::Text => {
            let table = table(&entries, today, arguments.within, is_colour_wanted(&io::stdout()));
            table + &renewal::text(&entries, today, arguments.within)
        }
        Format::Json => inventory::json(&entries, today),
    })?;
    let Some(days) = arguments.within else { return Ok(DONE) };
    let names = |is_it: &dyn Fn(&&Entry) -> bool| -> Vec<&str> { entries.iter().filter(is_it).map(name).collect() };
    let expiring = names(&|entry| entry.days_left(today) <= i64::from(days));
    let early = names(&|entry| entry.begins_in(today).is_some());
    if !expiring.is_empty() {
        say(&format!("within {} of {today}: {}", plural(days as usize, "day"), expiring.join(", ")));
    }
    if !early.is_empty() {
        say(&format!("not valid yet on {today}: {}", early.join(", ")));
    }
    Ok(if expiring.is_empty() && early.is_empty() { DONE } else { FOUND })
}

/// What is shown of a mesh with `authority: none`.
const NO_CERTIFICATES: &str = "\
meshgen makes no certificates for this mesh (`authority: none`): ask the
authority that signs for its workloads
";

fn standing(arguments: &Arguments) -> Result<Standing, Refusal> {
    let standing = disk::read_standing(&arguments.place)?;
    if standing.lock().is_empty() {
        return Err(if standing.is_unpinned() {
            lost_lock(&arguments.place, &standing, "if it is lost, build the tree again with `--adopt`")
        } else {
            Refusal(format!("{} has no {}: nothing was built there", arguments.place, lock::FILE))
        });
    }
    Ok(standing)
}

fn name(entry: &Entry) -> &str {
    match entry.role {
        Role::Root => "root",
        Role::Issuer => "issuer",
        Role::Signer => entry.cluster.as_deref().unwrap_or_default(),
    }
}

/// The widest name that has its row beside it; the row of a longer one is below it.
const WIDEST_NAME: usize = 32;

/// One row for each certificate, and what does not fit into a row below it.
fn table(entries: &[Entry], today: Date, within: Option<u32>, is_coloured: bool) -> String {
    let widths = entries.iter().map(|entry| name(entry).len()).filter(|width| *width <= WIDEST_NAME);
    let width = widths.max().unwrap_or(0).max("certificate".len());
    let mut rows = vec![format!(
        "{:width$}  {:>10}  {:10}  {:10}  {:>9}",
        "certificate", "generation", "not before", "not after", "days left"
    )];
    for entry in entries {
        let Entry { serial, not_before, not_after, .. } = entry;
        let generation = entry.generation.map_or(String::new(), |generation| generation.to_string());
        let left = entry.days_left(today);
        let (left, colour) = match left {
            ..0 => ("expired".to_owned(), RED),
            _ if renewal::is_due(entry, today, within) => (left.to_string(), YELLOW),
            _ => (left.to_string(), PLAIN),
        };
        let left = styled(&format!("{left:>9}"), colour, is_coloured);
        let mut name = name(entry);
        if name.len() > width {
            rows.push(std::mem::take(&mut name).to_owned());
        }
        rows.push(format!("{name:width$}  {generation:>10}  {not_before}  {not_after}  {left}"));
        if let Some(days) = entry.begins_in(today) {
            let text =
                format!("not valid yet: it begins in {}", plural(usize::try_from(days).unwrap_or_default(), "day"));
            rows.push(format!("  {}", styled(&text, YELLOW, is_coloured)));
        }
        // Whoever made a certificate has written its names.
        let subject = printable(&entry.subject);
        let is_long = "  subject ".len() + subject.len() > COLUMNS;
        let subject = if is_long { subject.replace(',', ", ") } else { subject };
        rows.extend(wrap(&format!("subject {subject}"), COLUMNS, "  ", "          "));
        rows.extend(serial.as_ref().map(|serial| format!("  serial  {serial}")));
        rows.extend(entry.fingerprint.as_ref().map(|fingerprint| format!("  sha256  {fingerprint}")));
        if let Some(root) = &entry.under {
            rows.extend(wrap(&format!("under   {}", printable(root).replace(',', ", ")), COLUMNS, "  ", "          "));
        }
        if !entry.not_trusted_by.is_empty() {
            let clusters = bare_names(entry.not_trusted_by.iter().map(String::as_str));
            rows.extend(wrap(&format!("not trusted by {clusters}"), COLUMNS, "  ", "  "));
        }
    }
    rows.join("\n") + "\n"
}
