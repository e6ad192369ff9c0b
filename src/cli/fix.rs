use camino::Utf8Path;
use similar::TextDiff;

use crate::disk;
use crate::fix::{Fix, Fixed};
use crate::source::Source;
use crate::topology::Date;
use crate::words::printable;

use super::selection::Selection;
use super::{Refusal, say, with_files};

/// Fixes a topology, reports the fixes, and returns the topology with them.
///
/// A topology from standard input goes to `output`. With `is_dry_run`, only the difference does.
pub(super) fn fix(
    topology: &Utf8Path,
    source: &Source,
    today: Date,
    is_dry_run: bool,
    selection: &Selection,
    output: &mut Vec<u8>,
) -> Result<Source, Refusal> {
    // It may name other files once it is fixed.
    let examine = |source: &Source| crate::check_on(&with_files(topology, source.clone()), today, Vec::new()).list;
    let fixed = crate::fix::fix(source, examine, |rule| selection.has(rule));
    if is_dry_run {
        output.extend_from_slice(difference(source, &fixed.source).as_bytes());
        tell(&fixed, "would fix");
        return Ok(source.clone());
    }
    if topology == "-" {
        output.extend_from_slice(&fixed.source.bytes);
    } else if !fixed.fixes.is_empty() {
        disk::rewrite(topology, &source.bytes, &fixed.source.bytes)?;
    }
    tell(&fixed, "fixed");
    Ok(with_files(topology, fixed.source))
}

fn tell(fixed: &Fixed, verb: &str) {
    let name = &fixed.source.name;
    let line = |verb: &str, fix: &Fix, why: &str| {
        let place = format!("{name}:{}:{}", fix.at.line, fix.at.column);
        say(&printable(&format!("{place}: {verb} {}: {}{why}", fix.rule, fix.message)));
    };
    fixed.fixes.iter().for_each(|fix| line(verb, fix, ""));
    fixed.left.iter().for_each(|fix| line("left", fix, "; the fix would reveal other errors"));
}

/// What `patch -p0` takes.
fn difference(before: &Source, after: &Source) -> String {
    let [old, new] = [before, after].map(|source| String::from_utf8_lossy(&source.bytes));
    TextDiff::from_lines(&old, &new).unified_diff().header(&before.name, &after.name).to_string()
}
