//! Rows of the memberships file.

use crate::broken::{BadRow, Broken};
use crate::groups::mapped;
use crate::headers::fold;
use crate::settings::Settings;
use crate::table::{Row, Table};
use crate::users::key;
use std::borrow::Cow;
use usher_plugin::MemberKind;

/// Where the two sides of a membership stand.
pub struct MembershipColumns {
    /// The group's column.
    pub group: usize,
    /// The member's.
    pub member: usize,
    /// The column of the member's kind.
    pub kind: Option<usize>,
    /// Whether the members' header speaks of names or addresses, which may not be the users' keys.
    pub by_name: bool,
}

/// What one row says.
pub struct Link<'a> {
    /// The group's id or name.
    pub group: Cow<'a, str>,
    /// The member's id.
    pub member: Cow<'a, str>,
    /// Whether it is a user or a group, if the row says so.
    pub kind: Option<MemberKind>,
}

const GROUPS: &[&str] = &[
    "group",
    "groupid",
    "groupexternalid",
    "groupkey",
    "groupname",
    "groupdisplayname",
    "groupemail",
    "team",
    "role",
    "그룹",
    "그룹명",
];
const MEMBERS: &[&str] = &[
    "member",
    "memberid",
    "memberexternalid",
    "memberkey",
    "memberemail",
    "user",
    "userid",
    "userexternalid",
    "userkey",
    "username",
    "userprincipalname",
    "upn",
    "login",
    "email",
    "useremail",
    "mail",
    "id",
    "employeeid",
    "employeenumber",
    "사번",
    "아이디",
];
const NAMES: &[&str] = &[
    "username",
    "userprincipalname",
    "upn",
    "login",
    "loginname",
    "email",
    "emailaddress",
    "useremail",
    "memberemail",
    "mail",
    "아이디",
    "이메일",
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
        let member =
            find("member", MEMBERS)?.filter(|column| *column != group).ok_or_else(|| Broken::NoColumn {
                what: "the member",
                usual: "member, memberId, user, userId",
                mapping: "membership_mapping.member",
                headers: headers.clone(),
            })?;
        let by_name = headers.get(member).is_some_and(|header| NAMES.contains(&fold(header).as_str()));
        Ok(Self { group, member, kind: find("kind", KINDS)?, by_name })
    }

    /// The whole row.
    pub fn link<'a>(&self, row: &Row<'a>, headers: &[String]) -> Result<Link<'a>, BadRow> {
        let word = self.kind.and_then(|column| row.text(column)).unwrap_or_default();
        let kind = if word.is_empty() {
            None
        } else if ["user", "person", "member"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            Some(MemberKind::User)
        } else if ["group", "team"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            Some(MemberKind::Group)
        } else {
            return Err(BadRow::MemberKind(word.into_owned()));
        };
        Ok(Link { group: key(row, self.group, headers)?, member: key(row, self.member, headers)?, kind })
    }
}
