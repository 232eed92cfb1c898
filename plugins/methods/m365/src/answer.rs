//! A page of an answer, record by record: one that can't be read doesn't take the others with it.

use crate::group::{Member, Team, member};
use crate::user::{Named, Person};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use usher_plugin::{BadRecord, Fault, ObjectRef};

#[derive(Deserialize)]
struct Typed<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// A record of a page, or why it can't be read.
pub type Record<T> = Result<T, BadRecord>;

fn not_a_list(what: &str, error: &serde_json::Error) -> Fault {
    Fault::Source(format!("Graph answered with something that is no list of {what}: {error}"))
}

/// The records of a page. `whose` makes a reference of an id.
fn records<T: DeserializeOwned>(
    body: &str,
    what: &str,
    whose: fn(String) -> ObjectRef,
) -> Result<Vec<Record<T>>, Fault> {
    // Mostly all of them can be read, and once is enough.
    if let Ok(page) = serde_json::from_str::<Typed<T>>(body) {
        return Ok(page.value.into_iter().map(Ok).collect());
    }
    let page: Raw<'_> = serde_json::from_str(body).map_err(|error| not_a_list(what, &error))?;
    let read = |(number, raw): (usize, &RawValue)| {
        serde_json::from_str(raw.get()).map_err(|error| BadRecord {
            what: serde_json::from_str(raw.get()).ok().map(|Id { id }| whose(id.to_ascii_lowercase())),
            place: format!("{what}, record {} of the page", number + 1),
            why: format!("Graph gave a record that can't be read: {error}"),
        })
    };
    Ok(page.value.into_iter().enumerate().map(read).collect())
}

/// Users of a page.
pub fn people(body: &str) -> Result<Vec<Record<Person>>, Fault> {
    let mut people: Vec<Record<Person>> = records(body, "users", ObjectRef::User)?;
    for (person, number) in people.iter_mut().zip(1..) {
        if person.as_ref().is_ok_and(|person| person.id.as_ref().is_none_or(String::is_empty)) {
            *person = Err(BadRecord {
                what: None,
                place: format!("users, record {number} of the page"),
                why: "Graph gave a record without an id".to_owned(),
            });
        }
    }
    Ok(people)
}

/// Groups of a page.
pub fn teams(body: &str) -> Result<Vec<Record<Team>>, Fault> {
    records(body, "groups", ObjectRef::Group)
}

/// Members of a page, and whether there are more.
pub fn members(body: &str) -> Result<(Vec<Member>, bool), Fault> {
    #[derive(Deserialize)]
    struct Members {
        value: Vec<Named>,
        #[serde(rename = "@odata.nextLink")]
        next: Option<String>,
    }
    let page: Members = serde_json::from_str(body).map_err(|error| not_a_list("members", &error))?;
    Ok((page.value.iter().filter_map(member).collect(), page.next.is_some()))
}

/// A single object.
pub fn object<'a, T: Deserialize<'a>>(body: &'a str, what: &str) -> Result<T, Fault> {
    serde_json::from_str(body)
        .map_err(|error| Fault::Source(format!("Graph answered with something that is no {what}: {error}")))
}
