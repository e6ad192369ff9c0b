use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, KeyIdMethod, KeyUsagePurpose,
    SanType, SerialNumber,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::mesh::{Intermediate, Root};
use crate::topology::Date;

use super::key::{DerivedKey, KeyPath};
use super::{Bundle, Seed};

/// The mesh's root, able to sign.
pub(super) struct RootAuthority<'m> {
    seed: &'m Seed,
    params: CertificateParams,
    key: DerivedKey,
    certificate: Certificate,
    pem: String,
}

impl<'m> RootAuthority<'m> {
    pub(super) fn new(seed: &'m Seed, request: &Root<'_>) -> Self {
        let Root { mesh_id, not_before, not_after } = *request;
        let path = KeyPath::new(mesh_id, "root", &[], not_before, not_after);
        let key = DerivedKey::derive(seed, &path);
        let mut params = params(&path, &key, not_before, not_after);
        params.distinguished_name.push(DnType::CommonName, format!("{mesh_id} root CA"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("the parameters are complete");
        let pem = certificate.pem();
        if let Err(faults) = super::verify::verify_root(&pem) {
            panic!("the root certificate does not hold: {faults:?}\n{pem}");
        }
        Self { seed, params, key, certificate, pem }
    }

    pub(super) fn issue(&self, request: &Intermediate<'_>) -> Bundle {
        let Intermediate { mesh_id, cluster, generation, not_before, not_after } = *request;
        let path = KeyPath::new(mesh_id, "intermediate", &[cluster, &generation.to_string()], not_before, not_after);
        let key = DerivedKey::derive(self.seed, &path);
        let mut params = params(&path, &key, not_before, not_after);
        params.distinguished_name.push(DnType::CommonName, format!("{mesh_id} intermediate CA"));
        params.distinguished_name.push(DnType::LocalityName, cluster);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let service = "istiod.istio-system.svc".try_into().expect("a DNS name is an IA5String");
        params.subject_alt_names = vec![SanType::DnsName(service)];
        params.use_authority_key_identifier_extension = true;
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("the parameters are complete").pem();
        Bundle {
            chain: format!("{certificate}{}", self.pem),
            root_certificate: self.pem.clone(),
            certificate,
            key: key.pem(),
        }
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn fingerprint(&self) -> String {
        super::seed::hex(&Sha256::digest(self.certificate.der()))
    }
}

/// What root and intermediates have in common. Every field is set: rcgen's defaults hold a name and a validity of its own.
fn params(path: &KeyPath, key: &DerivedKey, not_before: Date, not_after: Date) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = midnight(not_before);
    params.not_after = midnight(not_after);
    params.serial_number = Some(SerialNumber::from_slice(&path.serial_number()));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Istio");
    // No keyEncipherment: it belongs to RSA keys (RFC 8813, section 3).
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.identifier());
    params
}

fn midnight(date: Date) -> OffsetDateTime {
    date.0.midnight().assume_utc()
}
