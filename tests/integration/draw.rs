//! Pictures: `tests/draw/<case>/topology.yaml`, with `before.yaml` of what changes, and beside them what `draw` makes of it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use meshgen::diagnostic::Findings;
use meshgen::draw::{self, Facts, LETTER, SIZE, View};
use meshgen::source::Source;
use meshgen::topology::Date;
use proptest::prelude::*;
use roxmltree::{Document, Node};

use crate::{common, generator};

const VIEWS: [(View, &str); 3] = [(View::Mesh, "mesh"), (View::Matrix, "matrix"), (View::Certificates, "certificates")];

fn drawn(source: &Source) -> Facts {
    let mut findings = Findings::default();
    let checked = meshgen::read(source, &mut findings);
    let checked = checked.unwrap_or_else(|| panic!("{}", common::report(source, &findings.list)));
    meshgen::drawn(&checked, &View::ALL)
}

fn today() -> Date {
    "2026-11-27".parse().unwrap()
}

fn cases() -> Vec<PathBuf> {
    common::entries(&common::repository().join("tests/draw"))
}

fn sides(case: &Path) -> (Option<Facts>, Facts) {
    let before = case.join("before.yaml");
    (before.exists().then(|| drawn(&common::read(&before))), drawn(&common::read(&case.join("topology.yaml"))))
}

#[test]
fn every_picture_is_as_it_stands() {
    assert!(!cases().is_empty());
    for case in cases() {
        let (before, after) = sides(&case);
        for (view, name) in VIEWS {
            let svg = draw::svg(before.as_ref(), &after, view, today());
            check_boxes(&svg);
            common::expect_file(&case.join(format!("{name}.svg")), &svg);
        }
        common::expect_file(&case.join("page.html"), &draw::page(before.as_ref(), &after, &View::ALL, today()));
    }
}

#[test]
fn the_readme_shows_what_draw_makes_of_its_topology() {
    let repository = common::repository();
    let svg = draw::svg(
        None,
        &drawn(&common::read(&repository.join("tests/flows/two-networks/topology.yaml"))),
        View::Mesh,
        today(),
    );
    common::expect_file(&repository.join("docs/mesh.svg"), &svg);
    assert!(fs::read_to_string(repository.join("README.md")).unwrap().contains("](docs/mesh.svg)"));
}

