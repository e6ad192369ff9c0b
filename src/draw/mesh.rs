//! The mesh: networks as boxes with clusters in them.

use std::collections::BTreeMap;

use crate::words::plural;

use super::scene::{Compared, Member, State};
use super::svg::{LINE, MARGIN, Point, Rect, Svg, width};

/// A mesh of more clusters is drawn network by network.
const CLUSTERS_DRAWN: usize = 200;
/// Of more clusters, a line for the traces of each would hide the picture.
const TRACES_DRAWN: usize = 12;

const PADDING: i32 = 12;
/// Around the clusters of a network: a line finds its way there.
const ROOM: i32 = 24;
const GAP: i32 = 28;
const TITLE: i32 = 30;
/// Few networks stand beside each other.
const NARROW: i32 = 860;

/// A box with texts, before it has a place.
struct Card {
    class: &'static str,
    name: String,
    state: State,
    lines: Vec<String>,
}

pub(super) fn draw(mesh: &Compared) -> Svg {
    let mut svg = Svg::new(mesh.title.clone());
    svg.text(Point { x: MARGIN, y: MARGIN + LINE }, "name", &mesh.title);
    let top = MARGIN + LINE + GAP;
    let bottom = if mesh.clusters.len() > CLUSTERS_DRAWN {
        overview(mesh, &mut svg, top)
    } else {
        clusters(mesh, &mut svg, top)
    };
    legend(mesh, &mut svg, bottom + GAP);
    svg
}

/// Every cluster in its network; returns where the picture ends.
fn clusters(mesh: &Compared, svg: &mut Svg, top: i32) -> i32 {
    let cards: Vec<Card> = mesh.clusters.iter().map(|(member, state)| card(member, *state)).collect();
    let size = size(&cards);
    let members = |network: &str| -> Vec<usize> {
        (0..cards.len()).filter(|position| mesh.clusters[*position].0.network == network).collect()
    };
    let networks: Vec<(usize, Vec<usize>)> =
        mesh.networks.iter().enumerate().map(|(position, (name, _))| (position, members(name))).collect();
    let sizes: Vec<(i32, i32)> = networks
        .iter()
        .map(|(position, members)| {
            let (across, down) = grid(members.len(), size);
            let title = width(&network_title(mesh, *position)) + 2 * PADDING;
            let wide = across * size.0 + (across - 1).max(0) * GAP + 2 * ROOM;
            (wide.max(title), TITLE + down * size.1 + (down - 1).max(0) * GAP + 2 * ROOM - PADDING)
        })
        .collect();
    let places = shelves(&sizes, top);
    let mut boxes: BTreeMap<&str, Rect> = BTreeMap::new();
    let mut at: Vec<Option<Rect>> = vec![None; cards.len()];
    for ((_, members), place) in networks.iter().zip(&places) {
        let (across, _) = grid(members.len(), size);
        for (number, member) in (0..).zip(members) {
            let (column, row) = (number % across, number / across);
            let rect = Rect {
                x: place.x + ROOM + column * (size.0 + GAP),
                y: place.y + TITLE + ROOM - PADDING + row * (size.1 + GAP),
                width: size.0,
                height: size.1,
            };
            at[*member] = Some(rect);
            boxes.insert(&mesh.clusters[*member].0.name, rect);
        }
    }
    for ((position, _), place) in networks.iter().zip(&places) {
        let (name, state) = &mesh.networks[*position];
        svg.open(&format!("network{}", state.class()), name);
        svg.rect(*place, "net");
        svg.close();
    }
    // The lines go below the boxes of clusters and below texts, so that they hide none.
    svg.open("lines", "");
    lines(mesh, &boxes, &networks, &places, svg);
    svg.close();
    for ((position, _), place) in networks.iter().zip(&places) {
        svg.open("title", &mesh.networks[*position].0);
        let (x, y, title) = (place.x + PADDING, place.y + LINE + 2, network_title(mesh, *position));
        svg.rect(Rect { x: x - 4, y: y - LINE + 3, width: width(&title) + 8, height: LINE + 3 }, "under");
        svg.text(Point { x, y }, "soft", &title);
        svg.close();
    }
    for (card, rect) in cards.iter().zip(&at) {
        if let Some(rect) = rect {
            put(card, *rect, svg);
        }
    }
    places.iter().map(|place| place.y + place.height).max().unwrap_or(top)
}

fn network_title(mesh: &Compared, position: usize) -> String {
    let (name, state) = &mesh.networks[position];
    format!("{}network {name}", state.mark())
}

