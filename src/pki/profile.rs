//! The certificates that meshgen takes: those that Go, which istiod uses, and OpenSSL, as a relative of which Envoy verifies, read alike
//! and accept as issuers of workloads. Each check names one difference that would be found only in a running mesh.

use std::collections::BTreeSet;

use rsa::PublicKey;
use rsa::pkcs1::{DecodeRsaPublicKey, RsaPublicKeyRef};
use rsa::traits::PublicKeyParts;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{Any, BitString, Null, ObjectIdentifier, PrintableStringRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::x509::{EC, P256, P384, Parsed, RSA, Signature};

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// The minimum number of bits of an RSA key. TLS in Go ends at 8192, as does what can be read here.
const MINIMUM_RSA_BITS: u32 = 2048;

/// An extension that both read.
struct Known {
    id: ObjectIdentifier,
    name: &'static str,
    /// Whether both accept it if it is critical.
    may_be_critical: bool,
    is_readable: fn(&[u8]) -> bool,
}

const KNOWN: &[Known] = &[
    Known { id: KeyUsage::OID, name: "keyUsage", may_be_critical: true, is_readable: is_readable::<KeyUsage> },
    Known {
        id: BasicConstraints::OID,
        name: "basicConstraints",
        may_be_critical: true,
        is_readable: is_readable::<BasicConstraints>,
    },
    Known {
        id: ExtendedKeyUsage::OID,
        name: "extendedKeyUsage",
        may_be_critical: true,
        is_readable: is_filled::<ExtendedKeyUsage>,
    },
    Known { id: SubjectAltName::OID, name: "subjectAltName", may_be_critical: true, is_readable: are_names },
    Known {
        id: CertificatePolicies::OID,
        name: "certificatePolicies",
        may_be_critical: true,
        is_readable: are_policies,
    },
    Known {
        id: CrlDistributionPoints::OID,
        name: "cRLDistributionPoints",
        may_be_critical: true,
        is_readable: are_points,
    },
    Known {
        id: SubjectKeyIdentifier::OID,
        name: "subjectKeyIdentifier",
        may_be_critical: false,
        is_readable: is_readable::<SubjectKeyIdentifier>,
    },
    Known {
        id: AuthorityKeyIdentifier::OID,
        name: "authorityKeyIdentifier",
        may_be_critical: false,
        is_readable: is_readable::<AuthorityKeyIdentifier>,
    },
    Known {
        id: AuthorityInfoAccessSyntax::OID,
        name: "authorityInfoAccess",
        may_be_critical: false,
        is_readable: is_filled::<AuthorityInfoAccessSyntax>,
    },
];

/// Extensions that limit what a certificate can sign. Go or OpenSSL goes by each of them also if it is not critical, and meshgen
/// does not evaluate them.
const LIMITS: &[(ObjectIdentifier, &str)] = &[
    (ObjectIdentifier::new_unwrap("2.5.29.30"), "nameConstraints"),
    (ObjectIdentifier::new_unwrap("2.5.29.33"), "policyMappings"),
    (ObjectIdentifier::new_unwrap("2.5.29.36"), "policyConstraints"),
    (ObjectIdentifier::new_unwrap("2.5.29.54"), "inhibitAnyPolicy"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1"), "nsCertType"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.7"), "ipAddrBlocks"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.8"), "autonomousSysIds"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.14"), "proxyCertInfo"),
];

/// Every reason why a certificate cannot be an authority of a mesh, as the rest of a sentence that begins with what it is.
pub(super) fn faults(certificate: &Parsed) -> Vec<String> {
    let mut faults = Vec::new();
    check_encoding(certificate, &mut faults);
    check_signature(certificate, &mut faults);
    let tbs = certificate.certificate.tbs_certificate();
    for (what, name) in [("subject", tbs.subject()), ("issuer", tbs.issuer())] {
        faults.extend(name_fault(name).map(|fault| format!("has {what} {fault}")));
    }
    let extensions = tbs.extensions().map_or(&[][..], Vec::as_slice);
    let mut seen = BTreeSet::new();
    for extension in extensions {
        faults.extend(extension_fault(extension, seen.insert(extension.extn_id)));
    }
    check_purpose(certificate, &mut faults);
    faults.extend(key_fault(certificate));
    faults
}

