//! What columns of users files are called, and what they mean in the terms of RFC 7643 section 4.1.
//!
//! Headers are compared by their letters and digits alone: `E-mail Address`, `email_address` and `emailAddress` are one. Where
//! several columns feed one attribute, the one that stands higher in its table wins.

/// What a column feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// Nothing but the key.
    Key,
    /// `userName`.
    UserName,
    /// `active`.
    Active,
    /// `active`, the other way round.
    Blocked,
    /// A text.
    Text(&'a str),
    /// Several texts in one cell.
    Many(&'a str),
    /// The first of `emails`.
    Email,
    /// More of `emails`, where there is a first.
    OtherEmail,
    /// Names or ids of groups.
    Groups,
    /// Nothing, and why.
    Unused(&'static str),
}

use Meaning::{Active, Blocked, Email, Groups, Key, Many, OtherEmail, Text, Unused, UserName};

/// A header's letters and digits, in lower case.
pub fn fold(header: &str) -> String {
    let header = match header.to_ascii_lowercase().starts_with("urn:") {
        true => header.rsplit(':').next().unwrap_or(header),
        false => header,
    };
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Words that mark a password's column in any shape.
const PASSWORDS: &[&str] =
    &["password", "passwd", "passphrase", "passwort", "kennwort", "motdepasse", "비밀번호", "암호"];

/// Whether a column, by its header, has to do with passwords.
pub fn is_password(header: &str) -> bool {
    let folded = fold(header);
    folded == "pwd" || PASSWORDS.iter().any(|word| folded.contains(word))
}

/// What the host itself says of a user or a group. An attribute of such a name would be lost, or stand beside the host's own.
const RESERVED: &[&str] =
    &["id", "groups", "members", "path", "connection", "origin", "leaving", "meta", "schemas"];

/// Whether an attribute can't be called so. Case doesn't count (RFC 7643 section 2.1).
pub fn is_reserved(attribute: &str) -> bool {
    RESERVED.iter().any(|name| name.eq_ignore_ascii_case(attribute.trim()))
}

/// Another name for such an attribute: `sourcePath` for `path`.
pub fn instead_of(attribute: &str) -> String {
    let mut letters = attribute.trim().chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    std::iter::once("source".to_owned()).chain(first.map(String::from)).chain([letters.collect()]).collect()
}

const SIGN_IN: Meaning<'static> = Unused("it changes with every sign-in");
const USAGE: Meaning<'static> = Unused("it changes all the time");
const RECOVERY: Meaning<'static> = Unused("it is private, for recovering the account");
const SECOND: Meaning<'static> = Unused("it is often private, for recovering the account");

/// What a column is by the words of its header, where no table has it: second addresses and what accounts are recovered with are
/// nobody's business.
pub fn by_words(folded: &str) -> Option<Meaning<'static>> {
    let has = |words: &[&str]| words.iter().any(|word| folded.contains(word));
    if has(&["recovery"]) && has(&["mail", "phone"]) {
        Some(RECOVERY)
    } else if has(&["secondary", "secondemail", "2ndemail", "backup"]) && has(&["mail"]) {
        Some(SECOND)
    } else {
        None
    }
}

/// Keys, best first, in any shape: what stays when somebody is renamed before what doesn't.
pub const KEYS: &[&str] = &[
    "id",
    "externalid",
    "objectid",
    "userid",
    "useruid",
    "uniqueid",
    "immutableid",
    "objectguid",
    "guid",
    "uuid",
    "employeeid",
    "employeenumber",
    "employeeno",
    "personnelnumber",
    "personnelno",
    "staffid",
    "사번",
    "username",
    "userprincipalname",
    "upn",
    "login",
    "loginname",
    "loginid",
    "아이디",
    "samaccountname",
    "accountname",
    "uid",
    "email",
    "mail",
    "emailaddress",
    "primaryemail",
    "이메일",
];

/// Columns of any shape.
pub const COMMON: &[(&str, Meaning<'static>)] = &[
    ("id", Key),
    ("externalid", Text("externalId")),
    ("objectid", Key),
    ("userid", Key),
    ("useruid", Key),
    ("uniqueid", Key),
    ("immutableid", Key),
    ("objectguid", Key),
    ("guid", Key),
    ("uuid", Key),
    ("username", UserName),
    ("userprincipalname", UserName),
    ("upn", UserName),
    ("login", UserName),
    ("loginname", UserName),
    ("loginid", UserName),
    ("아이디", UserName),
    ("samaccountname", UserName),
    ("accountname", UserName),
    ("uid", UserName),
    ("active", Active),
    ("isactive", Active),
    ("enabled", Active),
    ("isenabled", Active),
    ("accountenabled", Active),
    ("status", Active),
    ("userstatus", Active),
    ("accountstatus", Active),
    ("재직상태", Active),
    ("disabled", Blocked),
    ("isdisabled", Blocked),
    ("accountdisabled", Blocked),
    ("blocked", Blocked),
    ("isblocked", Blocked),
    ("blocksignin", Blocked),
    ("blockcredential", Blocked),
    ("suspended", Blocked),
    ("issuspended", Blocked),
    ("displayname", Text("displayName")),
    ("fullname", Text("displayName")),
    ("name", Text("displayName")),
    ("cn", Text("displayName")),
    ("이름", Text("displayName")),
    ("성명", Text("displayName")),
    ("namegivenname", Text("name.givenName")),
    ("givenname", Text("name.givenName")),
    ("firstname", Text("name.givenName")),
    ("forename", Text("name.givenName")),
    ("namefamilyname", Text("name.familyName")),
    ("familyname", Text("name.familyName")),
    ("lastname", Text("name.familyName")),
    ("surname", Text("name.familyName")),
    ("sn", Text("name.familyName")),
    ("namemiddlename", Text("name.middleName")),
    ("middlename", Text("name.middleName")),
    ("nameformatted", Text("name.formatted")),
    ("namehonorificprefix", Text("name.honorificPrefix")),
    ("honorificprefix", Text("name.honorificPrefix")),
    ("namehonorificsuffix", Text("name.honorificSuffix")),
    ("honorificsuffix", Text("name.honorificSuffix")),
    ("nickname", Text("nickName")),
    ("profileurl", Text("profileUrl")),
    ("primaryemail", Email),
    ("email", Email),
    ("mail", Email),
    ("emailaddress", Email),
    ("emails", Email),
    ("emailsvalue", Email),
    ("emailswork", Email),
    ("emailsworkvalue", Email),
    ("workemail", Email),
    ("이메일", Email),
    ("emailshome", OtherEmail),
    ("emailshomevalue", OtherEmail),
    ("homeemail", OtherEmail),
    ("alternateemailaddress", Many("otherMails")),
    ("alternateemail", Many("otherMails")),
    ("othermails", Many("otherMails")),
    ("otheremails", Many("otherMails")),
    ("proxyaddresses", Many("proxyAddresses")),
    ("title", Text("title")),
    ("jobtitle", Text("title")),
    ("employeetitle", Text("title")),
    ("position", Text("title")),
    ("직위", Text("title")),
    ("직책", Text("title")),
    ("usertype", Text("userType")),
    ("employeetype", Text("userType")),
    ("preferredlanguage", Text("preferredLanguage")),
    ("language", Text("preferredLanguage")),
    ("locale", Text("locale")),
    ("timezone", Text("timezone")),
    ("employeenumber", Text("employeeNumber")),
    ("employeeid", Text("employeeNumber")),
    ("employeeno", Text("employeeNumber")),
    ("personnelnumber", Text("employeeNumber")),
    ("personnelno", Text("employeeNumber")),
    ("staffid", Text("employeeNumber")),
    ("사번", Text("employeeNumber")),
    ("costcenter", Text("costCenter")),
    ("costcentre", Text("costCenter")),
    ("organization", Text("organization")),
    ("organisation", Text("organization")),
    ("companyname", Text("organization")),
    ("company", Text("organization")),
    ("회사", Text("organization")),
    ("division", Text("division")),
    ("department", Text("department")),
    ("dept", Text("department")),
    ("부서", Text("department")),
    ("managerid", Text("manager")),
    ("managervalue", Text("manager")),
    ("managerusername", Text("manager")),
    ("managerupn", Text("manager")),
    ("manageremail", Text("manager")),
    ("manager", Text("manager")),
    ("phonenumberswork", Text("phoneNumbers.work")),
    ("phonenumbersworkvalue", Text("phoneNumbers.work")),
    ("workphone", Text("phoneNumbers.work")),
    ("businessphone", Text("phoneNumbers.work")),
    ("businessphones", Text("phoneNumbers.work")),
    ("officephone", Text("phoneNumbers.work")),
    ("primaryphone", Text("phoneNumbers.work")),
    ("telephonenumber", Text("phoneNumbers.work")),
    ("phonenumber", Text("phoneNumbers.work")),
    ("telephone", Text("phoneNumbers.work")),
    ("phone", Text("phoneNumbers.work")),
    ("전화번호", Text("phoneNumbers.work")),
    ("phonenumbersmobile", Text("phoneNumbers.mobile")),
    ("phonenumbersmobilevalue", Text("phoneNumbers.mobile")),
    ("mobilephone", Text("phoneNumbers.mobile")),
    ("mobile", Text("phoneNumbers.mobile")),
    ("cellphone", Text("phoneNumbers.mobile")),
    ("휴대폰", Text("phoneNumbers.mobile")),
    ("휴대전화", Text("phoneNumbers.mobile")),
    ("phonenumbershome", Text("phoneNumbers.home")),
    ("homephone", Text("phoneNumbers.home")),
    ("phonenumbersfax", Text("phoneNumbers.fax")),
    ("faxnumber", Text("phoneNumbers.fax")),
    ("fax", Text("phoneNumbers.fax")),
    ("addressesworkstreetaddress", Text("addresses.work.streetAddress")),
    ("streetaddress", Text("addresses.work.streetAddress")),
    ("street", Text("addresses.work.streetAddress")),
    ("addressesworklocality", Text("addresses.work.locality")),
    ("locality", Text("addresses.work.locality")),
    ("city", Text("addresses.work.locality")),
    ("addressesworkregion", Text("addresses.work.region")),
    ("region", Text("addresses.work.region")),
    ("stateorprovince", Text("addresses.work.region")),
    ("state", Text("addresses.work.region")),
    ("province", Text("addresses.work.region")),
    ("addressesworkpostalcode", Text("addresses.work.postalCode")),
    ("postalcode", Text("addresses.work.postalCode")),
    ("ziporpostalcode", Text("addresses.work.postalCode")),
    ("zipcode", Text("addresses.work.postalCode")),
    ("zip", Text("addresses.work.postalCode")),
    ("addressesworkcountry", Text("addresses.work.country")),
    ("country", Text("addresses.work.country")),
    ("countrycode", Text("addresses.work.country")),
    ("countryorregion", Text("addresses.work.country")),
    ("addressesworkformatted", Text("addresses.work.formatted")),
    ("workaddress", Text("addresses.work.formatted")),
    ("postaladdress", Text("addresses.work.formatted")),
    ("address", Text("addresses.work.formatted")),
    ("homeaddress", Text("addresses.home.formatted")),
    ("groups", Groups),
    ("groupnames", Groups),
    ("groupmemberships", Groups),
    ("memberof", Groups),
    ("group", Groups),
    ("그룹", Groups),
    ("lastlogin", SIGN_IN),
    ("lastlogon", SIGN_IN),
    ("lastlogindate", SIGN_IN),
    ("lastsignin", SIGN_IN),
    ("lastsignindate", SIGN_IN),
    ("lastsignintime", SIGN_IN),
    ("lastsignindatetime", SIGN_IN),
    ("lastactivity", SIGN_IN),
    ("lastupdated", USAGE),
];

/// Google Workspace, whose headers end in remarks such as `[Required]` (taken off here).
pub const GOOGLE: &[(&str, Meaning<'static>)] = &[
    ("emailaddress", Email),
    ("status", Active),
    ("newstatus", Active),
    ("newprimaryemail", Unused("it is an instruction for an upload")),
    ("newlicenses", Unused("it is an instruction for an upload")),
    ("orgunitpath", Text("orgUnitPath")),
    ("buildingid", Text("buildingId")),
    ("floorname", Text("floorName")),
    ("floorsection", Text("floorSection")),
    ("worksecondaryemail", OtherEmail),
    ("emailusage", USAGE),
    ("driveusage", USAGE),
    ("photosusage", USAGE),
    ("storageused", USAGE),
    ("totalstorage", USAGE),
    ("storagelimit", USAGE),
    ("2svenrolled", USAGE),
    ("2svenforced", USAGE),
    ("advancedprotectionprogramenrollment", USAGE),
];

/// Entra, by property name.
pub const ENTRA: &[(&str, Meaning<'static>)] = &[
    ("officelocation", Text("officeLocation")),
    ("physicaldeliveryofficename", Text("officeLocation")),
    ("usagelocation", Text("usageLocation")),
];

/// Okta's profile.
pub const OKTA: &[(&str, Meaning<'static>)] = &[
    ("oktauserid", Key),
    ("oktaid", Key),
    ("lastpasswordchange", SIGN_IN),
    ("statuschanged", USAGE),
    ("activated", USAGE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f85_headers_are_compared_by_letters_and_digits() {
        assert_eq!(fold("E-mail Address"), "emailaddress");
        assert_eq!(fold("name.givenName"), "namegivenname");
        assert_eq!(
            fold("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
            "department"
        );
        assert_eq!(fold("사 번"), "사번");
    }

    #[test]
    fn f85_password_columns_are_known_by_their_names() {
        for header in [
            "Password [Required]",
            "Initial password [passwordProfile] Required",
            "Password Hash Function [UPLOAD ONLY]",
            "passwd",
            "비밀번호",
        ] {
            assert!(is_password(header), "{header}");
        }
        assert!(!is_password("Passport No"));
    }
}
