//! Fixes of strings that do not match their grammar.

use crate::diagnostic::Certainty;

use super::grammar::grammar;

/// The string of a schema's `format` that `text` probably means, and how certain that is.
pub fn fix(format: &str, text: &str) -> Option<(String, Certainty)> {
    let grammar = grammar(format)?;
    let trimmed = text.trim();
    let is_right = |(meant, _): &(String, Certainty)| (grammar.refuse)(meant).is_none();
    let blank = (trimmed != text).then(|| (trimmed.to_owned(), Certainty::Certain));
    blank.filter(is_right).or_else(|| read_kindly(format, trimmed).filter(is_right))
}

fn read_kindly(format: &str, text: &str) -> Option<(String, Certainty)> {
    match format {
        // Other fields and kubeconfigs have the same name, so only the author can change its spelling.
        "dns-1123-label" | "mesh-id" => {
            let name = text.to_lowercase().replace(['_', '.', ' '], "-");
            Some((name.trim_matches('-').to_owned(), Certainty::Likely))
        }
        "trust-domain" => Some((text.to_lowercase(), Certainty::Likely)),
        // Either the address is wrong or the length of the prefix is.
        "cidr" => text.parse::<ipnet::IpNet>().ok().map(|net| (net.trunc().to_string(), Certainty::Likely)),
        "address" => match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some((host.to_owned(), Certainty::Likely))
            }
            // RFC 4343: DNS names are not case-sensitive.
            _ => Some((text.to_lowercase(), Certainty::Certain)),
        },
        "api-server" => match text.split_once("://") {
            Some((scheme, rest)) => Some((format!("{}://{rest}", scheme.to_lowercase()), Certainty::Certain)),
            // An API server serves only HTTPS.
            None => Some((format!("https://{text}"), Certainty::Certain)),
        },
        "istio-version" => text.strip_prefix('v').map(|version| (version.to_owned(), Certainty::Certain)),
        "kubernetes-version" => {
            let version = text.strip_prefix('v').unwrap_or(text);
            // The suffix of a distribution does not change what Kubernetes supports.
            let plain = version.split(['+', '-']).next().unwrap_or(version);
            let certainty = if plain == version { Certainty::Certain } else { Certainty::Likely };
            Some((plain.to_owned(), certainty))
        }
        "date" => date(text),
        _ => None,
    }
}

/// A day with its year first, however its parts are separated and padded.
fn date(text: &str) -> Option<(String, Certainty)> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (year.len() == 4 && parts.iter().all(is_number))
        .then(|| (format!("{year}-{month:0>2}-{day:0>2}"), Certainty::Certain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_right_and_certain_only_where_nothing_else_can_be() {
        let cases = [
            ("dns-1123-label", "East_1", Some(("east-1", Certainty::Likely))),
            ("dns-1123-label", " east", Some(("east", Certainty::Certain))),
            ("dns-1123-label", "ost\u{e4}", None),
            ("cidr", "10.0.0.1/8", Some(("10.0.0.0/8", Certainty::Likely))),
            ("cidr", "10.0.0.1", None),
            ("ip", "10.0.0.1 ", Some(("10.0.0.1", Certainty::Certain))),
            ("address", "Gateway.Example.com", Some(("gateway.example.com", Certainty::Certain))),
            ("address", "10.0.0.1:15443", Some(("10.0.0.1", Certainty::Likely))),
            ("api-server", "192.0.2.10:6443", Some(("https://192.0.2.10:6443", Certainty::Certain))),
            ("api-server", "HTTPS://192.0.2.10", Some(("https://192.0.2.10", Certainty::Certain))),
            ("api-server", "not a host", None),
            ("istio-version", "v1.30.3", Some(("1.30.3", Certainty::Certain))),
            ("istio-version", "v1.30", None),
            ("kubernetes-version", "v1.30", Some(("1.30", Certainty::Certain))),
            ("kubernetes-version", "1.30.2+k3s1", Some(("1.30.2", Certainty::Likely))),
            ("date", "2026-1-9", Some(("2026-01-09", Certainty::Certain))),
            ("date", "2026/11/01", Some(("2026-11-01", Certainty::Certain))),
            ("date", "2026-02-30", None),
            ("date", "01.11.2026", None),
        ];
        for (format, text, wanted) in cases {
            assert_eq!(fix(format, text), wanted.map(|(text, certainty)| (text.to_owned(), certainty)), "{text}");
        }
    }
}