#[test]
fn the_command_draws_files_commits_and_what_changes() {
    let case = common::repository().join("tests/draw/what-changes");
    let run = |arguments: &[&str]| {
        let output = common::meshgen().current_dir(&case).arg("draw").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let both = ["before.yaml", "topology.yaml"];
    for (_, name) in VIEWS {
        let wanted = fs::read_to_string(case.join(format!("{name}.svg"))).unwrap();
        let (code, svg, _) = run(&[&both[..], &["--view", name, "--now", "2026-11-27"]].concat());
        assert_eq!((code, svg), (Some(0), wanted));
    }
    let page = fs::read_to_string(case.join("page.html")).unwrap();
    assert_eq!(run(&[&both[..], &["--format", "html", "--now", "2026-11-27"]].concat()).1, page);
    let (code, page, _) = run(&["topology.yaml", "--format", "html", "--view", "matrix"]);
    assert!(code == Some(0) && page.matches("<svg").count() == 1);
    for (arguments, wanted) in [
        (&["-", "-"][..], "standard input gives one topology only"),
        (&["nowhere.yaml"], "nowhere.yaml: there is no such file or directory"),
        (&["git:topology.yaml"], "is not of the form git:REF:PATH"),
        (&["."], ". is a directory, and a topology is a file"),
        (&["mesh.svg"], "error["),
    ] {
        let (code, out, error) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
}

/// A box of a picture.
#[derive(Debug, Clone, Copy)]
struct Rect {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Rect {
    fn of(node: Node<'_, '_>) -> Self {
        let number = |name: &str| node.attribute(name).map_or(0, |text| text.parse().unwrap());
        let (left, top) = (number("x"), number("y"));
        Self { left, top, right: left + number("width"), bottom: top + number("height") }
    }

    fn overlaps(self, other: Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn holds(self, other: Self) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }
}

/// Where a text is: letters reach from a little above the line to a little below.
fn text_box(node: Node<'_, '_>) -> Rect {
    let number = |name: &str| node.attribute(name).unwrap().parse::<i32>().unwrap();
    let letters = i32::try_from(node.text().unwrap_or("").chars().count()).unwrap();
    let (left, line) = (number("x"), number("y"));
    Rect { left, top: line - SIZE, right: left + letters * SIZE * LETTER / 1000, bottom: line + 4 }
}

fn with_class<'a, 'i>(document: &'a Document<'i>, class: &'a str) -> impl Iterator<Item = Node<'a, 'i>> + 'a {
    let has_class = move |node: &Node<'_, '_>| {
        node.attribute("class").is_some_and(|classes| classes.split(' ').next() == Some(class))
    };
    document.descendants().filter(move |node| node.has_tag_name(("http://www.w3.org/2000/svg", "g")) && has_class(node))
}

fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name
}

/// No box overlaps another, no text leaves its box, and all of it is on the picture.
fn check_boxes(svg: &str) {
    let document = Document::parse(svg).unwrap();
    let root = document.root_element();
    let number = |name: &str| root.attribute(name).unwrap().parse::<i32>().unwrap();
    let paper = Rect { left: 0, top: 0, right: number("width"), bottom: number("height") };
    let boxes = |class: &str| -> Vec<(String, Rect)> {
        let groups = with_class(&document, class);
        let groups = groups.map(|group| {
            let rect = Rect::of(group.children().find(|node| is(node, "rect")).unwrap());
            for text in group.children().filter(|node| is(node, "text")) {
                assert!(rect.holds(text_box(text)), "{:?} leaves its box\n{svg}", text.text());
            }
            (group.attribute("data-name").unwrap_or_default().to_owned(), rect)
        });
        groups.collect()
    };
    let (networks, clusters) = (boxes("network"), boxes("cluster"));
    for boxes in [&networks, &clusters] {
        for (position, (name, rect)) in boxes.iter().enumerate() {
            assert!(paper.holds(*rect), "{name}");
            for (other, beside) in &boxes[position + 1..] {
                assert!(!rect.overlaps(*beside), "{name} overlaps {other}");
            }
        }
    }
    for (name, rect) in &clusters {
        assert_eq!(networks.iter().filter(|(_, network)| network.holds(*rect)).count(), 1, "{name}");
    }
    for title in with_class(&document, "title") {
        let name = title.attribute("data-name").unwrap();
        let text = text_box(title.children().find(|node| is(node, "text")).unwrap());
        assert!(networks.iter().any(|(network, rect)| network == name && rect.holds(text)), "{name}");
        assert!(clusters.iter().all(|(_, rect)| !rect.overlaps(text)), "{name}");
    }
    for text in document.descendants().filter(|node| is(node, "text") && node.has_attribute("x")) {
        assert!(paper.holds(text_box(text)) || text.ancestors().any(|node| is(&node, "defs")), "{:?}", text.text());
    }
}

fn names(svg: &str, class: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    with_class(&document, class).map(|group| group.attribute("data-name").unwrap().to_owned()).collect()
}

/// So many clusters, of which each has a long name and every ninth a network.
fn many(clusters: usize) -> String {
    let mut text = "apiVersion: meshgen/v1\nkind: Topology\nmesh: {id: many, allow: [{rule: shared-gateway, reason: test}]}\n\
        istio: {version: 1.30.3}\ncertificates: {issuedOn: 2026-11-01, naming: 2}\ntracing: {zipkin: {cluster: cluster-of-region-0, via: mesh}}\nnetworks:\n"
        .to_owned();
    for network in 0..clusters.div_ceil(9) {
        writeln!(text, "  - {{name: network-of-region-{network}}}").unwrap();
    }
    text += "clusters:\n";
    for number in 0..clusters {
        let primary = number / 4 * 4;
        write!(
            text,
            "  - {{name: cluster-of-region-{number}, network: network-of-region-{}, apiServer: 'https://10.{}.{}.10:6443'",
            number / 9,
            number / 200,
            number % 200
        )
        .unwrap();
        if primary != number {
            write!(text, ", controlPlane: cluster-of-region-{primary}").unwrap();
        }
        if primary == number || number % 9 == 0 {
            write!(text, ", eastWestGateway: {{externalIPs: [10.{}.{}.100]}}", number / 200, number % 200).unwrap();
        }
        text += "}\n";
    }
    text
}

#[test]
fn up_to_two_hundred_clusters_each_is_drawn_and_above_that_each_network() {
    for count in (1..30).chain([47, 100, 199, 200]) {
        let facts = drawn(&Source::new("many.yaml", many(count)));
        for (view, _) in VIEWS {
            check_boxes(&draw::svg(None, &facts, view, today()));
        }
        assert_eq!(names(&draw::svg(None, &facts, View::Mesh, today()), "cluster").len(), count);
    }
    for count in [201, 1000] {
        let facts = drawn(&Source::new("many.yaml", many(count)));
        let svg = draw::svg(None, &facts, View::Mesh, today());
        check_boxes(&svg);
        assert_eq!((names(&svg, "cluster").len(), names(&svg, "network").len()), (0, count.div_ceil(9)));
        assert!(svg.len() < 200_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(96), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_mesh_and_a_random_change_fit_their_boxes(before in generator::topologies(), after in generator::topologies()) {
        let facts = |generated: &generator::Generated| {
            drawn(&common::of_tests(Source::new("random.yaml", generated.text.as_bytes())))
        };
        let (before, after) = (facts(&before), facts(&after));
        for (view, _) in VIEWS {
            check_boxes(&draw::svg(None, &after, view, today()));
            check_boxes(&draw::svg(Some(&before), &after, view, today()));
        }
        let alone = names(&draw::svg(None, &after, View::Mesh, today()), "cluster");
        let changed = names(&draw::svg(Some(&before), &after, View::Mesh, today()), "cluster");
        prop_assert!(alone.iter().all(|name| changed.contains(name)));
        prop_assert_eq!(draw::svg(Some(&after), &after, View::Mesh, today()).matches(" comes\"").count(), 0);
    }
}
