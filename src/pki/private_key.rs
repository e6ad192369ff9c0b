//! Reads the public half of private keys, as istiod does.

use p256::NistP256;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, SecretKey};
use p256::pkcs8::PrivateKeyInfoRef;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey, RsaPrivateKeyRef};
use rsa::{PrivateKey, PublicKey};
use sec1::EcPrivateKey;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::oid::AssociatedOid;

use super::pem::blocks;
use super::x509::{EC, P256, P384, RSA};

/// The first octet of a point whose both coordinates follow (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// The public half of a private key, as it would stand in a certificate.
///
/// # Errors
/// Why istiod does not read the key (1.30.3:security/pkg/pki/util/crypto.go), as the rest of a sentence that begins with its
/// file's name. It repeats nothing of the key.
pub(super) fn public_half(text: &str) -> Result<Vec<u8>, String> {
    let blocks = blocks(text);
    let block = blocks.first().ok_or("contains no PEM block")?;
    let bytes = || block.bytes().ok_or_else(|| "contains a block that is not valid PEM".to_owned());
    let public = match block.label {
        "PRIVATE KEY" => {
            let der = bytes()?;
            let half = || {
                let key = PrivateKeyInfoRef::try_from(der.as_slice()).ok()?;
                match key.algorithm.oid {
                    EC => ec_public_half(key.private_key.as_bytes(), Some(key.algorithm.parameters_oid().ok()?)),
                    RSA if key.algorithm.parameters.is_some_and(AnyRef::is_null) => {
                        rsa_public_half(key.private_key.as_bytes())
                    }
                    _ => None,
                }
            };
            half()
                .ok_or_else(|| "contains a key that istiod does not accept: use RSA, P-256 or P-384".to_owned())
        }
        "EC PRIVATE KEY" => ec_public_half(&bytes()?, None)
            .ok_or_else(|| "contains an EC key that istiod does not accept: use P-256 or P-384".to_owned()),
        "RSA PRIVATE KEY" => rsa_public_half(&bytes()?)
            .ok_or_else(|| "contains an RSA key that istiod does not accept: have openssl write it again, not encrypted (openssl pkey)".to_owned()),
        "EC PARAMETERS" => {
            Err("begins with `EC PARAMETERS`, which istiod reads as the key: remove that block (openssl's -noout)"
                .to_owned())
        }
        "ENCRYPTED PRIVATE KEY" => {
            Err("contains an encrypted key, which istiod cannot read: decrypt it (openssl pkey)".to_owned())
        }
        label => Err(format!("begins with `{label}`, which is not a private key")),
    }?;
    if blocks.len() > 1 {
        return Err("contains several blocks, and istiod reads only the first: leave nothing but the key".to_owned());
    }
    Ok(public)
}

/// The public half of an EC key (RFC 5915), whose curve may be named outside of it.
fn ec_public_half(der: &[u8], curve: Option<ObjectIdentifier>) -> Option<Vec<u8>> {
    match curve {
        Some(P256) => public_half_on::<NistP256>(der),
        Some(P384) => public_half_on::<p384::NistP384>(der),
        Some(_) => None,
        None => public_half_on::<NistP256>(der).or_else(|| public_half_on::<p384::NistP384>(der)),
    }
}

fn public_half_on<C>(der: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic + AssociatedOid,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    // Where the file states the public half, reading it as a key has proven that it is the private one's.
    let key = SecretKey::<C>::try_from(EcPrivateKey::try_from(der).ok()?).ok()?;
    let stated = EcPrivateKey::try_from(der).ok()?.public_key.filter(|point| point.first() == Some(&UNCOMPRESSED));
    Some(stated.map_or_else(|| key.public_key().to_sec1_point(false).as_bytes().to_vec(), <[u8]>::to_vec))
}

/// The public half of an RSA key (RFC 8017, appendix A.1.2). Go verifies the numbers that speed up signing too, so they have to be those
/// that follow from the others.
fn rsa_public_half(der: &[u8]) -> Option<Vec<u8>> {
    let numbers = RsaPrivateKeyRef::try_from(der).ok()?;
    // To compute with a number takes time that grows with its square, or faster.
    if numbers.modulus.as_bytes().len() > PublicKey::MAX_SIZE / 8 {
        return None;
    }
    let key = PrivateKey::try_from(numbers).ok()?;
    key.to_pkcs1_der().ok().filter(|written| written.as_bytes() == der)?;
    key.to_public_key().to_pkcs1_der().ok().map(|der| der.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use p256::pkcs8::spki::AlgorithmIdentifierRef;
    use x509_cert::der::Encode;
    use x509_cert::der::asn1::OctetStringRef;
    use x509_cert::der::pem::{LineEnding, encode_string};

    use super::*;

    #[test]
    fn a_key_is_of_the_algorithm_that_go_reads() {
        const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
        let company = include_str!("../../tests/fuzz/company-rsa.pem");
        let (_, key) = company.split_once("# ca-key.pem\n").unwrap();
        let der = blocks(key)[0].bytes().unwrap();
        let named = |oid, parameters| {
            let info =
                PrivateKeyInfoRef::new(AlgorithmIdentifierRef { oid, parameters }, OctetStringRef::new(&der).unwrap());
            public_half(&encode_string("PRIVATE KEY", LineEnding::LF, &info.to_der().unwrap()).unwrap())
        };
        assert_eq!(named(RSA, Some(AnyRef::NULL)), public_half(key));
        assert!(public_half(key).is_ok());
        // crypto/x509 of Go 1.25, ParsePKCS8PrivateKey: an unknown algorithm.
        assert!(named(PSS, None).is_err());
        assert!(named(EC, Some(AnyRef::NULL)).is_err());
    }
}
