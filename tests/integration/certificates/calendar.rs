//! What is said of certificates on a day.

use super::workshop::{Workshop, topology};

const TWO: [(&str, &str); 2] = [("east", ""), ("west", "issuedOn: 2028-03-01")];

fn built() -> Workshop {
    let workshop = Workshop::with_seed(&topology("issuedOn: 2026-11-01", &TWO));
    assert_eq!(workshop.build(&[]).code, Some(0));
    workshop
}

#[test]
fn a_topology_and_its_tree_show_the_same_certificates() {
    let workshop = built();
    let shown = |place: &str| {
        let said = workshop.meshgen(&["ca", "show", place, "--format", "json", "--now", "2026-12-01"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()
    };
    let (asked, mut stands) = (shown("mesh.yaml"), shown("out"));
    assert_eq!(stands["certificates"].as_array().unwrap().len(), 3);
    for certificate in stands["certificates"].as_array_mut().unwrap() {
        // A request has no bytes yet.
        for digest in ["fingerprint", "key"] {
            assert_eq!(certificate[digest].as_str().unwrap().len(), 64);
            certificate[digest] = serde_json::Value::Null;
        }
    }
    assert_eq!(asked, stands);
    assert_eq!(asked["certificates"][1]["daysLeft"], 700);
    let table = workshop.meshgen(&["ca", "show", "out", "--now", "2026-12-01"]).stdout;
    assert!(table.contains("west                  1  2028-03-01  2030-03-01       1186\n"), "{table}");
}

#[test]
fn what_expires_within_some_days_is_named() {
    let workshop = built();
    let code = |now: &str, days: &str| workshop.meshgen(&["ca", "show", "out", "--now", now, "--within", days]);
    assert_eq!(code("2028-07-01", "90").code, Some(0));
    let said = code("2028-08-15", "90");
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("within 90 days of 2028-08-15: east"), "{said:?}");
    assert!(!said.stderr.contains("west"), "{said:?}");
}

#[test]
fn a_tree_with_a_changed_certificate_is_not_shown() {
    let workshop = built();
    workshop.write("out/west/20-cacerts/ca-cert.pem", workshop.read("out/east/20-cacerts/ca-cert.pem"));
    let said = workshop.meshgen(&["ca", "show", "out"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("west/20-cacerts/ca-cert.pem differs from meshgen.lock"), "{said:?}");
    assert_eq!(workshop.meshgen(&["ca", "show", "."]).code, Some(2));
}

#[test]
fn check_warns_by_day_and_build_never_does() {
    let workshop = built();
    let check = |now: &str| workshop.meshgen(&["check", "mesh.yaml", "--now", now]);
    assert!(!check("2026-12-01").stdout.contains("expir"));
    let soon = check("2028-09-01");
    assert_eq!(soon.code, Some(0));
    assert!(
        soon.stdout
            .contains("warning[expiring-certificate]: the certificate of `east` expires on 2028-10-31, in 60 days"),
        "{soon:?}"
    );
    assert!(!soon.stdout.contains("`west`"), "{soon:?}");
    assert!(soon.stdout.contains("help: write a later `certificates.issuedOn` for this cluster"), "{soon:?}");
    let late = check("2029-01-01");
    assert!(late.stdout.contains("the certificate of `east` expired on 2028-10-31"), "{late:?}");
    let root = check("2036-09-01");
    assert!(root.stdout.contains("the root certificate expires on 2036-10-29, in 58 days"), "{root:?}");
    assert!(root.stdout.contains("1 warning\n"), "{root:?}");
    assert_eq!(workshop.meshgen(&["check", "mesh.yaml", "--now", "2029-01-01", "--strict"]).code, Some(1));
    assert!(!workshop.build(&["--check"]).stderr.contains("expir"));
}

#[test]
fn a_certificate_that_begins_later_is_told_by_check_and_by_ca_show() {
    let days = "issuedOn: 2026-11-01";
    let workshop = Workshop::with_seed(&topology(days, &[("east", "issuedOn: 2027-06-01"), ("west", "")]));
    let said = workshop.meshgen(&["check", "mesh.yaml", "--now", "2026-11-25"]).stdout;
    assert!(
        said.contains("warning[not-yet-valid]: the certificate of `east` is not valid before 2027-06-01, in 188 days"),
        "{said}"
    );
    assert_eq!(workshop.build(&[]).code, Some(0));
    for place in ["mesh.yaml", "out"] {
        let shown = workshop.meshgen(&["ca", "show", place, "--now", "2026-11-25", "--within", "30"]);
        assert_eq!(shown.code, Some(1), "{shown:?}");
        assert!(shown.stdout.contains("not valid yet: it begins in 188 days"), "{shown:?}");
        assert!(shown.stderr.contains("not valid yet on 2026-11-25: east"), "{shown:?}");
        assert_eq!(workshop.meshgen(&["ca", "show", place, "--now", "2027-06-01", "--within", "30"]).code, Some(0));
    }
}

#[test]
fn a_cluster_that_joins_late_on_an_old_day_is_told() {
    let workshop = Workshop::with_seed(&topology(
        "issuedOn: 2026-11-01",
        &[("east", "issuedOn: 2028-03-01"), ("west", "issuedOn: 2028-03-01"), ("late", "")],
    ));
    let check = |now: &str| workshop.meshgen(&["check", "mesh.yaml", "--now", now]).stdout;
    let said = check("2028-04-01");
    assert!(said.contains("warning[old-issued-on]: the certificate of `late` has 213 days left"), "{said}");
    assert!(said.contains("1 warning\n") && said.contains("write `certificates: {issuedOn: …}` for it"), "{said}");
    assert!(!check("2027-06-01").contains("old-issued-on"));
    // Where all are of one day, none is late.
    let workshop = Workshop::with_seed(&topology("issuedOn: 2026-11-01", &[("east", ""), ("west", "")]));
    assert_eq!(workshop.meshgen(&["check", "mesh.yaml", "--now", "2028-04-01"]).stdout, "");
}

#[test]
fn an_intermediate_that_its_root_cuts_short_is_told() {
    let workshop = Workshop::with_seed(&topology(
        "issuedOn: 2026-11-01, rootValidityDays: 900",
        &[("east", ""), ("west", "issuedOn: 2028-11-01")],
    ));
    let said = workshop.meshgen(&["check", "mesh.yaml", "--now", "2027-01-01"]);
    assert!(
        said.stdout.contains("warning[short-intermediate]: the certificate of `west` is issued with 169 days left"),
        "{said:?}"
    );
    assert!(!said.stdout.contains("`east`"), "{said:?}");
}

#[test]
fn each_warning_begins_and_ends_on_a_day() {
    let workshop = built();
    for (now, is_told, words) in [
        ("2026-10-31", true, "the root certificate is not valid before 2026-11-01, in 1 day"),
        ("2026-11-01", false, "the root certificate is not valid"),
        ("2028-02-29", true, "the certificate of `west` is not valid before 2028-03-01, in 1 day"),
        ("2028-03-01", false, "not valid before"),
        ("2027-11-01", false, "old-issued-on"),
        ("2027-11-02", true, "the certificate of `east` has 364 days left"),
        ("2028-08-01", false, "expiring-certificate"),
        ("2028-08-02", true, "the certificate of `east` expires on 2028-10-31, in 90 days"),
        ("2028-10-31", true, "the certificate of `east` expires on 2028-10-31, in 0 days"),
        ("2028-11-01", true, "the certificate of `east` expired on 2028-10-31"),
        ("2036-07-30", false, "the root certificate"),
        ("2036-07-31", true, "the root certificate expires on 2036-10-29, in 90 days"),
    ] {
        let said = workshop.meshgen(&["check", "mesh.yaml", "--now", now]);
        assert_eq!(said.stdout.contains(words), is_told, "{now} {words}: {said:?}");
    }
    for (day, is_told) in [("2028-04-19", false), ("2028-04-20", true)] {
        let west = format!("issuedOn: {day}");
        let text = topology("issuedOn: 2026-11-01, rootValidityDays: 900", &[("east", ""), ("west", &west)]);
        let said = Workshop::with_seed(&text).meshgen(&["check", "mesh.yaml", "--now", "2027-01-01"]).stdout;
        assert_eq!(said.contains("the certificate of `west` is issued with 364 days left"), is_told, "{day}: {said}");
        assert_eq!(said.contains("short-intermediate"), is_told, "{day}: {said}");
    }
    // The day of all is told once.
    for clusters in [&[("east", "")][..], &[("east", ""), ("west", "")]] {
        let later = topology("issuedOn: 2026-11-01, intermediatesIssuedOn: 2027-06-01", clusters);
        let said = Workshop::with_seed(&later).meshgen(&["check", "mesh.yaml", "--now", "2026-11-25"]).stdout;
        assert!(said.contains("intermediate certificates are not valid before 2027-06-01, in 188 days"), "{said}");
        assert_eq!(said.matches("warning[not-yet-valid]").count(), 1, "{said}");
    }
}
