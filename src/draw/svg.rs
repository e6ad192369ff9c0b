//! The parts of a picture.

use std::fmt::Write;

use crate::words::without_controls;

/// The size of letters, in units of the picture.
pub const SIZE: i32 = 13;
/// The width of a letter as thousandths of its size: no common monospaced font is wider than 0.61.
pub const LETTER: i32 = 610;
/// The height of a line of text.
pub(super) const LINE: i32 = 18;

/// The width of a text.
pub(super) fn width(text: &str) -> i32 {
    let letters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 10_000);
    (letters * SIZE * LETTER + 999) / 1000
}

/// A picture.
pub(super) struct Svg {
    pub(super) title: String,
    width: i32,
    height: i32,
    /// What is copied to several places.
    parts: String,
    body: String,
}

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// A box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Rect {
    pub(super) fn centre(self) -> Point {
        Point { x: self.x + self.width / 2, y: self.y + self.height / 2 }
    }

    /// Where a line from the centre to a point leaves the box.
    pub(super) fn edge(self, to: Point) -> Point {
        let from = self.centre();
        let (dx, dy) = (i64::from(to.x - from.x), i64::from(to.y - from.y));
        let (half_width, half_height) = (i64::from(self.width) / 2, i64::from(self.height) / 2);
        if dx == 0 && dy == 0 {
            return from;
        }
        // The side that the line meets first: |dx| / half width against |dy| / half height.
        let (numerator, denominator) = if dx.abs() * half_height >= dy.abs() * half_width {
            (half_width, dx.abs())
        } else {
            (half_height, dy.abs())
        };
        let along = |way: i64| i32::try_from(way * numerator / denominator).unwrap_or_default();
        Point { x: from.x + along(dx), y: from.y + along(dy) }
    }
}

impl Svg {
    pub(super) fn new(title: String) -> Self {
        Self { title, width: 0, height: 0, parts: String::new(), body: String::new() }
    }

    /// Makes the picture as large as a box in it, with a margin.
    pub(super) fn reach(&mut self, rect: Rect) {
        self.width = self.width.max(rect.x + rect.width + MARGIN);
        self.height = self.height.max(rect.y + rect.height + MARGIN);
    }

    pub(super) fn open(&mut self, class: &str, name: &str) {
        let name = if name.is_empty() { String::new() } else { format!(" data-name=\"{}\"", escaped(name)) };
        self.add(format_args!("<g class=\"{class}\"{name}>"));
    }

    pub(super) fn close(&mut self) {
        self.add(format_args!("</g>"));
    }

    pub(super) fn rect(&mut self, rect: Rect, class: &str) {
        let Rect { x, y, width, height } = rect;
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>"
        ));
        self.reach(rect);
    }

    /// A text whose first letter stands at a point on its base line.
    pub(super) fn text(&mut self, at: Point, class: &str, text: &str) {
        let Point { x, y } = at;
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.add(format_args!("<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escaped(text)));
        self.reach(Rect { x, y: y - LINE, width: width(text), height: LINE });
    }

    /// A text that runs upwards from a point.
    pub(super) fn upright(&mut self, at: Point, text: &str) {
        let Point { x, y } = at;
        self.add(format_args!(
            "<text class=\"upright\" transform=\"translate({x} {y}) rotate(-90)\">{}</text>",
            escaped(text)
        ));
    }

    /// Defines a square with a letter that is copied to many places.
    pub(super) fn define(&mut self, class: &str, size: i32, letter: &str) {
        let text = if letter.is_empty() {
            String::new()
        } else {
            format!("<text class=\"letter\" x=\"6\" y=\"15\">{letter}</text>")
        };
        writeln!(
            self.parts,
            "<g id=\"{class}\"><rect class=\"{class}\" width=\"{size}\" height=\"{size}\" rx=\"4\"/>{text}</g>"
        )
        .expect("a String takes everything");
    }

    /// A copy of such a square.
    pub(super) fn copy(&mut self, at: Point, class: &str) {
        self.add(format_args!("<use href=\"#{class}\" x=\"{}\" y=\"{}\"/>", at.x, at.y));
    }

    pub(super) fn line(&mut self, from: Point, to: Point, class: &str) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            from.x, from.y, to.x, to.y
        ));
    }

    /// A line through points, with an arrow at its end.
    pub(super) fn arrow(&mut self, points: &[Point], class: &str) {
        let points: Vec<String> = points.iter().map(|point| format!("{} {}", point.x, point.y)).collect();
        self.add(format_args!("<path class=\"{class}\" d=\"M{}\" marker-end=\"url(#arrow)\"/>", points.join("L")));
    }

    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{line}").expect("a String takes everything");
    }

    /// A file of its own.
    pub(super) fn standalone(&self) -> String {
        format!("{}<style>\n{STYLE}</style>\n{}", self.head(true, ""), self.tail())
    }

    /// A part of a page that has the style.
    pub(super) fn inline(&self, id: &str) -> String {
        format!("{}{}", self.head(false, id), self.tail())
    }

    fn head(&self, is_file: bool, id: &str) -> String {
        let Self { width, height, .. } = self;
        let (width, height) = (width.max(&MARGIN), height.max(&MARGIN));
        let id = if id.is_empty() { "title" } else { id };
        let namespace = if is_file { " xmlns=\"http://www.w3.org/2000/svg\"" } else { "" };
        format!(
            "<svg{namespace} width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}\">\n\
             <title id=\"{id}\">{}</title>\n",
            escaped(&self.title)
        )
    }

    fn tail(&self) -> String {
        format!(
            "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"10\" markerHeight=\"10\" markerUnits=\"userSpaceOnUse\" \
             orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\"/></marker>\n{}</defs>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{}</svg>\n",
            self.parts, self.body
        )
    }
}

