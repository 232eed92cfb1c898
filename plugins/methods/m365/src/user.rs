//! Graph's user as the contract's: names of RFC 7643, licences as the ids of their SKUs.
//!
//! Source of the properties: <https://learn.microsoft.com/graph/api/resources/user>.

use crate::settings::is_numbered;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use usher_plugin::{User, Value};

/// What is made of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feeds {
    UserName,
    Active,
    Text(&'static str),
    /// The first of a list: Graph lets a user have one `businessPhones`.
    First(&'static str),
    Many(&'static str),
    Truth(&'static str),
    Licences,
    Organisation,
    Numbered,
}

const PROPERTIES: [(&str, Feeds); 36] = [
    ("userPrincipalName", Feeds::UserName),
    ("accountEnabled", Feeds::Active),
    ("displayName", Feeds::Text("displayName")),
    ("givenName", Feeds::Text("name.givenName")),
    ("surname", Feeds::Text("name.familyName")),
    ("mail", Feeds::Text("mail")),
    ("mailNickname", Feeds::Text("mailNickname")),
    ("otherMails", Feeds::Many("otherMails")),
    ("proxyAddresses", Feeds::Many("proxyAddresses")),
    ("jobTitle", Feeds::Text("title")),
    ("department", Feeds::Text("department")),
    ("companyName", Feeds::Text("organization")),
    ("employeeId", Feeds::Text("employeeNumber")),
    ("employeeType", Feeds::Text("employeeType")),
    ("employeeOrgData", Feeds::Organisation),
    ("userType", Feeds::Text("userType")),
    ("officeLocation", Feeds::Text("officeLocation")),
    ("businessPhones", Feeds::First("phoneNumbers.work")),
    ("mobilePhone", Feeds::Text("phoneNumbers.mobile")),
    ("faxNumber", Feeds::Text("phoneNumbers.fax")),
    ("streetAddress", Feeds::Text("addresses.work.streetAddress")),
    ("city", Feeds::Text("addresses.work.locality")),
    ("state", Feeds::Text("addresses.work.region")),
    ("postalCode", Feeds::Text("addresses.work.postalCode")),
    ("country", Feeds::Text("addresses.work.country")),
    ("preferredLanguage", Feeds::Text("preferredLanguage")),
    ("usageLocation", Feeds::Text("usageLocation")),
    ("assignedLicenses", Feeds::Licences),
    ("onPremisesSyncEnabled", Feeds::Truth("onPremisesSyncEnabled")),
    ("onPremisesImmutableId", Feeds::Text("onPremisesImmutableId")),
    ("onPremisesSamAccountName", Feeds::Text("onPremisesSamAccountName")),
    ("onPremisesUserPrincipalName", Feeds::Text("onPremisesUserPrincipalName")),
    ("onPremisesDomainName", Feeds::Text("onPremisesDomainName")),
    ("onPremisesDistinguishedName", Feeds::Text("onPremisesDistinguishedName")),
    ("onPremisesSecurityIdentifier", Feeds::Text("onPremisesSecurityIdentifier")),
    ("onPremisesExtensionAttributes", Feeds::Numbered),
];

/// The `$select` of users, with these attributes of the operator's.
pub fn select(attributes: &[String]) -> String {
    let numbered = attributes.iter().any(|name| is_numbered(name));
    let own = PROPERTIES
        .iter()
        .filter(|(_, feeds)| *feeds != Feeds::Numbered || numbered)
        .map(|(property, _)| *property);
    let extensions = attributes.iter().map(String::as_str).filter(|name| !is_numbered(name));
    std::iter::once("id").chain(own).chain(extensions).collect::<Vec<_>>().join(",")
}

/// A user as an answer has him: all of him, or some properties. What is null there is `cleared` here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// In lower case; Graph lets the case of ids vary.
    pub id: Option<String>,
    /// Whether this is `@removed`.
    pub removed: bool,
    user_name: Option<String>,
    active: Option<bool>,
    attributes: Vec<(String, Value)>,
}

impl Person {
    /// As a whole record: what is null isn't there.
    pub fn whole(self) -> User {
        let mut user = self.patch();
        user.attributes.retain(|(_, value)| *value != Value::Cleared);
        user
    }

    /// As a change: only what the answer names.
    pub fn patch(self) -> User {
        let Self { id, user_name, active, attributes, .. } = self;
        User { id: id.unwrap_or_default(), user_name, active, attributes }
    }

    fn put(&mut self, name: impl Into<String>, value: Option<Value>) {
        self.attributes.push((name.into(), value.unwrap_or(Value::Cleared)));
    }
}

fn text(text: String) -> Option<Value> {
    Some(text).filter(|text| !text.is_empty()).map(Value::Text)
}

fn many(many: Vec<String>) -> Option<Value> {
    Some(many).filter(|many| !many.is_empty()).map(Value::Many)
}

/// Something of which only the id counts; Graph gives it in any case.
#[derive(serde::Deserialize)]
pub struct Named {
    /// The id.
    pub id: String,
    /// `@removed`.
    #[serde(rename = "@removed")]
    pub removed: Option<IgnoredAny>,
    /// `@odata.type`.
    #[serde(rename = "@odata.type")]
    pub kind: Option<String>,
}

impl Named {
    /// The id, in the case that we keep.
    pub fn key(&self) -> String {
        self.id.to_ascii_lowercase()
    }
}

#[derive(serde::Deserialize)]
struct Licence {
    #[serde(rename = "skuId")]
    sku: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrganisationData {
    cost_center: Option<String>,
    division: Option<String>,
}

/// A directory extension: its value may be of any simple type.
fn extension<E: Error>(name: &str, value: serde_json::Value) -> Result<Option<Value>, E> {
    use serde_json::Value as Json;
    Ok(match value {
        Json::Null => None,
        Json::String(given) => text(given),
        Json::Bool(truth) => Some(Value::Truth(truth)),
        Json::Number(number) => {
            Some(number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Whole))
        }
        Json::Array(items) => {
            let texts = items.into_iter().map(|item| match item {
                Json::String(text) => Ok(text),
                Json::Number(number) => Ok(number.to_string()),
                other => Err(E::custom(format!("{name}: {other} is no value of a list"))),
            });
            many(texts.collect::<Result<_, _>>()?)
        }
        Json::Object(_) => return Err(E::custom(format!("{name}: an object is no value of an extension"))),
    })
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Person;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a user")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Person, M::Error> {
        let mut person = Person::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let feeds = PROPERTIES.iter().find(|(property, _)| *property == key).map(|(_, feeds)| *feeds);
            match feeds {
                Some(feeds) => take(&mut person, feeds, &mut map)?,
                None => take_other(&mut person, &key, &mut map)?,
            }
        }
        Ok(person)
    }
}

