use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyIdMethod, KeyUsagePurpose, SanType,
    SerialNumber,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::mesh::{Intermediate, Root};
use crate::topology::Date;

use super::key::{DerivedKey, KeyPath};
use super::naming;
use super::verify::{self, Files, TrustAnchor};
use super::{Bundle, Seed};

/// The mesh's root, able to sign.
pub(super) struct RootAuthority<'m> {
    seed: &'m Seed,
    /// The seed's, where names tell it.
    fingerprint: Option<String>,
    params: CertificateParams,
    key: DerivedKey,
    anchor: TrustAnchor,
}

impl<'m> RootAuthority<'m> {
    pub(super) fn new(seed: &'m Seed, request: &Root<'_>) -> Self {
        let path = KeyPath::root(request);
        let key = DerivedKey::of_root(seed, request);
        let fingerprint = request.names_seed.then(|| seed.fingerprint());
        let seed_named = fingerprint.as_deref();
        let mut params = params(&path, &key, seed_named, request.not_before, request.not_after);
        params.distinguished_name.push(DnType::CommonName, naming::root(request.mesh_id));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("the parameters are complete").pem();
        match TrustAnchor::prove_with(&pem, key.signing()) {
            Ok(anchor) => Self { seed, fingerprint, params, key, anchor },
            Err(faults) => panic!("the root certificate does not hold: {faults:?}\n{pem}"),
        }
    }

    /// Signs a certificate, and verifies it from its bytes, beside the text of all roots that workloads trust.
    pub(super) fn issue(&self, request: &Intermediate<'_>, roots: &str) -> Bundle {
        let path = KeyPath::intermediate(request);
        let key = DerivedKey::of_intermediate(self.seed, request);
        let seed_named = self.fingerprint.as_deref();
        let mut params = params(&path, &key, seed_named, request.not_before, request.not_after);
        params.distinguished_name.push(DnType::CommonName, naming::intermediate(request));
        params.distinguished_name.push(DnType::LocalityName, request.cluster);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let service = "istiod.istio-system.svc".try_into().expect("a DNS name is an IA5String");
        params.subject_alt_names = vec![SanType::DnsName(service)];
        params.use_authority_key_identifier_extension = true;
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("the parameters are complete").pem();
        let chain = format!("{certificate}{}", self.anchor.pem());
        let key = key.pem();
        let files = Files { root_certificate: roots, certificate: &certificate, chain: &chain, key: Some(&key) };
        match verify::verify_fresh(files, &self.anchor, roots) {
            Ok(proven) => Bundle::taken(files, Some(key.clone()), proven),
            Err(faults) => panic!("the certificate of {} does not hold: {faults:?}\n{chain}", request.cluster),
        }
    }

    /// A cluster's private key alone.
    pub(super) fn key(&self, request: &Intermediate<'_>) -> Zeroizing<String> {
        DerivedKey::of_intermediate(self.seed, request).pem()
    }

    /// The seed's fingerprint, where names tell it.
    pub(super) fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// The root, as bundles are proven against it.
    pub(super) fn anchor(&self) -> &TrustAnchor {
        &self.anchor
    }
}

/// What root and intermediates have in common. Every field is set: rcgen's defaults hold a name and a validity of its own.
fn params(
    path: &KeyPath,
    key: &DerivedKey,
    fingerprint: Option<&str>,
    not_before: Date,
    not_after: Date,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = midnight(not_before);
    params.not_after = midnight(not_after);
    params.serial_number = Some(SerialNumber::from_slice(&path.serial_number(fingerprint)));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, naming::ORGANIZATION);
    if let Some(fingerprint) = fingerprint {
        params.distinguished_name.push(DnType::OrganizationalUnitName, naming::unit(not_before, Some(fingerprint)));
    }
    // No keyEncipherment: it belongs to RSA keys (RFC 8813, section 3).
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.identifier());
    params
}

fn midnight(date: Date) -> OffsetDateTime {
    date.0.midnight().assume_utc()
}

#[cfg(test)]
mod tests {
    use p256::Scalar;
    use p256::ecdsa::signature::Signer;
    use p256::ecdsa::{Signature, SigningKey};
    use p256::elliptic_curve::ops::Reduce;
    use sha2::{Digest, Sha256};
    use x509_cert::Certificate;
    use x509_cert::der::pem::{self, LineEnding};
    use x509_cert::der::{Decode, Encode};

    use super::*;

