//! Roots, and the certificates that istiods sign with, on a time line.

use crate::pki::inventory::{Entry, Role};
use crate::topology::Date;
use crate::words::bare_names;

use super::scene::{Scene, State};
use super::svg::{LINE, MARGIN, Point, Rect, Svg, width};

/// The width of the time line.
const ACROSS: i32 = 720;
const GAP: i32 = 12;
const BAR: i32 = 16;

/// Certificates with the same days, of the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    role: Role,
    first: Date,
    last: Date,
    under: Option<String>,
    names: Vec<String>,
    state: State,
}

impl Row {
    fn label(&self) -> String {
        let names = bare_names(self.names.iter().map(String::as_str));
        format!("{}{names}", self.state.mark())
    }

    fn days(&self) -> String {
        let under = self.under.as_ref().map_or(String::new(), |under| format!(", under {under}"));
        format!("{} to {}{under}", self.first, self.last)
    }
}

pub(super) fn draw(before: Option<&Scene>, after: &Scene, today: Date) -> Svg {
    let title = format!("{}: certificates on {today}", after.title.split(':').next().unwrap_or_default());
    let mut svg = Svg::new(title.clone());
    svg.text(Point { x: MARGIN, y: MARGIN + LINE }, "name", &title);
    let rows = rows(before, after);
    let top = MARGIN + LINE + GAP + LINE;
    if rows.is_empty() {
        svg.text(Point { x: MARGIN, y: top }, "soft", after.authority);
        return svg;
    }
    let begin = rows.iter().map(|row| row.first).min().unwrap_or(today).min(today);
    let end = rows.iter().map(|row| row.last).max().unwrap_or(today).max(today);
    let labels = rows.iter().map(|row| width(&row.label())).max().unwrap_or_default();
    let left = MARGIN + labels + GAP;
    let span = days(begin, end).max(1);
    let across = |day: Date| left + i32::try_from(days(begin, day) * i64::from(ACROSS) / span).unwrap_or_default();
    let height = i32::try_from(rows.len()).unwrap_or_default() * (2 * LINE + GAP);
    let bottom = top + LINE + height;
    years(begin, end, across, top, bottom, &mut svg);
    svg.open("lines", "");
    let now = across(today);
    svg.line(Point { x: now, y: top }, Point { x: now, y: bottom }, "today");
    svg.close();
    for (number, row) in (0..).zip(&rows) {
        let y = top + LINE + number * (2 * LINE + GAP);
        svg.open(&format!("certificate{}", row.state.class()), &row.names.join(" "));
        let (from, to) = (across(row.first), across(row.last));
        let class = if row.role == Role::Root { "root" } else { "signer" };
        svg.rect(Rect { x: from, y, width: (to - from).max(2), height: BAR }, class);
        let name = if row.state == State::Stays { "name" } else { "name mark" };
        svg.text(Point { x: MARGIN, y: y + BAR - 3 }, name, &row.label());
        svg.text(Point { x: left, y: y + BAR + LINE - 3 }, "soft", &row.days());
        svg.close();
    }
    svg.open("legend", "");
    let mut words = format!("dashed line: {today}; green: roots that workloads trust; blue: what istiods sign with");
    if before.is_some() {
        words.push_str("; + comes, - goes");
    }
    svg.text(Point { x: MARGIN, y: bottom + LINE }, "soft", &words);
    svg.close();
    svg
}

/// The first of January of years, as many as there is room for.
fn years(begin: Date, end: Date, across: impl Fn(Date) -> i32, top: i32, bottom: i32, svg: &mut Svg) {
    const LABELS: i32 = 12;
    let (first, last) = (begin.0.year() + 1, end.0.year());
    let step = ((last - first) / LABELS + 1).max(1);
    svg.open("grid", "");
    for year in (first..=last).filter(|year| (year - first) % step == 0) {
        let Ok(day) = time::Date::from_calendar_date(year, time::Month::January, 1) else { continue };
        let x = across(Date(day));
        svg.line(Point { x, y: top }, Point { x, y: bottom }, "grid");
        svg.text(Point { x: x + 3, y: top + LINE - 8 }, "soft", &year.to_string());
    }
    svg.close();
}

fn days(from: Date, to: Date) -> i64 {
    (to.0 - from.0).whole_days()
}

fn rows(before: Option<&Scene>, after: &Scene) -> Vec<Row> {
    let state = |entry: &Entry, others: Option<&Scene>, otherwise: State| match others {
        Some(scene) if !scene.certificates.iter().any(|other| is_drawn_alike(entry, other)) => otherwise,
        _ => State::Stays,
    };
    let new = after.certificates.iter().map(|entry| (entry, state(entry, before, State::Comes)));
    let gone = before.into_iter().flat_map(|scene| &scene.certificates);
    let gone =
        gone.map(|entry| (entry, state(entry, Some(after), State::Goes))).filter(|(_, state)| *state == State::Goes);
    let mut rows: Vec<Row> = Vec::new();
    for (entry, state) in new.chain(gone) {
        let name = entry.cluster.clone().unwrap_or_else(|| entry.subject.clone());
        let row = Row {
            role: entry.role,
            first: entry.not_before,
            last: entry.not_after,
            under: entry.under.clone(),
            names: Vec::new(),
            state,
        };
        // Each root has a row of its own.
        let same = rows
            .iter_mut()
            .find(|other| row.role != Role::Root && **other == Row { names: other.names.clone(), ..row.clone() });
        match same {
            Some(same) => same.names.push(name),
            None => rows.push(Row { names: vec![name], ..row }),
        }
    }
    rows.sort_by_key(|row| (row.role != Role::Root, row.first, row.last));
    rows
}

fn is_drawn_alike(entry: &Entry, other: &Entry) -> bool {
    let drawn = |entry: &Entry| {
        (
            entry.role,
            entry.cluster.clone(),
            entry.subject.clone(),
            entry.not_before,
            entry.not_after,
            entry.under.clone(),
        )
    };
    drawn(entry) == drawn(other)
}