pub(super) const MARGIN: i32 = 16;

/// Text of others in XML.
pub(super) fn escaped(text: &str) -> String {
    let text = without_controls(text, ' ');
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Light and dark, and light on paper. Colours never tell anything alone: words and dashes do too.
pub(super) const STYLE: &str = "\
svg{--paper:#fff;--ink:#1b1f24;--soft:#57606a;--net:#f3f5f8;--edge:#8c959f;--box:#fff;--control:#0b5cad;--trace:#7a3fb3;--good:#1a7f37;--bad:#c0202d;--changed:#8a5a00;--direct:#d7e8fb;--gateway:#dff3e4;--fail:#fbd9dc}\n\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--soft:#9aa4af;--net:#161b22;--edge:#59626d;--box:#0d1117;--control:#6cb2ff;--trace:#c9a2f2;--good:#56d370;--bad:#ff8a8f;--changed:#e3b341;--direct:#12304f;--gateway:#12361f;--fail:#4d161b}}\n\
@media print{svg{--paper:#fff;--ink:#000;--soft:#333;--net:#fff;--edge:#666;--box:#fff;--control:#0b5cad;--trace:#7a3fb3;--good:#1a7f37;--bad:#c0202d;--changed:#8a5a00;--direct:#d7e8fb;--gateway:#dff3e4;--fail:#fbd9dc}}\n\
svg text,.letter{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:var(--ink)}\n\
svg .name{font-weight:bold}svg .soft{fill:var(--soft)}svg .under{fill:var(--net)}\n\
svg .paper{fill:var(--paper)}svg .net{fill:var(--net);stroke:var(--edge)}svg .box{fill:var(--box);stroke:var(--edge)}svg .frame{fill:none}\n\
svg .control,svg .trace{fill:none;stroke:var(--control);stroke-width:1.5}svg .trace{stroke:var(--trace);stroke-dasharray:2 4}\n\
svg path.comes{stroke:var(--good);stroke-width:2.5}svg path.goes{stroke:var(--bad);stroke-width:2.5;stroke-dasharray:7 4}svg marker path{fill:var(--soft)}\n\
svg .grid{stroke:var(--edge);stroke-width:.5}svg .today{stroke:var(--bad);stroke-dasharray:6 3}\n\
svg .comes rect{stroke:var(--good);stroke-width:2.5}svg .goes rect{stroke:var(--bad);stroke-width:2.5;stroke-dasharray:7 4}svg .changes rect{stroke:var(--changed);stroke-width:2.5}\n\
svg .comes .mark{fill:var(--good)}svg .goes .mark{fill:var(--bad)}svg .changes .mark{fill:var(--changed)}\n\
.direct{fill:var(--direct)}.gateway{fill:var(--gateway)}.fails{fill:var(--fail)}.none{fill:var(--net)}\n\
svg .root{fill:var(--gateway);stroke:var(--good)}svg .signer{fill:var(--direct);stroke:var(--control)}\n";
