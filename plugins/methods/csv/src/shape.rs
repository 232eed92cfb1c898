//! Which of the known shapes a users file has, and how its headers are to be read.

use crate::headers::{self, Meaning, fold};
use crate::settings::Preset;

/// A shape, and the headers that gave it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Never [`Preset::Auto`].
    pub preset: Preset,
    /// Empty where the operator set it.
    pub because: Vec<String>,
}

impl Shape {
    /// What was set, else what the headers show.
    pub fn of(headers: &[String], set: Preset) -> Self {
        if set != Preset::Auto {
            return Self { preset: set, because: Vec::new() };
        }
        let with = |part: &str| headers.iter().find(|header| header.to_lowercase().contains(part)).cloned();
        if let Some(header) = with("[userprincipalname]") {
            return Self { preset: Preset::EntraBulk, because: vec![header] };
        }
        if let Some(header) = with("email address [required]") {
            return Self { preset: Preset::Google, because: vec![header] };
        }
        let named = |name: &str| headers.iter().find(|header| fold(header) == name).cloned();
        let all = |names: &[&str]| names.iter().map(|name| named(name)).collect::<Option<Vec<_>>>();
        let entra = all(&["userprincipalname", "id", "usertype"])
            .or_else(|| all(&["userprincipalname", "objectid", "usertype"]))
            .or_else(|| all(&["userprincipalname", "id", "accountenabled"]))
            .or_else(|| all(&["userprincipalname", "objectid", "accountenabled"]));
        if let Some(because) = entra {
            return Self { preset: Preset::EntraUsers, because };
        }
        let okta = all(&["login", "firstname", "lastname", "email"])
            .or_else(|| all(&["userlogin", "userfirstname", "userlastname"]))
            .or_else(|| all(&["profilelogin", "profilefirstname", "profilelastname"]))
            .or_else(|| all(&["userid", "username", "firstname", "lastname", "primaryemail"]))
            .or_else(|| all(&["username", "firstname", "lastname", "primaryemail", "secondaryemail"]));
        if let Some(because) = okta {
            return Self { preset: Preset::Okta, because };
        }
        Self { preset: Preset::Plain, because: Vec::new() }
    }

    /// The part of a header that names the column: the property in Entra's template (`User name [userPrincipalName]
    /// Required`), what comes before Google's remark (`Employee ID`, `Status [READ ONLY]`), Okta's without `user.`.
    pub fn label(self: &Shape, header: &str) -> String {
        let label = match self.preset {
            Preset::EntraBulk => header
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'))
                .map_or(header, |(property, _)| property),
            Preset::Google => header.split_once('[').map_or(header, |(before, _)| before),
            Preset::Okta => ["user.profile.", "profile.", "user."]
                .iter()
                .find_map(|prefix| header.strip_prefix(prefix))
                .unwrap_or(header),
            _ => header,
        };
        label.trim().to_owned()
    }

    /// What a column means, and its rank among those that feed the same (lower wins); none where it isn't known.
    pub fn meaning(&self, header: &str) -> Option<(Meaning<'static>, usize)> {
        let label = self.label(header);
        let name = fold(&label);
        // The template asks “Block sign in (Yes/No)” for a property that means the opposite, in any language.
        if self.preset == Preset::EntraBulk && name == "accountenabled" {
            let asked = fold(header.split_once('[').map_or("", |(before, _)| before));
            return Some((
                if asked.contains("enabled") && !asked.contains("block") {
                    Meaning::Active
                } else {
                    Meaning::Blocked
                },
                0,
            ));
        }
        let own = match self.preset {
            Preset::Google => headers::GOOGLE,
            Preset::EntraBulk | Preset::EntraUsers => headers::ENTRA,
            Preset::Okta => headers::OKTA,
            Preset::Auto | Preset::Plain => &[],
        };
        own.iter()
            .chain(headers::COMMON)
            .enumerate()
            .find(|(_, (alias, _))| *alias == name)
            .map(|(rank, (_, meaning))| (*meaning, rank))
            .or_else(|| headers::by_words(&name).map(|meaning| (meaning, usize::MAX)))
    }

    /// How good a key a column would be; none where it can't be one.
    pub fn key_rank(&self, header: &str) -> Option<usize> {
        let name = fold(&self.label(header));
        if self.preset == Preset::Okta && (name == "oktauserid" || name == "oktaid") {
            return Some(0);
        }
        // An employee number is a choice at these sources, often empty: their own keys are better.
        let own = match self.preset {
            Preset::EntraBulk | Preset::EntraUsers => &["id", "objectid", "userprincipalname"][..],
            Preset::Google => &["id", "userid", "uniqueid", "emailaddress"][..],
            Preset::Okta => &["id", "userid", "login", "username", "email", "primaryemail"][..],
            Preset::Auto | Preset::Plain => headers::KEYS,
        };
        own.iter().position(|alias| *alias == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(headers: &str) -> Preset {
        let headers: Vec<String> = headers.split(',').map(str::to_owned).collect();
        Shape::of(&headers, Preset::Auto).preset
    }

    #[test]
    fn f85_shapes_are_recognised_by_their_headers() {
        assert_eq!(
            recognised("Name [displayName] Required,User name [userPrincipalName] Required"),
            Preset::EntraBulk
        );
        assert_eq!(
            recognised("userPrincipalName,displayName,surname,mail,givenName,id,userType"),
            Preset::EntraUsers
        );
        assert_eq!(recognised("First Name [Required],Email Address [Required]"), Preset::Google);
        assert_eq!(recognised("login,firstName,lastName,middleName,email"), Preset::Okta);
        assert_eq!(recognised("id,userName,mail"), Preset::Plain);
        assert_eq!(recognised("anything"), Preset::Plain);
    }

    #[test]
    fn f85_block_sign_in_is_the_opposite_of_active() {
        let shape = Shape { preset: Preset::EntraBulk, because: Vec::new() };
        let meaning = |header| shape.meaning(header).map(|(meaning, _)| meaning);
        assert_eq!(meaning("Block sign in (Yes/No) [accountEnabled] Required"), Some(Meaning::Blocked));
        assert_eq!(meaning("Anmeldung blockieren (Ja/Nein) [accountEnabled]"), Some(Meaning::Blocked));
        assert_eq!(meaning("Account enabled [accountEnabled]"), Some(Meaning::Active));
    }
}
