//! The properties of users and groups: which there are, which come without `$select`, what can be filtered and sorted by.

use crate::tenant::{Directory, Kind};

/// What a user shows without `$select`.
pub const USER: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// What a group shows without `$select`.
pub const GROUP: [&str; 32] = [
    "id",
    "deletedDateTime",
    "classification",
    "createdDateTime",
    "creationOptions",
    "description",
    "displayName",
    "expirationDateTime",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "preferredDataLocation",
    "preferredLanguage",
    "proxyAddresses",
    "renewedDateTime",
    "resourceBehaviorOptions",
    "resourceProvisioningOptions",
    "securityEnabled",
    "securityIdentifier",
    "theme",
    "visibility",
    "onPremisesProvisioningErrors",
];

/// What else a user has.
const MORE_OF_USER: [&str; 46] = [
    "accountEnabled",
    "ageGroup",
    "assignedLicenses",
    "assignedPlans",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "createdDateTime",
    "creationType",
    "deletedDateTime",
    "department",
    "employeeHireDate",
    "employeeId",
    "employeeLeaveDateTime",
    "employeeOrgData",
    "employeeType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "faxNumber",
    "identities",
    "imAddresses",
    "isResourceAccount",
    "lastPasswordChangeDateTime",
    "legalAgeGroupClassification",
    "licenseAssignmentStates",
    "mailNickname",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesExtensionAttributes",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesProvisioningErrors",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "otherMails",
    "passwordPolicies",
    "postalCode",
    "proxyAddresses",
    "securityIdentifier",
    "showInAddressList",
    "streetAddress",
    "usageLocation",
    "userType",
];

/// Without a value of its own, these are an empty list and not null.
const LISTS: [&str; 16] = [
    "assignedLicenses",
    "assignedPlans",
    "businessPhones",
    "creationOptions",
    "groupTypes",
    "identities",
    "imAddresses",
    "licenseAssignmentStates",
    "onPremisesProvisioningErrors",
    "otherMails",
    "provisionedPlans",
    "proxyAddresses",
    "resourceBehaviorOptions",
    "resourceProvisioningOptions",
    "serviceProvisioningErrors",
    "signInSessionsValidFrom",
];

/// Relationships that may be selected; they show in delta queries alone.
const LINKS: [&str; 6] = ["manager", "members", "owners", "memberOf", "directReports", "transitiveMembers"];

/// What an object of a kind shows without `$select`.
pub fn defaults(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &USER,
        Kind::Group => &GROUP,
    }
}

/// The true name of a property, whatever case it was written in. Besides Graph's own, a kind has what was set on some object.
pub fn resolve(kind: Kind, name: &str, directory: &Directory) -> Option<String> {
    let more: &[&str] = match kind {
        Kind::User => &MORE_OF_USER,
        Kind::Group => {
            &["assignedLicenses", "hasMembersWithLicenseErrors", "serviceProvisioningErrors", "uniqueName"]
        }
    };
    let state: &[&str] = match kind {
        Kind::User => &["state"],
        Kind::Group => &[],
    };
    let own = defaults(kind).iter().chain(more).chain(state).chain(&LINKS);
    let own = own.copied().find(|known| known.eq_ignore_ascii_case(name));
    own.or_else(|| directory.names.like(name))
        .map(str::to_owned)
        .or_else(|| name.starts_with("extension_").then(|| name.to_owned()))
}

/// Whether a property without a value is an empty list.
pub fn is_list(name: &str) -> bool {
    LISTS.contains(&name)
}

/// Whether a name is a relationship's.
pub fn is_link(name: &str) -> bool {
    LINKS.contains(&name)
}

/// What a query needs for an operator on a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Plain,
    /// `ConsistencyLevel: eventual` and `$count=true`.
    Advanced,
}

/// Operators on a property, after Microsoft's table of what can be filtered.
#[derive(Clone, Copy, Debug)]
pub struct Support {
    /// `eq` and `in`.
    pub equal: Level,
    /// `ge` and `le`.
    pub ordered: bool,
    /// `startswith`.
    pub prefix: bool,
    /// `endswith`, which always is advanced.
    pub suffix: bool,
    /// `any`, of lists.
    pub any: bool,
}

/// What can be asked of a property, if anything.
pub fn support(kind: Kind, name: &str) -> Option<Support> {
    use Level::{Advanced, Plain};
    let of = |equal, flags: &str| {
        let has = |flag| flags.contains(flag);
        Some(Support { equal, ordered: has('o'), prefix: has('p'), suffix: has('s'), any: has('a') })
    };
    match (kind, name) {
        (_, "id") => of(Plain, ""),
        (_, "displayName") => of(Plain, "p"),
        (_, "mail") => of(Plain, "ops"),
        (_, "mailNickname") => of(Plain, "op"),
        (_, "proxyAddresses") => of(Plain, "opsa"),
        (_, "onPremisesSyncEnabled") => of(Plain, ""),
        (_, "onPremisesSamAccountName") => of(Advanced, "op"),
        (_, "deletedDateTime") => of(Plain, "o"),
        (Kind::User, "accountEnabled" | "userType" | "creationType" | "ageGroup" | "isResourceAccount") => {
            of(Plain, "")
        }
        (
            Kind::User,
            "assignedLicenses" | "assignedPlans" | "businessPhones" | "identities" | "imAddresses",
        ) => of(Plain, "a"),
        (Kind::User, "otherMails") => of(Plain, "opsa"),
        (Kind::User, "userPrincipalName") => of(Plain, "ops"),
        (
            Kind::User,
            "city" | "country" | "department" | "givenName" | "state" | "surname" | "usageLocation",
        ) => of(Plain, "op"),
        (Kind::User, "employeeId" | "onPremisesUserPrincipalName") => of(Plain, "op"),
        (Kind::User, "jobTitle" | "createdDateTime") => of(Plain, "o"),
        (Kind::User, "onPremisesSecurityIdentifier") => of(Plain, ""),
        (
            Kind::User,
            "companyName" | "employeeType" | "mobilePhone" | "officeLocation" | "postalCode"
            | "preferredLanguage" | "streetAddress",
        ) => of(Advanced, "op"),
        (Kind::User, "employeeHireDate" | "onPremisesImmutableId" | "onPremisesLastSyncDateTime") => {
            of(Advanced, "o")
        }
        (Kind::Group, "mailEnabled" | "securityEnabled" | "isAssignableToRole") => of(Plain, ""),
        (Kind::Group, "groupTypes" | "assignedLicenses") => of(Plain, "a"),
        (Kind::Group, "description") => of(Advanced, "p"),
        (Kind::Group, "visibility" | "classification") => of(Advanced, ""),
        _ => None,
    }
}

/// What sorting by a property needs, if it can be sorted by.
pub fn order(kind: Kind, name: &str) -> Option<Level> {
    match (kind, name) {
        (_, "displayName") | (Kind::User, "userPrincipalName") => Some(Level::Plain),
        (_, "deletedDateTime") | (Kind::User, "createdDateTime") => Some(Level::Advanced),
        _ => None,
    }
}