    fn days() -> (Date, Date) {
        let day = |year| Date(time::Date::from_calendar_date(year, time::Month::November, 1).unwrap());
        (day(2026), day(2028))
    }

    fn bundle(root: &RootAuthority<'_>, (not_before, not_after): (Date, Date)) -> Bundle {
        let request = Intermediate {
            mesh_id: "mesh1",
            cluster: "east",
            generation: 1,
            phase: None,
            names_seed: false,
            not_before,
            not_after,
        };
        root.issue(&request, root.anchor().pem())
    }

    #[test]
    fn who_holds_the_key_tells_signatures_as_everybody_does() {
        let (not_before, not_after) = days();
        let seed = Seed::new([7; 32]);
        let root = RootAuthority::new(&seed, &Root { mesh_id: "mesh1", names_seed: false, not_before, not_after });
        let bundle = bundle(&root, (not_before, not_after));
        let everybody = TrustAnchor::prove(root.anchor().pem()).unwrap();
        assert!(root.anchor().key.is_some() && everybody.key.is_none());
        let (_, der) = pem::decode_vec(bundle.certificate.as_bytes()).unwrap();
        let changed = |at: usize| {
            let mut der = der.clone();
            der[at] ^= 1;
            der
        };
        // The signature's two numbers end the certificate. That with -s in the place of s was made with another nonce.
        let cases = [
            (der.clone(), true),
            (negated(&der), true),
            (changed(der.len() - 40), false),
            (changed(der.len() - 1), false),
            (forged(&der, root.key.signing()), false),
        ];
        for (der, holds) in cases {
            let certificate = pem::encode_string("CERTIFICATE", LineEnding::LF, &der).unwrap();
            let chain = format!("{certificate}{}", root.anchor().pem());
            let files = Files {
                root_certificate: root.anchor().pem(),
                certificate: &certificate,
                chain: &chain,
                key: bundle.key.as_ref().map(|key| key.as_str()),
            };
            let told = verify::verify_standing(files, root.anchor(), root.anchor().pem());
            assert_eq!(told, verify::verify_fresh(files, root.anchor(), root.anchor().pem()));
            assert_eq!(told, verify::verify_standing(files, &everybody, everybody.pem()));
            assert_eq!(told, verify::verify(files));
            match told {
                Ok(_) => assert!(holds),
                Err(faults) => assert!(!holds && faults[0].reason.starts_with("has a signature of"), "{faults:?}"),
            }
        }
    }

    #[test]
    fn a_new_signature_is_verified_by_the_public_key() {
        let (not_before, not_after) = days();
        let (seed, other) = (Seed::new([7; 32]), Seed::new([8; 32]));
        let request = Root { mesh_id: "mesh1", names_seed: false, not_before, not_after };
        let (root, other) = (RootAuthority::new(&seed, &request), RootAuthority::new(&other, &request));
        let bundle = bundle(&root, (not_before, not_after));
        // What signs has another key than it says: what it signs, it would sign again.
        let mut anchor = TrustAnchor::prove(root.anchor().pem()).unwrap();
        anchor.key = Some(other.key.signing().clone());
        let (_, der) = pem::decode_vec(bundle.certificate.as_bytes()).unwrap();
        let message = Certificate::from_der(&der).unwrap().tbs_certificate().to_der().unwrap();
        let wrong: Signature = other.key.signing().sign(&message);
        let (r, s) = wrong.split_scalars();
        let certificate = pem::encode_string("CERTIFICATE", LineEnding::LF, &signed(&der, |_, _| (*r, *s))).unwrap();
        let chain = format!("{certificate}{}", anchor.pem());
        let files = Files { root_certificate: anchor.pem(), certificate: &certificate, chain: &chain, key: None };
        assert!(verify::verify_standing(files, &anchor, anchor.pem()).is_ok());
        let faults = verify::verify_fresh(files, &anchor, anchor.pem()).unwrap_err();
        assert!(faults[0].reason.starts_with("has a signature of"), "{faults:?}");
    }