fn check_encoding(certificate: &Parsed, faults: &mut Vec<String>) {
    let tbs = certificate.certificate.tbs_certificate();
    // What is read and written again is the one form that RFC 5280 allows: names are compared byte by byte.
    if certificate.certificate.to_der().ok().as_ref() != Some(&certificate.der) {
        faults.push(
            "is not encoded as RFC 5280 requires (DER, dates until 2049 as UTCTime): have it issued again".to_owned(),
        );
    }
    if tbs.version() != Version::V3 {
        faults.push("is not of version 3".to_owned());
    }
    if tbs.issuer_unique_id().is_some() || tbs.subject_unique_id().is_some() {
        faults.push("has a unique identifier of its issuer or subject, which RFC 5280 forbids".to_owned());
    }
    if tbs.serial_number().as_bytes().first().is_some_and(|first| first & 0x80 != 0) {
        faults.push("has a negative serial number, which istiod does not read".to_owned());
    }
}

fn check_signature(certificate: &Parsed, faults: &mut Vec<String>) {
    let algorithm = certificate.certificate.signature_algorithm();
    if algorithm != certificate.certificate.tbs_certificate().signature() {
        faults.push("names one signature algorithm inside what is signed and another outside".to_owned());
    }
    let parameters = algorithm.parameters.as_ref();
    let is_accepted = match Signature::of(algorithm.oid) {
        Some(Signature::Rsa(_)) => is_null(parameters),
        Some(Signature::Ecdsa(_)) => parameters.is_none(),
        None => false,
    };
    if !is_accepted {
        faults.push(
            "is signed with an algorithm that not everybody accepts: use ECDSA or RSA (PKCS #1 v1.5) with SHA-256, SHA-384 or SHA-512"
                .to_owned(),
        );
    }
    if certificate.certificate.signature().unused_bits() != 0 {
        faults.push("has a signature that does not end with a whole byte".to_owned());
    }
}

/// What is wrong with a name, after what it is the name of.
fn name_fault(name: &Name) -> Option<&'static str> {
    if name.is_empty() {
        return Some("without a name");
    }
    let is_text = |value: &Any| match value.tag() {
        Tag::PrintableString => PrintableStringRef::new(value.value()).is_ok(),
        Tag::Utf8String => str::from_utf8(value.value()).is_ok_and(|text| !text.contains(char::is_control)),
        Tag::Ia5String => value.value().iter().all(|byte| matches!(byte, b' '..=b'~')),
        _ => false,
    };
    let is_read = name
        .as_ref()
        .iter()
        .all(|relative| !relative.is_empty() && relative.iter().all(|attribute| is_text(&attribute.value)));
    (!is_read).then_some("with a part that is not a UTF8String, PrintableString or IA5String of visible characters")
}

/// What is wrong with an extension, which is the first of its kind or not.
fn extension_fault(extension: &Extension, is_first: bool) -> Option<String> {
    let id = extension.extn_id;
    let known = KNOWN.iter().find(|known| known.id == id);
    let limit = LIMITS.iter().find(|(limit, _)| *limit == id).map(|(_, name)| *name);
    let name = known.map(|known| known.name).or(limit).map_or_else(|| id.to_string(), str::to_owned);
    if !is_first {
        return Some(format!("has the extension `{name}` more than once"));
    }
    if limit.is_some() {
        return Some(format!("has the extension `{name}`, which meshgen does not evaluate: have it issued without"));
    }
    match known {
        Some(known) if !(known.is_readable)(extension.extn_value.as_bytes()) => {
            Some(format!("has an extension `{name}` that not everybody reads"))
        }
        Some(known) if extension.critical && !known.may_be_critical => {
            Some(format!("has a critical extension `{name}`, and it may not be critical"))
        }
        None if extension.critical => {
            Some(format!("has a critical extension `{name}`, which istiod and proxies do not know"))
        }
        _ => None,
    }
}