fn lines(
    mesh: &Compared,
    boxes: &BTreeMap<&str, Rect>,
    networks: &[(usize, Vec<usize>)],
    places: &[Rect],
    svg: &mut Svg,
) {
    for (primary, remote, state) in &mesh.control {
        if let (Some(primary), Some(remote)) = (boxes.get(primary.as_str()), boxes.get(remote.as_str())) {
            arrow(*primary, *remote, "control", *state, svg);
        }
    }
    for (collector, state) in &mesh.collectors {
        let Some(target) = boxes.get(collector.as_str()) else { continue };
        if mesh.clusters.len() <= TRACES_DRAWN {
            for (member, own) in mesh.clusters.iter().filter(|(member, _)| member.name != *collector) {
                let state = if *own == State::Stays || *own == State::Changes { *state } else { *own };
                arrow(boxes[member.name.as_str()], *target, "trace", state, svg);
            }
        } else {
            for ((_, members), place) in networks.iter().zip(places) {
                if !members.iter().any(|member| mesh.clusters[*member].0.name == *collector) {
                    arrow(*place, *target, "trace", *state, svg);
                }
            }
        }
    }
}

/// A line from box to box. Where a box stands between them in a row or a column, it goes around; two networks may be beside each other. Traces run beside control planes.
fn arrow(from: Rect, to: Rect, class: &str, state: State, svg: &mut Svg) {
    let (beside, aside) = if class == "trace" { (10, GAP / 2 - 4) } else { (0, GAP / 2 + 2) };
    let class = format!("{class}{}", state.class());
    let (one, other) = (from.centre(), to.centre());
    if from.x == to.x && (from.y - to.y).abs() > from.height + GAP + 2 * ROOM + TITLE {
        let x = from.x - aside;
        let (start, end) = (one.y + beside, other.y + beside);
        let points = [(from.x, start), (x, start), (x, end), (to.x, end)];
        return svg.arrow(&points.map(|(x, y)| Point { x, y }), &class);
    }
    if from.y == to.y && (from.x - to.x).abs() > from.width + GAP + 2 * ROOM {
        let bottom = from.y + from.height;
        let y = bottom + aside;
        let (start, end) = (one.x + beside, other.x + beside);
        let points = [(start, bottom), (start, y), (end, y), (end, bottom)];
        return svg.arrow(&points.map(|(x, y)| Point { x, y }), &class);
    }
    let moved = |rect: Rect, point: Point| {
        let is_above_or_below =
            (point.y - rect.centre().y).abs() * rect.width >= (point.x - rect.centre().x).abs() * rect.height;
        if is_above_or_below { Point { x: point.x + beside, ..point } } else { Point { y: point.y + beside, ..point } }
    };
    svg.arrow(&[moved(from, from.edge(other)), moved(to, to.edge(one))], &class);
}

/// Networks with numbers of clusters; returns where the picture ends.
fn overview(mesh: &Compared, svg: &mut Svg, top: i32) -> i32 {
    let members = |network: &str| -> Vec<&(Member, State)> {
        mesh.clusters.iter().filter(|(member, _)| member.network == network).collect()
    };
    let mut network_of: BTreeMap<&str, &str> = BTreeMap::new();
    for (member, _) in &mesh.clusters {
        network_of.insert(&member.name, &member.network);
    }
    let cards: Vec<Card> = mesh
        .networks
        .iter()
        .map(|(name, state)| {
            let members = members(name);
            let staying = members.iter().filter(|(_, state)| *state != State::Goes);
            let primaries = staying.clone().filter(|(member, _)| member.primary.is_none()).count();
            let mut lines = vec![plural(staying.count(), "cluster"), plural(primaries, "control plane")];
            let is_its = |(collector, _): &&(String, State)| network_of.get(collector.as_str()) == Some(&name.as_str());
            lines.extend(mesh.collectors.iter().find(is_its).map(|_| "Zipkin".to_owned()));
            for (state, word) in [(State::Comes, "comes"), (State::Goes, "goes"), (State::Changes, "changes")] {
                let count = members.iter().filter(|(_, own)| *own == state).count();
                if count > 0 {
                    lines.push(format!("{}{count} {word}", state.mark()));
                }
            }
            let changed = members.iter().any(|(_, state)| *state != State::Stays);
            let state = if *state == State::Stays && changed { State::Changes } else { *state };
            Card { class: "network", name: name.clone(), state, lines }
        })
        .collect();
    let size = size(&cards);
    let places = shelves(&vec![size; cards.len()], top);
    let boxes: BTreeMap<&str, Rect> = cards.iter().map(|card| card.name.as_str()).zip(places.iter().copied()).collect();
    let mut served: BTreeMap<(&str, &str), State> = BTreeMap::new();
    for (primary, remote, state) in &mesh.control {
        let networks = (network_of.get(primary.as_str()), network_of.get(remote.as_str()));
        if let (Some(primary), Some(remote)) = networks
            && primary != remote
        {
            served.insert((primary, remote), *state);
        }
    }
    svg.open("lines", "");
    for ((primary, remote), state) in served {
        arrow(boxes[primary], boxes[remote], "control", state, svg);
    }
    svg.close();
    for (card, place) in cards.iter().zip(&places) {
        put(card, *place, svg);
    }
    places.iter().map(|place| place.y + place.height).max().unwrap_or(top)
}