fn take<'de, M: MapAccess<'de>>(person: &mut Person, feeds: Feeds, map: &mut M) -> Result<(), M::Error> {
    match feeds {
        Feeds::UserName => {
            // He keeps his own where the answer has none: a user without one there is none.
            if let Some(name) = map.next_value::<Option<String>>()?.filter(|name| !name.is_empty()) {
                person.put("emails", Some(Value::Many(vec![name.clone()])));
                person.user_name = Some(name);
            }
        }
        Feeds::Active => person.active = map.next_value()?,
        Feeds::Text(name) => person.put(name, map.next_value::<Option<String>>()?.and_then(text)),
        Feeds::First(name) => {
            let first = map.next_value::<Option<Vec<String>>>()?.and_then(|list| list.into_iter().next());
            person.put(name, first.and_then(text));
        }
        Feeds::Many(name) => {
            // Graph gives the addresses in whatever order it likes; another order is no change.
            let list = map.next_value::<Option<Vec<String>>>()?.map(|mut list| {
                list.sort_unstable();
                list
            });
            person.put(name, list.and_then(many));
        }
        Feeds::Truth(name) => person.put(name, map.next_value::<Option<bool>>()?.map(Value::Truth)),
        Feeds::Licences => {
            let list = map.next_value::<Option<Vec<Licence>>>()?.unwrap_or_default();
            let mut skus: Vec<_> = list.into_iter().map(|licence| licence.sku.to_ascii_lowercase()).collect();
            skus.sort_unstable();
            person.put("assignedLicenses", many(skus));
        }
        Feeds::Organisation => {
            let data = map.next_value::<Option<OrganisationData>>()?;
            let (centre, division) = data.map_or((None, None), |data| (data.cost_center, data.division));
            person.put("costCenter", centre.and_then(text));
            person.put("division", division.and_then(text));
        }
        Feeds::Numbered => {
            let given = map.next_value::<Option<BTreeMap<String, Option<String>>>>()?;
            for (name, value) in given.unwrap_or_default() {
                if is_numbered(&name) {
                    person.put(name, value.and_then(text));
                }
            }
        }
    }
    Ok(())
}

fn take_other<'de, M: MapAccess<'de>>(person: &mut Person, key: &str, map: &mut M) -> Result<(), M::Error> {
    match key {
        "id" => person.id = Some(map.next_value::<String>()?.to_ascii_lowercase()),
        "@removed" => person.removed = map.next_value::<Option<IgnoredAny>>()?.is_some(),
        // By $expand.
        "manager" => {
            let manager = map.next_value::<Option<Named>>()?;
            person.put("manager", manager.map(|manager| Value::Text(manager.key())));
        }
        // By a delta query; the last word counts.
        "manager@delta" => {
            let last = map.next_value::<Option<Vec<Named>>>()?.and_then(|mut all| {
                all.retain(|one| one.removed.is_none());
                all.pop()
            });
            person.put("manager", last.map(|manager| Value::Text(manager.key())));
        }
        _ if key.starts_with("extension_") => {
            let value = extension(key, map.next_value()?)?;
            person.put(key, value);
        }
        _ => {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Person {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}
