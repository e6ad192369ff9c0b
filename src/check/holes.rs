//! The places of a topology that no rule may go by.

use std::collections::BTreeMap;

use crate::diagnostic::{Cause, Diagnostic, FieldPath, Hole, Place, Segment};

use super::reads::Fields;

/// The places whose value is not known, or is refused.
#[derive(Debug, Default)]
pub(super) struct Holes {
    paths: BTreeMap<Vec<Segment>, usize>,
    /// By their fields, without the positions of items: the cluster that each is in, and its cause, the earlier first.
    by_field: BTreeMap<String, Vec<(Option<usize>, usize)>>,
    causes: Vec<Cause>,
}

impl Holes {
    pub(super) fn of(holes: Vec<Hole>) -> Self {
        let mut all = Self::default();
        for Hole { path, cause } in holes {
            all.paths.entry(path.segments().to_vec()).or_insert(all.causes.len());
            all.lose(&field(path.segments()), cluster(path.segments()), cause);
        }
        all
    }

    /// What an error refuses is not known either: the first place that it names or, if that is not where the fault is, a field.
    pub(super) fn add_refused(&mut self, finding: &Diagnostic, refused: Option<&str>) {
        let Some(Place::Field(path) | Place::Key(path)) = finding.labels.first().map(|label| &label.place) else {
            return;
        };
        let cause = Cause::Refused(finding.rule, path.clone());
        let cluster = cluster(path.segments());
        if let Some(refused) = refused {
            self.lose(&spelled(refused), cluster, cause);
        } else {
            self.paths.entry(path.segments().to_vec()).or_insert(self.causes.len());
            self.lose(&field(path.segments()), cluster, cause);
        }
    }

    fn lose(&mut self, field: &str, cluster: Option<usize>, cause: Cause) {
        self.by_field.entry(field.to_owned()).or_default().push((cluster, self.causes.len()));
        self.causes.push(cause);
    }

    /// Why nothing at all is known.
    pub(super) fn of_everything(&self) -> Option<&Cause> {
        self.by_field.get("").and_then(|holes| holes.first()).map(|(_, cause)| &self.causes[*cause])
    }

    /// The first mistake.
    pub(super) fn first_cause(&self) -> Option<&Cause> {
        self.causes.first()
    }

    /// Why one of the fields is not known, that of each cluster included.
    pub(super) fn hiding(&self, fields: &[Fields]) -> Option<&Cause> {
        let fields = fields.iter().copied().flatten().filter(|field| !is_own(field));
        self.around(fields.copied()).map(|(_, cause)| cause).min().map(|cause| &self.causes[cause])
    }

    /// The clusters of which one of the fields is not known, and why. `None` stands for every cluster.
    pub(super) fn hiding_clusters(&self, fields: &[Fields]) -> BTreeMap<Option<usize>, &Cause> {
        let fields = fields.iter().copied().flatten().filter(|field| is_own(field));
        let mut hidden: BTreeMap<Option<usize>, usize> = BTreeMap::new();
        for (cluster, cause) in self.around(fields.copied()) {
            let first = hidden.entry(cluster).or_insert(cause);
            *first = cause.min(*first);
        }
        hidden.into_iter().map(|(cluster, cause)| (cluster, &self.causes[cause])).collect()
    }

    /// The holes that hold one of the fields or are it.
    fn around<'h>(
        &'h self,
        fields: impl Iterator<Item = &'static str> + 'h,
    ) -> impl Iterator<Item = (Option<usize>, usize)> + 'h {
        fields.flat_map(move |field| {
            let field = spelled(field);
            let ends = field.char_indices().filter(|(_, letter)| matches!(letter, '.' | '[')).map(|(end, _)| end);
            let ends: Vec<usize> = [0].into_iter().chain(ends).chain([field.len()]).collect();
            ends.into_iter().filter_map(move |end| self.by_field.get(&field[..end])).flatten().copied()
        })
    }

    /// Why a place is not known, if it is in a hole.
    pub(super) fn hide(&self, path: &FieldPath) -> Option<&Cause> {
        let segments = path.segments();
        let around = || (0..=segments.len()).find_map(|length| self.paths.get(&segments[..length]));
        (!self.paths.is_empty()).then(around).flatten().map(|cause| &self.causes[*cause])
    }

    /// Why a place that a finding names is not known, if one is in a hole.
    pub(super) fn touch(&self, finding: &Diagnostic) -> Option<&Cause> {
        finding.labels.iter().find_map(|label| match &label.place {
            Place::Field(path) | Place::Key(path) => self.hide(path),
            _ => None,
        })
    }
}

/// Whether a field is that of one cluster at a time.
fn is_own(field: &str) -> bool {
    field.starts_with("cluster.")
}

/// A field as [`field`] spells it.
fn spelled(field: &str) -> String {
    field.strip_prefix("cluster.").map_or_else(|| field.to_owned(), |own| format!("clusters[].{own}"))
}

/// A path without the positions of items.
fn field(path: &[Segment]) -> String {
    path.iter().fold(String::new(), |field, segment| match segment {
        Segment::Index(_) => field + "[]",
        Segment::Key(key) if field.is_empty() => key.clone().into_owned(),
        Segment::Key(key) => field + "." + key,
    })
}

/// The cluster that a path is in.
fn cluster(path: &[Segment]) -> Option<usize> {
    match path {
        [Segment::Key(list), Segment::Index(position), ..] if list == "clusters" => Some(*position),
        _ => None,
    }
}
