//! Entra's numbers (`AADSTS…`): what each means for the operator.
//!
//! Facts from Microsoft's page "Microsoft Entra authentication & authorization error codes"; the page warns that numbers change, so an
//! unknown one goes by OAuth's own `error` (RFC 6749, 5.2).

use super::error::Block;

/// Who has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody signs in or consents.
    SignIn,
    /// The operator mends this setting.
    Setting(&'static str),
    /// The operator mends the secret or the certificate, whichever is in use.
    Proof,
    /// Nobody: it passes.
    Busy,
}

use Class::{Busy, Proof, Setting, SignIn};

const TENANT: Class = Setting("tenant_id");
const CLIENT: Class = Setting("client_id");
const SECRET: Class = Setting("client_secret");
const CERTIFICATE: Class = Setting("certificate");
const CLOUD: Class = Setting("cloud");

const WRONG_SECRET: &str = "the client secret is not one of the application's; enter the secret's value, not its id, or make a new one under \
                            Certificates & secrets";
const WRONG_CERTIFICATE: &str = "Entra can't verify the certificate's signature; upload this very certificate to the application under Certificates & \
                                 secrets, and see that it hasn't expired";
const WRONG_TIME: &str = "the certificate's assertion is not within its time; set this host's clock right";
const UNKNOWN_TENANT: &str =
    "there is no such tenant in this cloud; check the directory's id or domain, and the cloud";
const MALFORMED_TENANT: &str =
    "this is no directory's id; copy the tenant's id, or one of its domains, from Entra's overview page";
const NO_GRAPH: &str = "Microsoft Graph isn't known in this tenant under this address; check the cloud and the tenant, and grant admin consent";
const MFA: &str = "the account must sign in with multifactor authentication; sign in again at a browser";
const POLICY: &str = "a Conditional Access policy of the tenant blocks this sign-in; let an administrator look at the sign-in log, and exempt \
                      the application or the account";
const EXPIRED: &str = "the sign-in has expired or was revoked; sign in again";
const FOREIGN: &str =
    "the account is not one of this tenant; sign in with a work account of the tenant that tenant_id names";
const NO_CONSENT: &str =
    "nobody has consented to the application's permissions; have an administrator grant consent";
const DISABLED_APPLICATION: &str =
    "the application is disabled in this tenant; enable it under Enterprise applications";
const PASSING: &str = "Entra can't answer at the moment";

/// The same request too often, in too short a time.
pub(crate) const LOOP: u32 = 50196;

