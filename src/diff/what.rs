use schemars::JsonSchema;
use serde::Serialize;

/// What happened to an object or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
    /// It moved to another file.
    Moved,
    /// It was renamed, and is otherwise the same.
    Renamed,
}
