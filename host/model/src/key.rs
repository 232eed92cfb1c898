//! How names and addresses are compared.

use unicode_normalization::UnicodeNormalization;

/// The form in which userNames and e-mail addresses are compared: trimmed, NFKC, lower case.
///
/// RFC 7643 section 4.1.1 makes userName case-insensitive; Graph compares UPNs the same way.
pub fn fold(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfkc().collect::<String>().to_lowercase() }
}

/// The folded domain of an address: what follows the last `@`, if both sides of it hold something.
pub fn domain_of(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| fold(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_width_and_space_do_not_matter() {
        assert_eq!(fold("  Ann@ACME.example "), "ann@acme.example");
        assert_eq!(fold("ＡＮＮ@acme.example"), "ann@acme.example");
        assert_eq!(fold("Ännchen"), fold("A\u{308}nnchen"));
    }

    #[test]
    fn a_domain_is_what_follows_the_last_at_sign() {
        assert_eq!(domain_of("\"a@b\"@Acme.example").as_deref(), Some("acme.example"));
        assert_eq!(domain_of("@acme.example"), None);
        assert_eq!(domain_of("ann"), None);
    }
}