    #[test]
    fn a_signature_is_over_the_bytes_that_stand_there() {
        let (not_before, not_after) = days();
        let seed = Seed::new([7; 32]);
        let root = RootAuthority::new(&seed, &Root { mesh_id: "mesh1", names_seed: false, not_before, not_after });
        let (_, der) = pem::decode_vec(bundle(&root, (not_before, not_after)).certificate.as_bytes()).unwrap();
        // `critical FALSE`, which DER leaves out: who writes the certificate again to verify it does not see these bytes.
        let key_identifier = [0x06, 0x03, 0x55, 0x1d, 0x0e];
        let at = der.windows(5).position(|bytes| bytes == key_identifier).unwrap() + 5;
        let changed = inserted(&der, at, &[0x01, 0x01, 0x00]);
        let again = Certificate::from_der(&changed).unwrap().tbs_certificate().to_der().unwrap();
        assert_eq!(again, Certificate::from_der(&der).unwrap().tbs_certificate().to_der().unwrap());
        let certificate = pem::encode_string("CERTIFICATE", LineEnding::LF, &changed).unwrap();
        let chain = format!("{certificate}{}", root.anchor().pem());
        let root_certificate = root.anchor().pem();
        let files = Files { root_certificate, certificate: &certificate, chain: &chain, key: None };
        for told in [verify::verify(files), verify::verify_standing(files, root.anchor(), root.anchor().pem())] {
            let faults = told.unwrap_err();
            assert!(faults.iter().any(|fault| fault.reason.starts_with("has a signature of")), "{faults:?}");
        }
    }

    /// DER with bytes between two elements, and the lengths of all elements around them as they are then.
    fn inserted(der: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
        let long = if der[1] & 0x80 == 0 { 0 } else { usize::from(der[1] & 0x7f) };
        let header = 2 + long;
        let mut content = Vec::new();
        let mut start = header;
        while start < der.len() {
            let end = start + element(&der[start..]);
            if start == at {
                content.extend(bytes);
            }
            if start < at && at < end {
                content.extend(inserted(&der[start..end], at - start, bytes));
            } else {
                content.extend(&der[start..end]);
            }
            start = end;
        }
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = match content.len() {
            ..0x80 => vec![length[1]],
            0x80..0x100 => vec![0x81, length[1]],
            _ => vec![0x82, length[0], length[1]],
        };
        [&der[..1], &length, &content].concat()
    }

    /// How long the first element is.
    fn element(der: &[u8]) -> usize {
        let long = usize::from(der[1] & 0x7f);
        if der[1] & 0x80 == 0 {
            return 2 + long;
        }
        2 + long + der[2..2 + long].iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
    }

    /// The certificate with the other signature of two that hold: (r, -s), which is not what RFC 6979 gives.
    fn negated(der: &[u8]) -> Vec<u8> {
        signed(der, |r, s| (r, -s))
    }

    /// The certificate with another r, and the s for which `s·k = z + r·d` still holds: it was made with the key d and the nonce k,
    /// and is no signature, since r is not the abscissa of `k·G`.
    fn forged(der: &[u8], key: &SigningKey) -> Vec<u8> {
        let message = Certificate::from_der(der).unwrap().tbs_certificate().to_der().unwrap();
        let z = Scalar::reduce(&Sha256::digest(message));
        let d = **key.as_nonzero_scalar();
        signed(der, |r, s| {
            let nonce = (z + r * d) * s.invert().unwrap();
            let r = Scalar::from(0x6d65_7368_u64);
            (r, (z + r * d) * nonce.invert().unwrap())
        })
    }

    /// The certificate with another signature, made from the two numbers of its own.
    fn signed(der: &[u8], other: impl FnOnce(Scalar, Scalar) -> (Scalar, Scalar)) -> Vec<u8> {
        let certificate = Certificate::from_der(der).unwrap();
        let old = certificate.signature().raw_bytes();
        let (r, s) = Signature::from_der(old).unwrap().split_scalars();
        let (r, s) = other(*r, *s);
        let new = Signature::from_scalars(r.to_bytes(), s.to_bytes()).unwrap().to_der();
        let body = [&der[4..der.len() - old.len() - 3], &[3, u8::try_from(new.len() + 1).unwrap(), 0], new.as_bytes()];
        let body = body.concat();
        [&[0x30, 0x82], &u16::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn a_root_is_not_proven_with_the_key_of_another() {
        let day = |year| Date(time::Date::from_calendar_date(year, time::Month::November, 1).unwrap());
        let request = Root { mesh_id: "mesh1", names_seed: false, not_before: day(2026), not_after: day(2028) };
        let (one, other) = (Seed::new([7; 32]), Seed::new([8; 32]));
        let (one, other) = (RootAuthority::new(&one, &request), RootAuthority::new(&other, &request));
        assert!(TrustAnchor::prove_with(one.anchor().pem(), one.key.signing()).is_ok());
        assert!(TrustAnchor::prove_with(one.anchor().pem(), other.key.signing()).is_err());
    }
}
