//! Which permission a path needs, as Graph's reference names the least one for reading.

use super::paths::Checked;

/// The permission that is probably missing where Graph answers 403.
pub(crate) fn missing(path: &Checked) -> Option<&'static str> {
    if path.query().contains("signInActivity") {
        return Some("AuditLog.Read.All");
    }
    let segments: Vec<&str> = path.segments().collect();
    Some(match segments.as_slice() {
        ["users", _, "memberOf" | "transitiveMemberOf", ..] => "GroupMember.Read.All",
        ["users", _, "licenseDetails", ..] | ["subscribedSkus", ..] => "LicenseAssignment.Read.All",
        ["users", _, "authentication", ..] => "UserAuthenticationMethod.Read.All",
        ["users" | "me", ..] => "User.Read.All",
        ["groups", _, "members" | "transitiveMembers" | "owners" | "memberOf" | "transitiveMemberOf", ..] => {
            "GroupMember.Read.All or Group.Read.All"
        }
        ["groups", ..] => "Group.Read.All",
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
        assert_eq!(missing("/groups/delta"), Some("Group.Read.All"));
        assert_eq!(missing("/organization"), Some("Organization.Read.All"));
        assert_eq!(missing("/sites"), None);
    }
}
