use crate::mesh::{Cluster, Mesh};

use super::mesh_config;

/// How long a certificate of a workload is valid if nothing else is said, in hours (`SECRET_TTL`,
/// `1.30.3:pkg/istio-agent/config/config.go`).
const DEFAULT_HOURS: u32 = 24;

/// How long istiod lets one be valid at most (`MAX_WORKLOAD_CERT_TTL`, `1.30.3:pilot/pkg/bootstrap/istio_ca.go`).
const MAXIMUM_HOURS: u32 = 90 * 24;

/// After how many hours every proxy of a cluster has another certificate: those of before are no longer valid.
pub(crate) fn certificate_hours(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> u32 {
    let istiod = mesh.istiod_of(cluster);
    let config = mesh_config(mesh, istiod);
    let written = config
        .get("defaultConfig")
        .and_then(|defaults| defaults.pointer("/proxyMetadata/SECRET_TTL"))
        .and_then(serde_json::Value::as_str);
    // What cannot be read may be the longest.
    written.map_or(DEFAULT_HOURS, |text| hours(text).unwrap_or(MAXIMUM_HOURS).clamp(1, MAXIMUM_HOURS))
}

/// The hours of a duration as Go writes it (`36h`, `1h30m`), begun ones in full.
fn hours(text: &str) -> Option<u32> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let after = &rest[number..];
        let unit = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
        let each = match &after[..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            _ => return None,
        };
        seconds += rest[..number].parse::<f64>().ok()? * each;
        rest = &after[unit..];
    }
    let hours = (seconds / 3600.0).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in this range")]
    (0.0..=f64::from(MAXIMUM_HOURS)).contains(&hours).then_some(hours as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_go_is_hours() {
        for (text, wanted) in [
            ("24h", Some(24)),
            ("36h0m0s", Some(36)),
            ("1h30m", Some(2)),
            ("90m", Some(2)),
            ("1.5h", Some(2)),
            ("1s", Some(1)),
            ("", Some(0)),
            ("24", None),
            ("h", None),
            ("1d", None),
            ("9999999h", None),
        ] {
            assert_eq!(hours(text), wanted, "{text}");
        }
    }
}
