//! Which permission a path needs, as Graph's reference names the least one for reading.

use super::paths::{Checked, Paths};
use std::collections::BTreeSet;

/// The permission that is probably missing where Graph answers 403.
pub(crate) fn missing(path: &Checked) -> Option<&'static str> {
    if path.query().contains("signInActivity") {
        return Some("AuditLog.Read.All");
    }
    let segments: Vec<&str> = path.segments().collect();
    least(&segments).map(spoken)
}

/// The permissions that reading these paths needs, the least ones.
pub(crate) fn needed(paths: &Paths) -> BTreeSet<&'static str> {
    paths.patterns().filter_map(|segments| least(&segments)).collect()
}

/// As operators know it, with the wider one that many have granted.
pub(crate) fn spoken(permission: &'static str) -> &'static str {
    if permission == "GroupMember.Read.All" { "GroupMember.Read.All or Group.Read.All" } else { permission }
}

fn least(segments: &[&str]) -> Option<&'static str> {
    Some(match segments {
        ["users", _, "memberOf" | "transitiveMemberOf", ..] => "GroupMember.Read.All",
        ["users", _, "licenseDetails", ..] | ["subscribedSkus", ..] => "LicenseAssignment.Read.All",
        ["users", _, "authentication", ..] => "UserAuthenticationMethod.Read.All",
        ["users" | "me", ..] => "User.Read.All",
        ["groups", ..] => "GroupMember.Read.All",
        ["organization", ..] => "Organization.Read.All",
        ["domains", ..] => "Domain.Read.All",
        ["devices", ..] => "Device.Read.All",
        ["directoryRoles" | "roleManagement", ..] => "RoleManagement.Read.Directory",
        ["administrativeUnits", ..] | ["directory", "administrativeUnits", ..] => {
            "AdministrativeUnit.Read.All"
        }
        ["directory", "deletedItems", "microsoft.graph.group", ..] => "Group.Read.All",
        ["directory", "deletedItems", ..] => "User.Read.All",
        ["applications" | "servicePrincipals", ..] => "Application.Read.All",
        ["contacts", ..] => "OrgContact.Read.All",
        ["directoryObjects", ..] => "Directory.Read.All",
        ["auditLogs", ..] => "AuditLog.Read.All",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::paths::Paths;
    use super::*;

    #[test]
    fn the_permission_is_told_from_the_path() {
        let paths = Paths::new([
            "/users",
            "/users/delta",
            "/groups/{id}/members",
            "/groups/delta",
            "/organization",
            "/sites",
        ]);
        let paths = paths.unwrap();
        let missing = |text: &str| missing(&paths.check(text).unwrap());
        assert_eq!(missing("/users/delta"), Some("User.Read.All"));
        assert_eq!(missing("/users?$select=id,signInActivity"), Some("AuditLog.Read.All"));
        assert_eq!(missing("/groups/1-2/members"), Some("GroupMember.Read.All or Group.Read.All"));
        assert_eq!(missing("/groups/delta"), Some("GroupMember.Read.All or Group.Read.All"));
        assert_eq!(missing("/organization"), Some("Organization.Read.All"));
        assert_eq!(missing("/sites"), None);
        let needed: Vec<_> = needed(&paths).into_iter().collect();
        assert_eq!(needed, ["GroupMember.Read.All", "Organization.Read.All", "User.Read.All"]);
    }
}