fn is_readable<T: for<'a> Decode<'a> + Encode>(value: &[u8]) -> bool {
    T::from_der(value).ok().and_then(|read| read.to_der().ok()).is_some_and(|written| written == value)
}

/// The same for lists, which have at least one element.
fn is_filled<T: for<'a> Decode<'a> + Encode>(value: &[u8]) -> bool {
    is_readable::<T>(value) && value.get(1) != Some(&0)
}

fn are_names(value: &[u8]) -> bool {
    let Ok(names) = SubjectAltName::from_der(value) else { return false };
    let is_read = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => is_uri(uri.as_str()),
        GeneralName::IpAddress(address) => matches!(address.as_bytes().len(), 4 | 16),
        _ => true,
    };
    // If none of the names is of a kind that Go reads, it does not accept the extension as critical.
    let is_of_a_kind = |name: &GeneralName| {
        use GeneralName::{DnsName, IpAddress, Rfc822Name, UniformResourceIdentifier};
        matches!(name, DnsName(_) | IpAddress(_) | Rfc822Name(_) | UniformResourceIdentifier(_))
    };
    is_readable::<SubjectAltName>(value) && names.0.iter().all(is_read) && names.0.iter().any(is_of_a_kind)
}

/// `scheme://host/path` of characters that need no escape: Go refuses a certificate whose URI it cannot parse.
fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    scheme.bytes().all(|byte| byte.is_ascii_lowercase())
        && !scheme.is_empty()
        && host.len() <= 253
        && host.split('.').all(is_label)
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
}

fn are_policies(value: &[u8]) -> bool {
    let Ok(policies) = CertificatePolicies::from_der(value) else { return false };
    let mut seen = BTreeSet::new();
    is_filled::<CertificatePolicies>(value) && policies.0.iter().all(|policy| seen.insert(policy.policy_identifier))
}

/// OpenSSL refuses points that name no place.
fn are_points(value: &[u8]) -> bool {
    let Ok(points) = CrlDistributionPoints::from_der(value) else { return false };
    let is_place =
        |place: &DistributionPointName| matches!(place, DistributionPointName::FullName(names) if !names.is_empty());
    is_filled::<CrlDistributionPoints>(value)
        && points.0.iter().all(|point| point.distribution_point.as_ref().is_some_and(is_place))
}

fn check_purpose(certificate: &Parsed, faults: &mut Vec<String>) {
    if !certificate.is_authority() {
        faults.push("is not a certificate authority (CA:TRUE is missing)".to_owned());
    }
    if !certificate.may_sign_certificates() {
        faults.push("may not sign certificates (keyCertSign is missing)".to_owned());
    }
    // A workload is a server and a client. OpenSSL does not take anyExtendedKeyUsage for both.
    let usages = certificate.extension::<ExtendedKeyUsage>();
    let missing = |usages: &ExtendedKeyUsage| {
        let named = [(SERVER_AUTH, "serverAuth"), (CLIENT_AUTH, "clientAuth")];
        let missing: Vec<&str> =
            named.into_iter().filter(|(id, _)| !usages.0.contains(id)).map(|(_, name)| name).collect();
        missing.join(" and ")
    };
    if let Some(missing) = usages.as_ref().map(missing).filter(|missing| !missing.is_empty()) {
        faults.push(format!("has extended key usages without {missing}, so it cannot issue certificates of workloads"));
    }
}

