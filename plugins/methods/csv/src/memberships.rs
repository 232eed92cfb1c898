//! Rows of the memberships file.

use crate::broken::{BadRow, Broken};
use crate::groups::mapped;
use crate::settings::Settings;
use crate::table::{Row, Table};
use crate::users::{cell, key};
use usher_plugin::MemberKind;

/// Where the two sides of a membership stand.
pub struct MembershipColumns {
    /// The group's column.
    pub group: usize,
    /// The member's.
    pub member: usize,
    /// The column of the member's kind.
    pub kind: Option<usize>,
}

/// What one row says.
pub struct Link {
    /// The group's id or name.
    pub group: String,
    /// The member's id.
    pub member: String,
    /// Whether it is a user or a group, if the row says so.
    pub kind: Option<MemberKind>,
}

const GROUPS: &[&str] = &[
    "group", "groupid", "groupexternalid", "groupkey", "groupname", "groupdisplayname", "groupemail", "team", "role", "그룹",
    "그룹명",
];
const MEMBERS: &[&str] = &[
    "member", "memberid", "memberexternalid", "memberkey", "memberemail", "user", "userid", "userexternalid", "userkey",
    "username", "userprincipalname", "upn", "login", "email", "useremail", "mail", "id", "employeeid", "employeenumber", "사번",
    "아이디",
];
const KINDS: &[&str] = &["kind", "memberkind", "membertype", "type", "objecttype"];

impl MembershipColumns {
    /// For a table that has just been opened.
    pub fn of(table: &Table, settings: &Settings) -> Result<Self, Broken> {
        let headers = &table.headers;
        let find = |attribute, names| {
            mapped(headers, &settings.membership_mapping, "membership_mapping", attribute, names)
        };
        let group = find("group", GROUPS)?.ok_or_else(|| Broken::NoColumn {
            what: "the group",
            usual: "group, groupId, groupName",
            mapping: "membership_mapping.group",
            headers: headers.clone(),
        })?;
        let member = find("member", MEMBERS)?.filter(|column| *column != group).ok_or_else(|| {
            Broken::NoColumn {
                what: "the member",
                usual: "member, memberId, user, userId",
                mapping: "membership_mapping.member",
                headers: headers.clone(),
            }
        })?;
        Ok(Self { group, member, kind: find("kind", KINDS)? })
    }

    /// The row's group.
    pub fn group(&self, row: &Row<'_>, headers: &[String]) -> Result<String, BadRow> {
        key(row, self.group, headers)
    }

    /// The whole row.
    pub fn link(&self, row: &Row<'_>, headers: &[String]) -> Result<Link, BadRow> {
        let kind = match self.kind {
            None => None,
            Some(column) => {
                let text = cell(row, column, &|| headers.get(column).cloned().unwrap_or_default())?;
                match text.to_lowercase().as_str() {
                    "" => None,
                    "user" | "person" | "member" => Some(MemberKind::User),
                    "group" | "team" => Some(MemberKind::Group),
                    _ => return Err(BadRow::MemberKind(text.into_owned())),
                }
            }
        };
        Ok(Link { group: self.group(row, headers)?, member: key(row, self.member, headers)?, kind })
    }
}
