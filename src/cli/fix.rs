use camino::Utf8Path;
use similar::TextDiff;

use crate::disk;
use crate::fix::{Fixed, Mended};
use crate::source::Source;
use crate::topology::Date;

use super::{Refusal, say};

/// Mends a topology and says what it mended; gives the topology as it stands afterwards.
///
/// What is read from standard input goes to `output`, and with `is_dry_run` only what would change does.
pub(super) fn fix(
    topology: &Utf8Path,
    source: &Source,
    today: Date,
    is_dry_run: bool,
    output: &mut Vec<u8>,
) -> Result<Source, Refusal> {
    let fixed = crate::fix::fix(source, |source| crate::check_on(source, today, Vec::new()));
    if is_dry_run {
        output.extend_from_slice(difference(source, &fixed.source).as_bytes());
        tell(&fixed, "would fix");
        return Ok(source.clone());
    }
    if topology == "-" {
        output.extend_from_slice(&fixed.source.bytes);
    } else if !fixed.mended.is_empty() {
        disk::rewrite(topology, &source.bytes, &fixed.source.bytes)?;
    }
    tell(&fixed, "fixed");
    Ok(fixed.source)
}

fn tell(fixed: &Fixed, verb: &str) {
    let name = &fixed.source.name;
    let line = |verb: &str, fault: &Mended, why: &str| {
        say(&format!("{name}:{}:{}: {verb} {}: {}{why}", fault.at.line, fault.at.column, fault.rule, fault.message));
    };
    fixed.mended.iter().for_each(|fault| line(verb, fault, ""));
    fixed.left.iter().for_each(|fault| line("left", fault, "; mended, it would bring other errors to light"));
}

/// What `patch -p0` takes.
fn difference(before: &Source, after: &Source) -> String {
    let [old, new] = [before, after].map(|source| String::from_utf8_lossy(&source.bytes));
    TextDiff::from_lines(&old, &new).unified_diff().header(&before.name, &after.name).to_string()
}
