//! What an upload would do: worked out whole before anything is written, from the file and from who is there already.

use crate::error::CliError;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use usher_method_csv::upload::{self, Person, Taken};
use usher_model::{ACTIVE, Attributes, Value, fold};
use usher_store::{NewUser, Store, UserRow, View};

/// UserNames looked up at once.
const PAGE: usize = 500;

/// What is to be done with one row's person.
pub enum Change {
    /// He is made.
    Create(NewUser),
    /// He is there, and these of his fields change.
    Update(Box<UserRow>, BTreeMap<String, Option<Value>>),
}

/// One row that changes something.
pub struct Line {
    /// Where it stands in the file.
    pub line: u32,
    /// The userName as the file has it.
    pub user_name: String,
    /// What is to be done.
    pub change: Change,
}

/// One row whose person is left as he is.
pub struct Passed {
    /// Where it stands in the file.
    pub line: u32,
    /// The userName as the file has it.
    pub user_name: String,
    /// Why.
    pub why: String,
}

/// Everything that an upload would do.
#[derive(Default)]
pub struct Plan {
    /// In the order of the file.
    pub lines: Vec<Line>,
    /// Rows of people who are not to be touched.
    pub passed: Vec<Passed>,
    /// Rows that can't be used: the line, and why.
    pub bad: Vec<(u32, String)>,
    /// Rows of people who are so already.
    pub unchanged: u64,
}

fn value(value: upload::Value) -> Option<Value> {
    Some(match value {
        upload::Value::Text(text) => Value::Text(text),
        upload::Value::Truth(truth) => Value::Truth(truth),
        upload::Value::Whole(whole) => Value::Whole(whole),
        upload::Value::Moment(moment) => Value::Moment { moment },
        upload::Value::Many(many) => Value::Many(many),
        upload::Value::Cleared => return None,
    })
}

fn attributes(given: Vec<(String, upload::Value)>) -> Attributes {
    given.into_iter().filter_map(|(name, given)| value(given).map(|value| (name, value))).collect()
}

/// What a row changes about somebody. What it says nothing of stays.
fn differences(person: Person, user: &UserRow) -> BTreeMap<String, Option<Value>> {
    let mut changes: BTreeMap<String, Option<Value>> = attributes(person.attributes)
        .into_iter()
        .filter(|(name, value)| user.attributes.get(name) != Some(value))
        .map(|(name, value)| (name, Some(value)))
        .collect();
    if let Some(active) = person.active.filter(|active| *active != user.active) {
        changes.insert(ACTIVE.to_owned(), Some(Value::Truth(active)));
    }
    changes
}

impl Plan {
    /// Of all rows of a file. Without `update` whoever is there is passed over.
    pub async fn of(rows: Vec<Taken>, store: &Store, tenant: i64, update: bool) -> Result<Self, CliError> {
        let mut plan = Self::default();
        let mut people: Vec<(u32, String, Person)> = Vec::new();
        let mut lines: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for row in rows {
            match row.read {
                Ok(person) => {
                    let key = fold(&person.user_name);
                    lines.entry(key.clone()).or_default().push(row.line);
                    people.push((row.line, key, person));
                }
                Err(why) => plan.bad.push((row.line, why)),
            }
        }
        // Nobody can tell which of two rows is right, so neither counts.
        people.retain(|(line, key, person)| {
            let others: Vec<_> = lines
                .get(key)
                .into_iter()
                .flatten()
                .filter(|other| *other != line)
                .map(ToString::to_string)
                .collect();
            if !others.is_empty() {
                let places = if others.len() == 1 { "line" } else { "lines" };
                let why = format!(
                    "{} stands on {places} {} too: which row is right?",
                    person.user_name,
                    others.join(", ")
                );
                plan.bad.push((*line, why));
            }
            others.is_empty()
        });
        plan.bad.sort();
        let mut people = people.into_iter().peekable();
        while people.peek().is_some() {
            let page: Vec<_> = people.by_ref().take(PAGE).collect();
            plan.page(page, store, tenant, update).await?;
        }
        Ok(plan)
    }

    async fn page(
        &mut self,
        page: Vec<(u32, String, Person)>,
        store: &Store,
        tenant: i64,
        update: bool,
    ) -> Result<(), CliError> {
        let keys: Vec<_> = page.iter().map(|(_, key, _)| key.as_str()).collect();
        let holders = store.name_holders(tenant, &keys).await?;
        let holders: BTreeMap<_, _> =
            holders.into_iter().map(|holder| (holder.key, (holder.id, holder.origin))).collect();
        for (line, key, person) in page {
            let user_name = person.user_name.clone();
            let passed = |why: String| Passed { line, user_name: user_name.clone(), why };
            match holders.get(&key) {
                None => {
                    let new = NewUser {
                        user_name: person.user_name,
                        active: person.active.unwrap_or(true),
                        attributes: attributes(person.attributes),
                    };
                    self.lines.push(Line { line, user_name, change: Change::Create(new) });
                }
                Some((_, Some(connection))) => self.passed.push(passed(format!(
                    "comes from the connection {connection}, whose source decides about him"
                ))),
                Some((id, None)) => {
                    let found = store.find_users(tenant, View::NOW, id).await?;
                    let Some(user) = found.into_iter().find(|user| user.id == *id) else {
                        self.passed.push(passed("was removed meanwhile".to_owned()));
                        continue;
                    };
                    let changes = differences(person, &user);
                    if changes.is_empty() {
                        self.unchanged += 1;
                    } else if update {
                        let change = Change::Update(Box::new(user), changes);
                        self.lines.push(Line { line, user_name, change });
                    } else {
                        let why = "is there already, made by hand: --update would change him";
                        self.passed.push(passed(why.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// How many are to be made, and how many changed.
    pub fn counts(&self) -> (usize, usize) {
        let made = self.lines.iter().filter(|line| matches!(line.change, Change::Create(_))).count();
        (made, self.lines.len() - made)
    }
}

impl Line {
    /// Each field, before and after: null where there is nothing.
    pub fn changes(&self) -> BTreeMap<&str, [Json; 2]> {
        let json = |value: Option<&Value>| value.map_or(Json::Null, Value::to_json);
        match &self.change {
            Change::Create(new) => {
                let active = (ACTIVE, [Json::Null, new.active.into()]);
                let others = new.attributes.iter();
                let others = others.map(|(name, value)| (name.as_str(), [Json::Null, value.to_json()]));
                others.chain([active]).collect()
            }
            Change::Update(user, changes) => changes
                .iter()
                .map(|(name, value)| {
                    let before =
                        if name == ACTIVE { user.active.into() } else { json(user.attributes.get(name)) };
                    (name.as_str(), [before, json(value.as_ref())])
                })
                .collect(),
        }
    }

    /// For programs.
    pub fn json(&self) -> Json {
        let action = if matches!(self.change, Change::Create(_)) { "create" } else { "update" };
        json!({ "line": self.line, "action": action, "userName": self.user_name, "changes": self.changes() })
    }
}
