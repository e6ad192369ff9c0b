//! How long the certificates of a topology last, on a day.

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::mesh::{Intermediate, Root, Roots, Which, runs_istiod};
use crate::release::{Release, release};
use crate::rule::{EXPIRING_CERTIFICATE, NOT_YET_VALID, OLD_ISSUED_ON, ROTATION_UNFINISHED, Rule, SHORT_INTERMEDIATE};
use crate::topology::{CertificateAuthority, Date, RootPhase, Topology};
use crate::words::plural;

use super::inventory::{DAYS_TO_RENEW, days_left};

/// The shortest useful validity of an intermediate.
const DAYS_WORTH_ISSUING: i64 = 365;
/// A change of the root takes a few days; after this many somebody has forgotten it.
const DAYS_TO_FINISH: i64 = 90;
/// The rules of [`warnings`].
pub(crate) const RULES: [Rule; 5] =
    [EXPIRING_CERTIFICATE, NOT_YET_VALID, OLD_ISSUED_ON, ROTATION_UNFINISHED, SHORT_INTERMEDIATE];

/// The fields that decide on [`warnings`].
pub(crate) const FIELDS: &[&str] = &[
    "istio.version",
    "certificates.authority",
    "certificates.issuedOn",
    "certificates.rootValidityDays",
    "certificates.intermediatesIssuedOn",
    "certificates.intermediateValidityDays",
    "certificates.nextRoot.issuedOn",
    "certificates.nextRoot.validityDays",
    "certificates.nextRoot.phase",
    "clusters[].name",
    "clusters[].controlPlane",
    "clusters[].certificates.issuedOn",
    "clusters[].certificates.nextRootPhase",
];

/// The warnings about the certificates that a topology asks for, on a day.
pub(crate) fn warnings(topology: &Topology, today: Date) -> Vec<Diagnostic> {
    let certificates = FieldPath::root().child("certificates");
    let release =
        release(topology.istio.version).filter(|_| topology.certificates.authority == CertificateAuthority::Seed);
    let Some(release) = release else { return Vec::new() };
    let roots = &Roots::resolve(topology);
    let requests: Vec<Request<'_>> = requests(topology, release, roots).collect();
    let mut findings = not_yet_valid(roots, &requests, today);
    findings.extend(unfinished(topology, today));
    let is_trusted = requests.iter().any(|(_, _, request)| request.trusted().contains(&Which::Present));
    let root = &roots.present;
    let left = days_left(root.not_after, today);
    if is_trusted && left <= DAYS_TO_RENEW {
        let message = format!("the root certificate {}", ends(root.not_after, left));
        let help = if roots.next.is_some() {
            "finish before that day: every workload must trust the next root alone then"
        } else {
            "write a `nextRoot`: every workload must trust it before the old one expires (docs/rotation.md)"
        };
        findings.push(
            EXPIRING_CERTIFICATE
                .at(certificates.child("issuedOn"), message)
                .label(format!("plus {}", days((root.not_after.0 - root.not_before.0).whole_days())))
                .help(help),
        );
    }
    let is_root_ending = |which| days_left(roots.get(which).not_after, today) <= DAYS_TO_RENEW;
    let has_fresh = requests.iter().any(|(_, _, request)| days_left(request.not_after, today) >= DAYS_WORTH_ISSUING);
    // An intermediate that expires because its root does gets no second warning.
    for (position, has_day, request) in requests.iter().filter(|(_, _, request)| !is_root_ending(request.signer())) {
        let path = FieldPath::root().child("clusters").index(*position);
        let place = if *has_day { path.child("certificates").child("issuedOn") } else { path.child("name") };
        let left = days_left(request.not_after, today);
        let late = (!has_day && has_fresh && left < DAYS_WORTH_ISSUING).then(|| {
            let message = format!(
                "the certificate of `{}` has {} left, and others of this mesh have more than a year",
                request.cluster,
                days(left)
            );
            (OLD_ISSUED_ON, message)
        });
        findings.extend(intermediate_warning(request, roots.get(request.signer()), today).or(late).map(|(rule, message)| {
            rule.at(place, message)
                .label(format!("valid from {} to {}", request.not_before, request.not_after))
                .help(match rule {
                    EXPIRING_CERTIFICATE => {
                        "write a later `certificates.issuedOn` for this cluster, or `intermediatesIssuedOn` for all: each renews under the same root"
                    }
                    OLD_ISSUED_ON => {
                        "a cluster that joins late takes the day of the mesh: write `certificates: {issuedOn: …}` for it, with a recent day"
                    }
                    _ => "the root expires soon after: plan the next one",
                })
        }));
    }
    findings
}

