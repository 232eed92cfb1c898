//! Which permissions a question needs, after the permissions table of its page in Microsoft's reference.

use super::error::{GraphError, denied};
use crate::tenant::{Identity, Kind};

/// A matter that permissions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Reading users.
    Users,
    /// Reading groups and their memberships.
    Groups,
    /// Reading deleted groups.
    DeletedGroups,
    /// Reading the organisation.
    Organisation,
    /// Reading domains.
    Domains,
    /// Reading subscriptions.
    Skus,
    /// Reading directory roles.
    Roles,
    /// Reading service principals.
    Principals,
    /// The signed-in user reading about themselves.
    Oneself,
    /// Making, changing, deleting and restoring users.
    WriteUsers,
    /// Making, changing, deleting and restoring groups.
    WriteGroups,
    /// Changing memberships.
    WriteMembers,
    /// Assigning licences.
    WriteLicences,
}

const USERS: &[&str] =
    &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const GROUPS: &[&str] = &[
    "Group.Read.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const ORGANISATION: &[&str] =
    &["Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const ROLES: &[&str] = &[
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

impl Need {
    fn any_of(self) -> &'static [&'static str] {
        match self {
            Self::Users => USERS,
            Self::Groups => GROUPS,
            Self::DeletedGroups => {
                &["Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]
            }
            Self::Organisation => ORGANISATION,
            Self::Domains => {
                &["Domain.Read.All", "Domain.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]
            }
            Self::Skus => &[
                "LicenseAssignment.Read.All",
                "LicenseAssignment.ReadWrite.All",
                "Organization.Read.All",
                "Organization.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::Roles => ROLES,
            Self::Principals => &[
                "Application.Read.All",
                "Application.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::Oneself => &["User.Read", "User.ReadWrite"],
            Self::WriteUsers => &["User.ReadWrite.All", "Directory.ReadWrite.All"],
            Self::WriteGroups => &["Group.ReadWrite.All", "Directory.ReadWrite.All"],
            Self::WriteMembers => {
                &["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"]
            }
            Self::WriteLicences => {
                &["LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"]
            }
        }
    }

    /// What reading objects of a kind needs.
    pub fn reading(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::Users,
            Kind::Group => Self::Groups,
        }
    }

    /// What reading deleted objects of a kind needs.
    pub fn reading_deleted(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::Users,
            Kind::Group => Self::DeletedGroups,
        }
    }

    /// What changing objects of a kind needs.
    pub fn writing(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::WriteUsers,
            Kind::Group => Self::WriteGroups,
        }
    }

    /// Whether somebody may.
    pub fn met_by(self, identity: &Identity) -> bool {
        let delegated = matches!(identity, Identity::Delegated { .. });
        match self {
            // Whoever may read users may read themselves; an application is nobody.
            Self::Oneself => delegated && (identity.has(self.any_of()) || identity.has(USERS)),
            Self::Organisation if delegated && identity.has(&["User.Read", "User.ReadWrite"]) => true,
            _ => identity.has(self.any_of()),
        }
    }

    /// Refuses whoever may not.
    pub fn check(self, identity: &Identity) -> Result<(), GraphError> {
        if self.met_by(identity) { Ok(()) } else { Err(denied()) }
    }
}
