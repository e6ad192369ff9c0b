//! The picture in a tree's README is one that Mermaid draws, however large the mesh.

use meshgen::source::Source;

use crate::large;

/// What Mermaid draws unless it is told otherwise, which those who show the page are not: `maxEdges`, `maxTextSize`.
const MOST_EDGES: usize = 500;
const LONGEST: usize = 50_000;

fn picture(text: &str) -> String {
    let outline = meshgen::outline(&Source::new("large.yaml", text), None).unwrap();
    let page = std::str::from_utf8(&outline.tree.get("README.md").unwrap().bytes).unwrap();
    page.split_once("```mermaid\n").unwrap().1.split_once("\n```").unwrap().0.to_owned()
}

fn edges(picture: &str) -> usize {
    picture.lines().filter(|line| line.contains("-->") || line.contains("-.-")).count()
}

/// The sum of the numbers that stand before a word.
fn sum(picture: &str, pattern: &str) -> usize {
    let number = regex::Regex::new(pattern).unwrap();
    number.captures_iter(picture).map(|captures| captures[1].parse::<usize>().unwrap()).sum()
}

#[test]
fn a_picture_keeps_within_the_limits_of_mermaid_and_counts_every_cluster() {
    let mut most = 0;
    for (name, clusters, networks) in large::SIZES {
        let picture = picture(&large::topology(clusters, networks));
        assert!(picture.len() <= LONGEST, "{name}: {} characters", picture.len());
        assert!(edges(&picture) <= MOST_EDGES, "{name}: {} edges", edges(&picture));
        most = most.max(edges(&picture));
        if clusters > 12 {
            assert_eq!(sum(&picture, r"<br>(\d+) cluster"), clusters, "{name}");
            assert_eq!(
                picture.matches("<br>").count() - picture.matches(" more network").count()
                    + sum(&picture, r"\[.(\d+) more network"),
                networks,
                "{name}"
            );
        } else {
            assert_eq!(picture.matches("[\"cluster").count(), clusters, "{name}");
            assert_eq!(picture.matches("subgraph").count(), networks, "{name}");
        }
    }
    // Otherwise none of these meshes would have come near the limit.
    assert!(most > MOST_EDGES / 2, "the largest picture has {most} edges");
}

#[test]
fn a_picture_leaves_out_networks_that_nobody_is_on() {
    let unused = (0..1000).fold(String::new(), |text, number| text + &format!("  - name: unused{number}\n"));
    let text = large::topology(12, 2).replace("clusters:\n", &format!("{unused}clusters:\n"));
    let picture = picture(&text);
    assert_eq!(picture.matches("subgraph").count(), 2);
    assert!(picture.len() <= LONGEST);
}
