//! Which column of a users file feeds what: the recognised shape, and the operator's mapping over it.

use crate::broken::Broken;
use crate::headers::{Meaning, fold, is_password, is_reserved};
use crate::settings::{Preset, Settings};
use crate::shape::Shape;
use std::collections::BTreeMap;

/// What a column feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// `userName`.
    UserName,
    /// `userName`, of the first address in a cell.
    FirstAddress,
    /// `active`; `inverted` where yes means blocked.
    Active {
        /// Whether yes means no.
        inverted: bool,
    },
    /// A text attribute.
    Text(String),
    /// A text attribute that names a user: it follows the key's case.
    Manager,
    /// Several texts, separated by semicolons.
    Many(String),
    /// The first e-mail address.
    Email,
    /// More e-mail addresses.
    OtherEmail,
}

impl Feed {
    /// The attribute's name in the contract.
    pub fn attribute(&self) -> &str {
        match self {
            Self::UserName | Self::FirstAddress => "userName",
            Self::Active { .. } => "active",
            Self::Text(name) | Self::Many(name) => name,
            Self::Manager => "manager",
            Self::Email | Self::OtherEmail => "emails",
        }
    }

    fn text(name: &str) -> Self {
        match name {
            "userName" => Self::UserName,
            "active" => Self::Active { inverted: false },
            "blocked" => Self::Active { inverted: true },
            "emails" => Self::Email,
            "manager" => Self::Manager,
            "proxyAddresses" | "otherMails" => Self::Many(name.to_owned()),
            _ => Self::Text(name.to_owned()),
        }
    }
}

/// How the rows of one users file are read.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The shape that was recognised or set.
    pub shape: Shape,
    /// The column of the key.
    pub key: usize,
    /// Whether keys are put in lower case, because the source lets their case vary.
    pub folds_case: bool,
    /// What the columns feed, in their order; a column may feed several attributes.
    pub feeds: Vec<(usize, Feed)>,
    /// The column of groups.
    pub groups: Option<usize>,
    /// Given and family name, of which `displayName` is made where it is empty or has no column.
    pub display_name: Option<(Option<usize>, Option<usize>)>,
    /// Headers that feed nothing, and why.
    pub unused: Vec<(String, String)>,
    /// Headers that feed nothing because an attribute can't be called so.
    pub reserved: Vec<String>,
}

/// The longest name of an attribute that a host takes, in bytes.
const LONGEST_NAME: usize = 256;

/// A slot that only one column can fill.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Groups,
    Attribute(String),
}

/// The column with this header: letter by letter, else without regard to case and outer blanks.
pub fn column_of(headers: &[String], header: &str, setting: &str) -> Result<usize, Broken> {
    let exact = headers.iter().position(|given| given == header);
    let wanted = header.trim().to_lowercase();
    exact.or_else(|| headers.iter().position(|given| given.to_lowercase() == wanted)).ok_or_else(|| {
        Broken::Unmatched {
            setting: setting.to_owned(),
            header: header.to_owned(),
            headers: headers.to_vec(),
        }
    })
}

impl Columns {
    /// For these headers.
    pub fn of(headers: &[String], settings: &Settings) -> Result<Self, Broken> {
        let shape = Shape::of(headers, settings.preset);
        let mut mapped = BTreeMap::new();
        let mut left_out = Vec::new();
        for (attribute, header) in &settings.mapping {
            let attribute = attribute.trim();
            if header.trim().is_empty() {
                left_out.push(attribute.to_owned());
            } else {
                let column = column_of(headers, header, &format!("mapping.{attribute}"))?;
                mapped.insert(attribute.to_owned(), column);
            }
        }
        let key = match mapped.remove("id") {
            Some(column) => column,
            None => key_of(headers, &shape)?,
        };
        let mut columns = Self {
            folds_case: folds_case(headers, &shape, key, mapped.get("userName").copied()),
            shape,
            key,
            feeds: Vec::new(),
            groups: None,
            display_name: None,
            unused: Vec::new(),
            reserved: Vec::new(),
        };
        columns.assign(headers, &mapped, &left_out);
        columns.complete(&left_out);
        columns.feeds.sort_by_key(|(column, feed)| (*column, *feed == Feed::OtherEmail));
        Ok(columns)
    }