/// Why istiod or proxies do not accept the key.
pub(super) fn key_fault(certificate: &Parsed) -> Option<String> {
    let info = certificate.certificate.tbs_certificate().subject_public_key_info();
    let bits: &BitString = &info.subject_public_key;
    if bits.unused_bits() != 0 {
        return Some("has a public key that does not end with a whole byte".to_owned());
    }
    match info.algorithm.oid {
        RSA => {
            let read = PublicKey::from_pkcs1_der(bits.raw_bytes())
                .ok()
                .filter(|_| is_null(info.algorithm.parameters.as_ref()) && has_usual_exponent(bits.raw_bytes()));
            match read.map(|key| key.n().bit_width()) {
                None => Some(
                    "has an RSA key that not everybody reads: use 2048 to 8192 bits and the exponent 65537".to_owned(),
                ),
                Some(bits) if bits < MINIMUM_RSA_BITS => {
                    Some(format!("has an RSA key of {bits} bits: use at least {MINIMUM_RSA_BITS}"))
                }
                Some(_) => None,
            }
        }
        EC => {
            let is_point = match certificate.curve() {
                Some(P256) => p256::ecdsa::VerifyingKey::from_sec1_bytes(bits.raw_bytes()).is_ok(),
                Some(P384) => p384::ecdsa::VerifyingKey::from_sec1_bytes(bits.raw_bytes()).is_ok(),
                _ => {
                    return Some("has a key on a curve that istiod does not accept: use P-256 or P-384".to_owned());
                }
            };
            // Go reads points only if both coordinates are there.
            (!is_point || bits.raw_bytes().first() != Some(&4))
                .then(|| "has a key that is not an uncompressed point of its curve".to_owned())
        }
        _ => Some("has a key that istiod does not accept: use RSA, P-256 or P-384".to_owned()),
    }
}

/// Whether the numbers are in DER, and the exponent is odd and below 2^31, where Go ends.
fn has_usual_exponent(key: &[u8]) -> bool {
    let Ok(numbers) = RsaPublicKeyRef::from_der(key) else { return false };
    let exponent = numbers.public_exponent.as_bytes();
    let fits = exponent.len() < 4 || (exponent.len() == 4 && exponent[0] < 0x80);
    fits && exponent.last().is_some_and(|last| last % 2 == 1)
}

fn is_null(parameters: Option<&Any>) -> bool {
    parameters.is_some_and(|parameters| parameters.decode_as::<Null>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_is_odd_and_below_2_to_the_31() {
        let cases: [(&[u8], bool); 8] = [
            (&[3], true),
            (&[2], false),
            (&[1, 0, 1], true),
            (&[1, 0, 0], false),
            (&[0x7f, 0xff, 0xff, 0xff], true),
            (&[0x7f, 0xff, 0xff, 0xfe], false),
            (&[0, 0x80, 0, 0, 1], false),
            (&[1, 0, 0, 0, 1], false),
        ];
        for (exponent, is_usual) in cases {
            let length = u8::try_from(exponent.len()).unwrap();
            let key = [&[0x30, 5 + length, 2, 1, 7, 2, length], exponent].concat();
            assert_eq!(has_usual_exponent(&key), is_usual, "{exponent:?}");
        }
    }

    #[test]
    fn a_uri_is_one_that_needs_no_escape() {
        let label = "a".repeat(63);
        let host = ["a".repeat(49).as_str(); 5].join(".") + ".abc";
        assert_eq!(host.len(), 253);
        for uri in ["spiffe://cluster.local/ns/a", "a://b", "a://b/", "a://a_b.c-d.9/-._~/x9"] {
            assert!(is_uri(uri), "{uri}");
        }
        assert!(is_uri(&format!("a://{label}")) && is_uri(&format!("a://{host}")));
        assert!(!is_uri(&format!("a://{label}a")) && !is_uri(&format!("a://{host}d")));
        for uri in [
            "",
            "a:b",
            "://b",
            "A://b",
            "a1://b",
            "a://",
            "a:///b",
            "a://-b",
            "a://b-",
            "a://b..c",
            "a://b.",
            "a://b c",
            "a://b:80",
            "a://b?c",
            "a://b/c d",
            "a://b/?c",
            "a://b/%20",
        ] {
            assert!(!is_uri(uri), "{uri}");
        }
    }
}