/// An intermediate: the position of its cluster, whether that has a day of its own, and what it is asked to be.
type Request<'t> = (usize, bool, Intermediate<'t>);

fn requests<'t>(topology: &'t Topology, release: &Release, roots: &Roots<'t>) -> impl Iterator<Item = Request<'t>> {
    topology.clusters.iter().enumerate().filter_map(|(position, cluster)| {
        let has_day = cluster.certificates.as_ref().is_some_and(|own| own.issued_on.is_some());
        runs_istiod(cluster, release).then(|| (position, has_day, Intermediate::resolve(topology, cluster, roots)))
    })
}

/// A change of the root that takes long: each of its phases takes a day.
fn unfinished(topology: &Topology, today: Date) -> Option<Diagnostic> {
    let next = topology.certificates.next_root.as_ref()?;
    let since = (today.0 - next.issued_on.0).whole_days();
    let place = FieldPath::root().child("certificates").child("nextRoot").child("phase");
    (since > DAYS_TO_FINISH).then(|| {
        ROTATION_UNFINISHED
            .at(place, format!("the root has been changing for {}", days(since)))
            .label(format!("the next root is of {}", next.issued_on))
            .help(match next.phase {
                RootPhase::Trust => "write `sign`, once `verify.sh` says that every workload trusts the next root",
                RootPhase::Sign => "write `drop`, once `verify.sh` says that no certificate under the present root is left",
                RootPhase::Drop => "make the next root the present one: move its `issuedOn` up, with `naming: 2`, and remove `nextRoot`",
            })
    })
}

/// Certificates that begin after today: a root, or else all intermediates that take a day of the mesh, and each that has its own.
fn not_yet_valid(roots: &Roots<'_>, requests: &[Request<'_>], today: Date) -> Vec<Diagnostic> {
    let certificates = FieldPath::root().child("certificates");
    let finding = |place: FieldPath, what: &str, day: Date| {
        NOT_YET_VALID
            .at(place, format!("{what} not valid before {day}, in {}", days(days_left(day, today))))
            .help("write today's day or an earlier one: nothing accepts a certificate before its first day")
    };
    let places = [
        (Which::Present, certificates.child("issuedOn"), "the root certificate is"),
        (Which::Next, certificates.child("nextRoot").child("issuedOn"), "the next root certificate is"),
    ];
    for (which, place, what) in places {
        let first = roots.get(which).not_before;
        if first > today && requests.iter().any(|(_, _, request)| request.signer() == which) {
            return vec![finding(place, what, first)];
        }
    }
    let mut findings = Vec::new();
    let mut is_told = false;
    for (position, has_day, request) in requests.iter().filter(|(_, _, request)| request.not_before > today) {
        if *has_day {
            let place = FieldPath::root().child("clusters").index(*position).child("certificates").child("issuedOn");
            findings.push(finding(place, &format!("the certificate of `{}` is", request.cluster), request.not_before));
        } else if !std::mem::replace(&mut is_told, true) {
            let place = certificates.child("intermediatesIssuedOn");
            findings.push(finding(place, "intermediate certificates are", request.not_before));
        }
    }
    findings
}

fn intermediate_warning(request: &Intermediate<'_>, root: &Root<'_>, today: Date) -> Option<(Rule, String)> {
    let left = days_left(request.not_after, today);
    if left <= DAYS_TO_RENEW {
        return Some((
            EXPIRING_CERTIFICATE,
            format!("the certificate of `{}` {}", request.cluster, ends(request.not_after, left)),
        ));
    }
    let whole = (request.not_after.0 - request.not_before.0).whole_days();
    let is_cut = request.not_after == root.not_after && whole < DAYS_WORTH_ISSUING;
    is_cut.then(|| {
        let message = format!(
            "the certificate of `{}` is issued with {} left, because its root expires then",
            request.cluster,
            days(whole)
        );
        (SHORT_INTERMEDIATE, message)
    })
}

fn ends(not_after: Date, left: i64) -> String {
    match left {
        ..0 => format!("expired on {not_after}"),
        left => format!("expires on {not_after}, in {}", days(left)),
    }
}

fn days(count: i64) -> String {
    plural(usize::try_from(count).unwrap_or_default(), "day")
}
