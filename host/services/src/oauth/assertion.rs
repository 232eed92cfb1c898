//! A client assertion: a JWT by which an application proves that it holds its certificate's key (RFC 7523; Microsoft's page
//! "Application authentication certificate credentials").

use super::certificate::Certificate;
use super::error::{Refusal, TokenError};
use super::secret::Secret;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// `client_assertion_type`.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Used at once; the rest is for clocks that differ.
const LIFETIME_S: i64 = 300;

/// Signs an assertion for this token endpoint, good for five minutes and one use.
pub(crate) fn assertion(
    certificate: &Certificate,
    client: &str,
    endpoint: &str,
    now: Timestamp,
) -> Result<Secret, TokenError> {
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint() });
    let now = now.as_second();
    let claims = json!({
        "aud": endpoint,
        "iss": client,
        "sub": client,
        "jti": Uuid::new_v4().to_string(),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_S,
    });
    let part = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let key = certificate.key();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(|_| {
        TokenError::Setting { setting: "certificate", why: Refusal::plain("its key can't sign") }
    })?;
    Ok(Secret::new(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}

#[cfg(test)]
mod tests {
    use super::super::certificate::samples;
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    #[test]
    fn an_assertion_is_signed_by_the_certificates_key_for_one_endpoint_and_one_use() {
        let (pem, key) = samples::rsa();
        let certificate = Certificate::from_pem(&Secret::new(format!("{pem}{key}"))).unwrap();
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        let sign =
            || assertion(&certificate, "app", "https://login.example/t/oauth2/v2.0/token", now).unwrap();
        let signed = sign();

        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let parsed = webpki::EndEntityCert::try_from(&der).unwrap();
        let spki = parsed.subject_public_key_info();
        // What follows the algorithm's name in the certificate is the key itself.
        let public = aws_lc_rs::rsa::PublicKey::from_der(&spki).unwrap();
        let mut rules = Validation::new(Algorithm::PS256);
        rules.validate_exp = false;
        rules.set_audience(&["https://login.example/t/oauth2/v2.0/token"]);
        rules.set_issuer(&["app"]);
        let read =
            decode::<serde_json::Value>(signed.expose(), &DecodingKey::from_rsa_der(public.as_ref()), &rules)
                .unwrap();
        assert_eq!(read.claims["sub"], "app");
        assert_eq!(read.claims["nbf"], now.as_second());
        assert_eq!(read.claims["exp"], now.as_second() + 300);
        assert_eq!(
            decode_header(signed.expose()).unwrap().x5t_s256.as_deref(),
            Some(certificate.thumbprint())
        );

        let claims = |secret: &Secret| secret.expose().split('.').nth(1).unwrap().to_owned();
        assert_ne!(claims(&signed), claims(&sign()), "each has a jti of its own");
    }
}