fn card(member: &Member, state: State) -> Card {
    Card { class: "cluster", name: member.name.clone(), state, lines: member.lines.clone() }
}

/// The size that holds each of some boxes.
fn size(cards: &[Card]) -> (i32, i32) {
    let texts = cards.iter().flat_map(|card| {
        card.lines.iter().map(|line| width(line)).chain([width(&card.name) + width(card.state.mark())])
    });
    let wide = texts.max().unwrap_or_default() + 2 * PADDING;
    let lines = cards.iter().map(|card| card.lines.len() + 1).max().unwrap_or_default();
    (wide, i32::try_from(lines).unwrap_or_default() * LINE + 2 * PADDING - 4)
}

fn put(card: &Card, rect: Rect, svg: &mut Svg) {
    svg.open(&format!("{}{}", card.class, card.state.class()), &card.name);
    svg.rect(rect, "box");
    let x = rect.x + PADDING;
    let mut y = rect.y + PADDING + LINE - 5;
    let class = if card.state == State::Stays { "name" } else { "name mark" };
    svg.text(Point { x, y }, class, &format!("{}{}", card.state.mark(), card.name));
    for line in &card.lines {
        y += LINE;
        svg.text(Point { x, y }, "soft", line);
    }
    svg.close();
}

/// How many boxes stand beside and below each other, for a shape like that of a page.
fn grid(count: usize, size: (i32, i32)) -> (i32, i32) {
    let count = i32::try_from(count).unwrap_or(i32::MAX).max(1);
    let across = (i64::from(count) * i64::from(size.1) * 5 / (i64::from(size.0) * 3)).isqrt();
    let across = i32::try_from(across).unwrap_or(i32::MAX).clamp(1, count);
    (across, (count + across - 1) / across)
}

/// Boxes from left to right, and in rows that are as wide as the whole is high.
fn shelves(sizes: &[(i32, i32)], top: i32) -> Vec<Rect> {
    let area: i64 = sizes.iter().map(|(width, height)| i64::from(width + GAP) * i64::from(height + GAP)).sum();
    let widest = sizes.iter().map(|(width, _)| *width).max().unwrap_or_default();
    let room = i32::try_from((area * 5 / 2).isqrt()).unwrap_or(i32::MAX / 2).max(widest).max(NARROW);
    let (mut x, mut y, mut high) = (MARGIN, top, 0);
    let mut places = Vec::with_capacity(sizes.len());
    for (width, height) in sizes {
        if x > MARGIN && x + width > MARGIN + room {
            (x, y, high) = (MARGIN, y + high + GAP, 0);
        }
        places.push(Rect { x, y, width: *width, height: *height });
        (x, high) = (x + width + GAP, high.max(*height));
    }
    places
}

/// What lines and marks mean.
fn legend(mesh: &Compared, svg: &mut Svg, top: i32) {
    const SAMPLE: i32 = 36;
    let mut x = MARGIN;
    let y = top;
    svg.open("legend", "");
    let mut lines = Vec::new();
    if !mesh.control.is_empty() {
        lines.push(("control", "serves as control plane"));
    }
    if !mesh.collectors.is_empty() && mesh.clusters.len() <= CLUSTERS_DRAWN {
        lines.push(("trace", "traces to Zipkin"));
    }
    for (class, words) in lines {
        svg.arrow(&[Point { x, y: y - 4 }, Point { x: x + SAMPLE, y: y - 4 }], class);
        svg.text(Point { x: x + SAMPLE + 8, y }, "soft", words);
        x += SAMPLE + 8 + width(words) + GAP;
    }
    if mesh.is_change {
        svg.text(Point { x, y }, "soft", "+ comes, - goes, ~ changes");
    }
    svg.close();
}
