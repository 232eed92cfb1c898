//! A certificate and its private key, by which an application proves itself.

use super::secret::Secret;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A certificate with its RSA key. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    key: Arc<KeyPair>,
    thumbprint: String,
    ends: Option<Timestamp>,
}

/// What is wrong with the text of a certificate, as a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCertificate(&'static str);

/// Object identifiers as they stand in a key (RFC 8410, RFC 5480): id-ecPublicKey, id-Ed25519.
const EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// Entra takes no shorter one.
const MODULUS_BYTES: usize = 256;

const EC_KEY: BadCertificate =
    BadCertificate("the private key is for elliptic curves; Entra takes RSA keys, of 2048 bits or more");

impl Certificate {
    /// Reads PEM text that holds a certificate and its private key, in any order. Of several certificates the first counts, as in every
    /// file that holds a chain.
    pub fn from_pem(pem: &Secret) -> Result<Self, BadCertificate> {
        let text = pem.expose();
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(BadCertificate("the private key is encrypted with a password; store it without one"));
        }
        let mut certificate = None;
        let mut key = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            let (kind, der) = section.map_err(|_| {
                BadCertificate("this isn't whole PEM text: a part that begins with -----BEGIN has no end or isn't base64")
            })?;
            let der = Zeroizing::new(der);
            match kind {
                SectionKind::Certificate if certificate.is_none() => certificate = Some(der),
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey if key.is_some() => {
                    return Err(BadCertificate("there is more than one private key in it"));
                }
                SectionKind::PrivateKey => key = Some(pkcs8(&der)?),
                SectionKind::RsaPrivateKey => {
                    key = Some(
                        KeyPair::from_der(&der)
                            .map_err(|_| BadCertificate("the private key can't be read"))?,
                    );
                }
                SectionKind::EcPrivateKey => return Err(EC_KEY),
                _ => {}
            }
        }
        let (certificate, key) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => {
                return Err(BadCertificate(
                    "there is no PEM text in it; it needs a certificate and its private key, with their -----BEGIN lines",
                ));
            }
            (None, Some(_)) => {
                return Err(BadCertificate("the certificate is missing; there is only a private key"));
            }
            (Some(_), None) => {
                return Err(BadCertificate("the private key is missing; there is only a certificate"));
            }
        };
        if key.public_modulus_len() < MODULUS_BYTES {
            return Err(BadCertificate(
                "the private key is shorter than 2048 bits, which Entra doesn't take",
            ));
        }
        if !belong_together(&certificate, &key)? {
            return Err(BadCertificate("the private key is not the certificate's"));
        }
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.as_slice()));
        Ok(Self { key: Arc::new(key), thumbprint, ends: end(&certificate) })
    }

    /// SHA-256 of the certificate, base64url: the header `x5t#S256` (RFC 7515, 4.1.8).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The last moment at which it is good (`notAfter`; RFC 5280, 4.1.2.5). None where it can't be taken apart: then Entra tells.
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    pub(crate) fn key(&self) -> &KeyPair {
        &self.key
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Certificate({})", self.thumbprint)
    }
}

fn pkcs8(der: &[u8]) -> Result<KeyPair, BadCertificate> {
    let holds = |oid: &[u8]| der.windows(oid.len()).take(64).any(|bytes| bytes == oid);
    match KeyPair::from_pkcs8(der) {
        Ok(key) => Ok(key),
        Err(_) if holds(EC) || holds(ED25519) => Err(EC_KEY),
        Err(_) => Err(BadCertificate("the private key can't be read")),
    }
}

/// Compares the public keys. Whose certificate can't be taken apart is told by Entra.
fn belong_together(certificate: &[u8], key: &KeyPair) -> Result<bool, BadCertificate> {
    let der = CertificateDer::from(certificate);
    let Ok(parsed) = webpki::EndEntityCert::try_from(&der) else { return Ok(true) };
    let ours: PublicKeyX509Der<'_> =
        key.public_key().as_der().map_err(|_| BadCertificate("the private key can't be read"))?;
    Ok(parsed.subject_public_key_info().as_ref() == ours.as_ref())
}

/// When a certificate ends. webpki keeps the date to itself until it is asked about a time after it, which it looks at before anything else.
fn end(certificate: &[u8]) -> Option<Timestamp> {
    let der = CertificateDer::from(certificate);
    let parsed = webpki::EndEntityCert::try_from(&der).ok()?;
    let last = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    let usage = webpki::KeyUsage::client_auth();
    match parsed.verify_for_usage(&[], &[], &[], last, usage, None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => {
            Timestamp::from_second(i64::try_from(not_after.as_secs()).ok()?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Keys and certificates that are made for a test.

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
    use std::sync::OnceLock;

    /// A certificate and an RSA key, PEM. Made once: it takes its time.
    pub(crate) fn rsa() -> &'static (String, String) {
        static PAIR: OnceLock<(String, String)> = OnceLock::new();
        PAIR.get_or_init(another_rsa)
    }

    pub(crate) fn another_rsa() -> (String, String) {
        signed(&KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
    }

    pub(crate) fn ec() -> (String, String) {
        signed(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn signed(key: &KeyPair) -> (String, String) {
        let certificate = CertificateParams::new(vec!["usher".to_owned()]).unwrap().self_signed(key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Certificate, String> {
        Certificate::from_pem(&Secret::new(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_certificate_and_its_key_are_found_in_any_order() {
        let (certificate, key) = samples::rsa();
        let first = read(&format!("{certificate}{key}")).unwrap();
        let turned = read(&format!("Bag Attributes\n{key}\n{certificate}")).unwrap();
        assert_eq!(first.thumbprint(), turned.thumbprint());
        assert_eq!(first.thumbprint().len(), 43);
        assert_eq!(format!("{first:?}"), format!("Certificate({})", first.thumbprint()));
    }

    #[test]
    fn f3_the_end_of_a_certificate_is_read_from_it_whatever_it_may_sign() {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
        let key = KeyPair::from_pem(&samples::rsa().1).unwrap();
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut made = CertificateParams::new(vec!["usher".to_owned()]).unwrap();
            made.not_before = date_time_ymd(2025, 1, 1);
            made.not_after = date_time_ymd(2026, 3, 20);
            // As `openssl req -x509` makes them.
            made.is_ca = is_ca;
            let pem = made.self_signed(&key).unwrap().pem();
            let certificate = read(&format!("{pem}{}", samples::rsa().1)).unwrap();
            assert_eq!(certificate.ends(), Some("2026-03-20T00:00:00Z".parse().unwrap()));
        }
    }

    #[test]
    fn what_is_wrong_is_a_sentence() {
        let (certificate, key) = samples::rsa();
        let (ec_certificate, ec_key) = samples::ec();
        let (_, foreign) = samples::another_rsa();
        let broken = key.replace("-----END PRIVATE KEY-----", "");
        for (text, why) in [
            (String::new(), "there is no PEM text in it"),
            ("hello".to_owned(), "there is no PEM text in it"),
            (certificate.clone(), "the private key is missing"),
            (key.clone(), "the certificate is missing"),
            (format!("{certificate}{ec_key}"), "the private key is for elliptic curves"),
            (format!("{ec_certificate}{ec_key}"), "the private key is for elliptic curves"),
            (format!("{certificate}{foreign}"), "the private key is not the certificate's"),
            (format!("{certificate}{key}{foreign}"), "there is more than one private key"),
            (format!("{certificate}{broken}"), "this isn't whole PEM text"),
            (
                format!(
                    "{certificate}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
                ),
                "the private key is encrypted with a password",
            ),
            (
                format!("{certificate}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                "the private key can't be read",
            ),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