/// By number.
const CODES: &[(u32, Class, &str)] = &[
    (16000, SignIn, FOREIGN),
    (16003, SignIn, FOREIGN),
    (50013, CERTIFICATE, WRONG_CERTIFICATE),
    (50012, CERTIFICATE, WRONG_CERTIFICATE),
    (50001, CLOUD, NO_GRAPH),
    (50020, SignIn, FOREIGN),
    (50033, Busy, PASSING),
    (50034, SignIn, "there is no such account in this tenant; sign in with another one"),
    (
        50053,
        SignIn,
        "the account is locked after too many attempts, or the address it came from is suspect; unlock it and sign in again",
    ),
    (50055, SignIn, "the account's password has expired; change it and sign in again"),
    (50057, SignIn, "the account is disabled; enable it, or sign in with another one"),
    (50059, TENANT, "the request doesn't say which tenant it is for; check the directory's id"),
    (50072, SignIn, MFA),
    (50074, SignIn, MFA),
    (50076, SignIn, MFA),
    (50078, SignIn, "the multifactor sign-in is too old by the tenant's policy; sign in again"),
    (50079, SignIn, MFA),
    (50085, SignIn, EXPIRED),
    (50087, Busy, PASSING),
    (50089, SignIn, EXPIRED),
    (50097, SignIn, POLICY),
    (
        50105,
        SignIn,
        "the account isn't assigned to the application; assign it under Enterprise applications, Users and groups",
    ),
    (50126, SignIn, "user name or password is wrong; sign in again"),
    (50128, TENANT, UNKNOWN_TENANT),
    (50131, SignIn, POLICY),
    (50132, SignIn, EXPIRED),
    (50133, SignIn, EXPIRED),
    (50144, SignIn, "the account's password has expired; change it and sign in again"),
    (50158, SignIn, "the tenant's policy wants a further proof at sign-in; sign in again at a browser"),
    (50173, SignIn, "the sign-in was revoked, such as by a new password; sign in again"),
    (50194, TENANT, "the application is for one tenant only; enter that tenant's id"),
    (
        LOOP,
        Busy,
        "Entra has had too many of the same requests from this application, and refuses further ones for a while",
    ),
    (53000, SignIn, POLICY),
    (53001, SignIn, POLICY),
    (53002, SignIn, POLICY),
    (53003, SignIn, POLICY),
    (53004, SignIn, POLICY),
    (53011, SignIn, POLICY),
    (54005, SignIn, "the code of this sign-in was used before; sign in again"),
    (65001, SignIn, NO_CONSENT),
    (65004, SignIn, "consent was declined; sign in again and accept, or have an administrator grant it"),
    (
        65005,
        SignIn,
        "the application's registration doesn't list Graph's permissions; add them under API permissions and grant consent",
    ),
    (70000, SignIn, EXPIRED),
    (70001, CLIENT, DISABLED_APPLICATION),
    (70002, SECRET, WRONG_SECRET),
    (70008, SignIn, EXPIRED),
    (70019, SignIn, "the code was not entered in time; sign in again"),
    (70043, SignIn, "the tenant's policy lets a sign-in last only so long; sign in again"),
    (90002, TENANT, UNKNOWN_TENANT),
    (90006, Busy, PASSING),
    (90012, Busy, PASSING),
    (90019, TENANT, UNKNOWN_TENANT),
    (90024, Busy, PASSING),
    (90033, Busy, PASSING),
    (90038, CLOUD, "the tenant lives in another cloud; choose that one"),
    (90051, CLOUD, "the tenant lives in another cloud; choose that one"),
    (90055, Busy, "Entra has too many requests of this tenant at the moment"),
    (90072, SignIn, FOREIGN),
    (90090, Busy, PASSING),
    (90094, SignIn, "the permissions need an administrator's consent; have one grant it"),
    (90095, SignIn, "the permissions need an administrator's consent; have one grant it"),
    (90099, SignIn, NO_CONSENT),
    (500011, CLOUD, NO_GRAPH),
    (
        500021,
        SignIn,
        "a proxy's tenant restrictions deny this tenant; have the network's administrator allow it",
    ),
    (
        500022,
        SignIn,
        "a proxy's tenant restrictions deny this tenant; have the network's administrator allow it",
    ),
    (500341, SignIn, "the account was deleted; sign in with another one"),
    (501481, SignIn, "the code belongs to another sign-in; sign in again"),
    (530032, SignIn, POLICY),
    (530034, SignIn, POLICY),
    (530035, SignIn, POLICY),
    (650052, SignIn, "the tenant hasn't subscribed to the service, or it isn't enabled there"),
    (
        650056,
        SignIn,
        "the application's registration doesn't list Graph's permissions; add them under API permissions and grant consent",
    ),
    (
        650057,
        SignIn,
        "the application's registration doesn't list Graph's permissions; add them under API permissions and grant consent",
    ),
    (
        700011,
        CLIENT,
        "there is no such application in this tenant; check the application's id and the tenant's",
    ),
    (
        700016,
        CLIENT,
        "there is no such application in this tenant; check the application's id and the tenant's",
    ),
    (700021, CERTIFICATE, "the certificate's assertion names another application; check client_id"),
    (700022, CLOUD, "the permissions asked for belong to more than one service"),
    (
        700023,
        CERTIFICATE,
        "the certificate's assertion is for another address; check the cloud and login_url",
    ),
    (700024, CERTIFICATE, WRONG_TIME),
    (
        700025,
        Proof,
        "the application is a public client, which has no secret and no certificate; take it away, or register a confidential one",
    ),
    (700027, CERTIFICATE, WRONG_CERTIFICATE),
    (
        700030,
        CERTIFICATE,
        "the certificate's subject isn't authorized for the application; upload this very certificate",
    ),
    (700082, SignIn, "the sign-in has expired because it wasn't used for too long; sign in again"),
    (
        700084,
        SignIn,
        "the sign-in was made for a single-page application, whose sign-ins end after a day; register a web or desktop address and sign in again",
    ),
    (700229, Proof, "this kind of token can't prove the application"),
    (900021, TENANT, MALFORMED_TENANT),
    (900023, TENANT, MALFORMED_TENANT),
    (900144, Proof, "the request lacks what proves the application; enter a client secret or a certificate"),
    (900382, CLOUD, "the application can't sign in across clouds; choose the cloud that it is registered in"),
    (900432, CLOUD, "the application can't sign in across clouds; choose the cloud that it is registered in"),
    (
        1000502,
        CERTIFICATE,
        "the certificate is expired or not valid yet; upload a new one to the application, and enter it here",
    ),
    (7000014, CERTIFICATE, WRONG_CERTIFICATE),
    (7000112, CLIENT, DISABLED_APPLICATION),
    (7000114, CLIENT, "the application may not act on behalf of others"),
    (
        7000214,
        CERTIFICATE,
        "the certificate was revoked; upload a new one to the application, and enter it here",
    ),
    (7000215, SECRET, WRONG_SECRET),
    (
        7000218,
        Proof,
        "the application isn't a public client; enter a client secret or a certificate, or allow public client flows in its registration",
    ),
    (
        7000222,
        SECRET,
        "the client secret has expired; make a new one under Certificates & secrets, and enter its value",
    ),
    (
        7000229,
        SignIn,
        "the application has no service principal in this tenant; grant admin consent to add it",
    ),
    (9001023, TENANT, "the request must be made for one tenant; enter its id"),
];

