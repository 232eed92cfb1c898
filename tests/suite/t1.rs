//! The fixture tenant T1 of the feature list as three CSV files, and what tests often do with an installation.

use crate::harness::{Installation, Ran};
use serde_json::Value;

/// The people.
pub const USERS: &str = "id,userName,displayName,mail,active,manager
1,ann@acme.example,Ann,ann@acme.example,true,2
2,bob@acme.example,Bob,bob@acme.example,true,
3,cat@alt.example,Cat,cat@acme.example,true,
4,dan@acme.example,Dan,dan@acme.example,true,
5,eve@acme.example,Eve,eve@acme.example,true,
6,shared@acme.example,Shared,shared@acme.example,true,
7,fay@acme.example,Fay,fay@acme.example,false,
";

/// The groups. Ids differ from names, so that a test can rename one.
pub const GROUPS: &str = "id,displayName,type
g-root,G-root,security
g-eng,G-eng,security
g-eng-be,G-eng-be,security
g-sales,G-sales,security
m-all,M-all,distribution
u-proj,U-proj,microsoft 365
us-sec,US-sec,microsoft 365
";

/// Who and what is in them.
pub const MEMBERSHIPS: &str = "group,member,kind
g-root,g-eng,group
g-root,g-sales,group
g-eng,g-eng-be,group
g-eng-be,1,user
g-eng,2,user
g-sales,3,user
u-proj,5,user
g-sales,6,user
g-sales,7,user
";

/// Everybody in it, by userName.
pub const EVERYBODY: [&str; 7] = [
    "ann@acme.example",
    "bob@acme.example",
    "cat@alt.example",
    "dan@acme.example",
    "eve@acme.example",
    "fay@acme.example",
    "shared@acme.example",
];

/// An installation with T1 connected by these settings besides its files.
pub async fn connected(settings: &[&str]) -> Installation {
    let inst = Installation::new();
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    connect(&inst, settings).await;
    inst
}

/// An installation into which T1 was synchronised.
pub async fn synced(settings: &[&str]) -> Installation {
    let inst = connected(settings).await;
    inst.usher(&["sync", "--yes"]).await.ended(0);
    inst
}

/// Writes the three files.
pub fn write(inst: &Installation, users: &str, groups: &str, memberships: &str) {
    inst.file("users.csv", users);
    inst.file("groups.csv", groups);
    inst.file("memberships.csv", memberships);
}

/// Connects the three files, or changes settings of the connection.
pub async fn connect(inst: &Installation, settings: &[&str]) {
    let files: Vec<String> = ["users", "groups", "memberships"]
        .into_iter()
        .map(|file| format!("{file}={}", inst.path().join(format!("{file}.csv")).display()))
        .collect();
    let all: Vec<&str> = files.iter().map(String::as_str).chain(settings.iter().copied()).collect();
    inst.connect_csv(&all).await;
}

/// An installation with one users file connected by these settings.
pub async fn people(users: &str, settings: &[&str]) -> Installation {
    let inst = Installation::new();
    let file = format!("users={}", inst.file("users.csv", users));
    let all: Vec<&str> = std::iter::once(file.as_str()).chain(settings.iter().copied()).collect();
    inst.connect_csv(&all).await;
    inst
}

/// A users file of so many people, from a number on; `in_group` says who is in which groups.
pub fn many(from: usize, to: usize, in_group: impl Fn(usize) -> &'static str) -> String {
    let rows: String = (from..to).map(|n| format!("{n},user{n:03}@acme.example,{}\n", in_group(n))).collect();
    format!("id,userName,groups\n{rows}")
}

/// A sync that nobody confirms further, as JSON.
pub async fn sync(inst: &Installation, status: u8) -> Value {
    inst.json(status, &["sync", "--yes"]).await
}

/// The userNames of all users, in order.
pub async fn names(inst: &Installation) -> Vec<String> {
    inst.users().await.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
}

/// The names of the directory's groups, in order.
pub async fn groups(inst: &Installation) -> Vec<String> {
    let groups = inst.json(0, &["groups", "list"]).await;
    groups.as_array().unwrap().iter().map(|group| group["displayName"].as_str().unwrap().to_owned()).collect()
}

/// The reason that a report gives for passing over a record, by its name.
#[track_caller]
pub fn reason(report: &Value, standing: &str, name: &str) -> String {
    let list = report[standing].as_array().unwrap();
    let found = list.iter().find(|finding| finding["name"] == name || finding["id"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} is not among the {standing}: {list:#?}"));
    found["reason"].as_str().unwrap().to_owned()
}

/// All notes of a report in one text.
pub fn notes(report: &Value) -> String {
    let notes = report["notes"].as_array().unwrap();
    notes.iter().map(|note| note.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Why a report is held, in one text.
pub fn holds(report: &Value) -> String {
    let holds = report["holds"].as_array().unwrap();
    holds.iter().map(|hold| hold.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Accepts the plan of a report.
pub async fn accept(inst: &Installation, report: &Value) -> Ran {
    inst.usher(&["--json", "sync", "--accept", report["plan"].as_str().unwrap()]).await
}

/// The path of a user; empty where he has none.
pub async fn path(inst: &Installation, user_name: &str) -> String {
    inst.user(user_name).await["path"].as_str().unwrap().to_owned()
}