    /// Gives every column its feed: what the mapping says, then the best of those that are recognised, then open
    /// attributes under the header's own name.
    fn assign(&mut self, headers: &[String], mapped: &BTreeMap<String, usize>, left_out: &[String]) {
        let slot_of = |attribute: &str| match attribute {
            "groups" => Slot::Groups,
            "blocked" => Slot::Attribute("active".to_owned()),
            other => Slot::Attribute(other.to_owned()),
        };
        let mut taken: BTreeMap<Slot, usize> = BTreeMap::new();
        for (attribute, column) in mapped {
            taken.insert(slot_of(attribute), *column);
            match attribute.as_str() {
                "groups" => self.groups = Some(*column),
                other => self.feeds.push((*column, Feed::text(other))),
            }
        }
        let dropped: Vec<Slot> = left_out.iter().map(|attribute| slot_of(attribute)).collect();
        let meant: Vec<Option<(Meaning<'static>, usize)>> =
            headers.iter().map(|header| self.shape.meaning(header)).collect();
        let mut by_rank: Vec<usize> = (0..headers.len()).collect();
        by_rank
            .sort_by_key(|column| meant.get(*column).copied().flatten().map_or(usize::MAX, |(_, rank)| rank));

        for column in by_rank {
            let Some(header) = headers.get(column) else { continue };
            let is_mapped = column == self.key || mapped.values().any(|other| *other == column);
            let meaning = meant.get(column).copied().flatten().map(|(meaning, _)| meaning);
            let verdict = if header.is_empty() {
                Err("it has no header".to_owned())
            } else if is_password(header) {
                Err("passwords are never read".to_owned())
            } else if !is_mapped
                && matches!(meaning, None | Some(Meaning::Key))
                && is_reserved(&self.shape.label(header))
                && !left_out.contains(&self.shape.label(header))
            {
                self.reserved.push(header.clone());
                continue;
            } else {
                self.feed(column, header, meaning, is_mapped, &mut taken, &dropped)
            };
            if let Err(why) = verdict
                && !is_mapped
            {
                self.unused.push((header.clone(), why));
            }
        }
    }

    fn feed(
        &mut self,
        column: usize,
        header: &str,
        meaning: Option<Meaning<'static>>,
        is_mapped: bool,
        taken: &mut BTreeMap<Slot, usize>,
        dropped: &[Slot],
    ) -> Result<(), String> {
        let feed = match meaning {
            Some(Meaning::Unused(why)) => return Err(why.to_owned()),
            Some(Meaning::OtherEmail) => Feed::OtherEmail,
            Some(Meaning::Email) if taken.contains_key(&Slot::Attribute("emails".to_owned())) => {
                Feed::OtherEmail
            }
            Some(Meaning::Email) => Feed::Email,
            Some(Meaning::UserName) => Feed::UserName,
            Some(Meaning::Active) => Feed::Active { inverted: false },
            Some(Meaning::Blocked) => Feed::Active { inverted: true },
            Some(Meaning::Text(name)) => Feed::text(name),
            Some(Meaning::Many(name)) => Feed::Many(name.to_owned()),
            Some(Meaning::Groups) => {
                return match taken.get(&Slot::Groups) {
                    _ if dropped.contains(&Slot::Groups) => Err("the mapping leaves it out".to_owned()),
                    Some(_) => Err("the groups are read from another column".to_owned()),
                    None => {
                        taken.insert(Slot::Groups, column);
                        self.groups = Some(column);
                        Ok(())
                    }
                };
            }
            // Unknown columns, and second keys, are open attributes; a mapped one has its name already.
            None | Some(Meaning::Key) if is_mapped => return Ok(()),
            None | Some(Meaning::Key) if header.len() > LONGEST_NAME => {
                return Err("its header is too long for an attribute's name".to_owned());
            }
            None | Some(Meaning::Key) => Feed::Text(self.shape.label(header)),
        };
        let slot = Slot::Attribute(feed.attribute().to_owned());
        if dropped.contains(&slot) {
            return Err("the mapping leaves it out".to_owned());
        }
        if feed != Feed::OtherEmail {
            if taken.contains_key(&slot) {
                return Err(format!("{} is read from another column", feed.attribute()));
            }
            // Several columns may say whether somebody is active; a mapped one says it alone.
            if !matches!(feed, Feed::Active { .. }) {
                taken.insert(slot, column);
            }
        }
        self.feeds.push((column, feed));
        Ok(())
    }

    /// What a shape doesn't have a column for: `userName` is then the e-mail address, `displayName` both names.
    fn complete(&mut self, left_out: &[String]) {
        let column = |wanted: &str| {
            self.feeds
                .iter()
                .find(|(_, feed)| feed.attribute() == wanted && *feed != Feed::OtherEmail)
                .map(|(column, _)| *column)
        };
        let wanted = |attribute: &str| !left_out.iter().any(|out| out == attribute);
        if wanted("displayName") {
            let (given, family) = (column("name.givenName"), column("name.familyName"));
            if given.is_some() || family.is_some() {
                self.display_name = Some((given, family));
            }
        }
        if wanted("userName")
            && column("userName").is_none()
            && let Some(email) = column("emails")
        {
            self.feeds.push((email, Feed::FirstAddress));
        }
    }
}

fn key_of(headers: &[String], shape: &Shape) -> Result<usize, Broken> {
    let ranked = |column: usize, header: &String| shape.key_rank(header).map(|rank| (rank, column));
    let best =
        headers.iter().enumerate().filter_map(|(column, header)| ranked(column, header)).min().ok_or_else(
            || Broken::NoColumn {
                what: "the key (who a row is about)",
                usual: "id, externalId, employeeId, userName, email",
                mapping: "mapping.id",
                headers: headers.to_vec(),
            },
        )?;
    match headers
        .iter()
        .enumerate()
        .find(|(column, header)| *column != best.1 && shape.key_rank(header) == Some(best.0))
    {
        Some((_, header)) => Err(Broken::TwiceColumn(header.clone())),
        None => Ok(best.1),
    }
}

/// User names, mail addresses and GUIDs are the same in either case; an employee number may not be.
fn folds_case(headers: &[String], shape: &Shape, key: usize, user_name: Option<usize>) -> bool {
    let Some(header) = headers.get(key) else { return false };
    let name = fold(&shape.label(header));
    shape.preset == Preset::EntraUsers
        || user_name == Some(key)
        || matches!(name.as_str(), "objectid" | "objectguid" | "guid" | "uuid" | "immutableid")
        || matches!(
            shape.meaning(header),
            Some((Meaning::UserName | Meaning::Email | Meaning::OtherEmail, _))
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(headers: &str, mapping: &[(&str, &str)]) -> Result<Columns, Broken> {
        let headers: Vec<String> = headers.split(',').map(str::to_owned).collect();
        let mut settings = Settings::of_users("users.csv");
        settings.mapping = mapping.iter().map(|(a, h)| (a.to_string(), h.to_string())).collect();
        Columns::of(&headers, &settings)
    }

    fn fed(columns: &Columns) -> Vec<(usize, &str)> {
        columns.feeds.iter().map(|(column, feed)| (*column, feed.attribute())).collect()
    }

    #[test]
    fn f85_common_headers_need_no_mapping() {
        let found =
            columns("id,userName,First Name,Last Name,E-Mail,Dept,Shoe size,groups,Password", &[]).unwrap();
        assert_eq!(found.key, 0);
        assert!(!found.folds_case);
        assert_eq!(
            fed(&found),
            [
                (1, "userName"),
                (2, "name.givenName"),
                (3, "name.familyName"),
                (4, "emails"),
                (5, "department"),
                (6, "Shoe size")
            ]
        );
        assert_eq!(found.groups, Some(7));
        assert_eq!(found.display_name, Some((Some(2), Some(3))));
        assert_eq!(found.unused, [("Password".to_owned(), "passwords are never read".to_owned())]);
    }

    #[test]
    fn f85_a_mapping_stands_over_what_is_recognised() {
        let found = columns(
            "Employee No,Login,mail,Other mail,Dept",
            &[("id", "employee no"), ("emails", "Other mail"), ("department", "")],
        )
        .unwrap();
        assert_eq!(found.key, 0);
        assert!(!found.folds_case);
        assert_eq!(fed(&found), [(0, "employeeNumber"), (1, "userName"), (2, "emails"), (3, "emails")]);
        assert_eq!(found.feeds[2].1, Feed::OtherEmail);
        assert_eq!(found.unused, [("Dept".to_owned(), "the mapping leaves it out".to_owned())]);
    }

    #[test]
    fn f85_a_user_name_as_key_is_in_lower_case() {
        let found = columns("userName,displayName", &[]).unwrap();
        assert!(found.folds_case);
        assert_eq!(fed(&found), [(0, "userName"), (1, "displayName")]);
        let found = columns("Kennung,displayName", &[("id", "Kennung"), ("userName", "Kennung")]).unwrap();
        assert!(found.folds_case);
        assert_eq!(fed(&found), [(0, "userName"), (1, "displayName")]);
    }

    #[test]
    fn f85_the_most_precise_of_several_columns_wins() {
        let found = columns("id,manager,managerId,name,displayName", &[]).unwrap();
        assert_eq!(fed(&found), [(2, "manager"), (4, "displayName")]);
        assert_eq!(found.unused.len(), 2);
    }

    #[test]
    fn f85_a_missing_or_doubtful_key_column_is_refused() {
        assert!(matches!(columns("colour,size", &[]), Err(Broken::NoColumn { .. })));
        assert!(matches!(columns("id,ID,name", &[]), Err(Broken::TwiceColumn(_))));
        assert!(matches!(columns("id,name", &[("id", "Nr")]), Err(Broken::Unmatched { .. })));
    }

    #[test]
    fn f85_blocked_can_be_mapped() {
        let found = columns("id,Gesperrt", &[("blocked", "Gesperrt")]).unwrap();
        assert_eq!(found.feeds, [(1, Feed::Active { inverted: true })]);
    }
}