/// What a number means.
pub(crate) fn known(code: u32) -> Option<(Class, &'static str)> {
    CODES.iter().find(|(known, ..)| *known == code).map(|(_, class, sentence)| (*class, *sentence))
}

/// What blocks by a number or, where that says nothing, by OAuth's own word.
pub(crate) fn block(code: Option<u32>, error: &str) -> Option<Block> {
    match code {
        Some(16000 | 16003 | 50020 | 90072) => Some(Block::OtherTenant),
        Some(65001 | 65004 | 90099 | 7000229) => Some(Block::ConsentRefused),
        Some(90094 | 90095) => Some(Block::NotAnAdministrator),
        Some(54005 | 501481) => Some(Block::ForeignCallback),
        Some(_) => None,
        None => matches!(error, "access_denied" | "consent_required").then_some(Block::ConsentRefused),
    }
}

/// What OAuth's own word means, where the number says nothing.
pub(crate) fn by_error(error: &str) -> (Class, &'static str) {
    match error {
        "invalid_client" => (Proof, "Entra doesn't take what proves the application"),
        "unauthorized_client" => (CLIENT, "the application may not sign in this way"),
        "invalid_grant" => (SignIn, EXPIRED),
        "interaction_required" | "login_required" => (SignIn, "the account must sign in at a browser"),
        "consent_required" => (SignIn, NO_CONSENT),
        "access_denied" => (SignIn, "access was denied"),
        "invalid_scope" | "invalid_resource" | "invalid_target" => {
            (CLOUD, "the permissions asked for aren't known there")
        }
        "temporarily_unavailable" | "server_error" | "slow_down" => (Busy, PASSING),
        _ => (SignIn, "Entra refuses the sign-in"),
    }
}

/// The number that a description begins with: `AADSTS7000215: …`.
pub(crate) fn number_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits =
        rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    digits.parse().ok()
}

/// An id at the end of a description: `Trace ID: …`.
pub(crate) fn labelled<'d>(description: &'d str, label: &str) -> Option<&'d str> {
    let (_, rest) = description.split_once(label)?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_sentence_that_says_what_to_do() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, class, sentence) in CODES {
            assert!(seen.insert(code), "{code} is there twice");
            assert!(!sentence.ends_with('.') && !sentence.contains("  "), "{code}: {sentence}");
            assert!(
                sentence.contains(';') || matches!(class, Busy) || sentence.len() > 40,
                "{code}: {sentence}"
            );
        }
    }

    #[test]
    fn numbers_are_sorted_by_who_must_act() {
        for (code, class) in [
            (7000215, SECRET),
            (7000222, SECRET),
            (700016, CLIENT),
            (7000112, CLIENT),
            (90002, TENANT),
            (900023, TENANT),
            (900021, TENANT),
            (50059, TENANT),
            (500011, CLOUD),
            (700027, CERTIFICATE),
            (1000502, CERTIFICATE),
            (700024, CERTIFICATE),
            (7000014, CERTIFICATE),
            (65001, SignIn),
            (65004, SignIn),
            (7000229, SignIn),
            (50020, SignIn),
            (50076, SignIn),
            (50079, SignIn),
            (50158, SignIn),
            (53003, SignIn),
            (50173, SignIn),
            (70008, SignIn),
            (700082, SignIn),
            (50078, SignIn),
            (700084, SignIn),
            (500341, SignIn),
            (50034, SignIn),
            (50057, SignIn),
            (50105, SignIn),
            (90033, Busy),
            (LOOP, Busy),
        ] {
            assert_eq!(known(code).map(|(class, _)| class), Some(class), "{code}");
        }
        assert_eq!(known(1), None);
    }

    #[test]
    fn the_number_is_found_in_a_description() {
        assert_eq!(number_in("AADSTS7000215: Invalid client secret provided."), Some(7_000_215));
        assert_eq!(number_in("Error AADSTS50020"), Some(50_020));
        assert_eq!(number_in("AADSTS: nothing"), None);
        assert_eq!(number_in("AADSTS99999999999: too long"), None);
    }
}
