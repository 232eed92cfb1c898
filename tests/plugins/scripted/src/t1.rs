//! The fixture tenant T1 of the feature list, as a script.
//!
//! Ids are the short names: `ann`, `G-eng`. Licences have no attribute of their own in the contract and are left to the method that knows
//! them; everybody but `shared` carries `licensed`.

use crate::{Change, Check, Finding, Group, GroupKind, Membership, Script, Standing, User};

/// Mail domains that T1 has verified.
pub const VERIFIED_DOMAINS: [&str; 3] = ["acme.example", "beta.example", "alt.example"];

/// The groups, users and memberships.
pub fn changes() -> Vec<Change> {
    let groups = [
        ("G-root", GroupKind::Security),
        ("G-eng", GroupKind::Security),
        ("G-eng-be", GroupKind::Security),
        ("G-sales", GroupKind::Security),
        ("M-all", GroupKind::Distribution),
        ("U-proj", GroupKind::Microsoft365),
        ("US-sec", GroupKind::Microsoft365),
    ];
    let users = [
        user("ann", "ann@acme.example").with("manager", "bob"),
        user("bob", "bob@acme.example"),
        user("cat", "cat@alt.example").with("emails", ["cat@acme.example"]),
        user("dan", "dan@acme.example"),
        user("eve", "eve@acme.example"),
        user("shared", "shared@acme.example").with("licensed", false),
        user("fay", "fay@acme.example").active(false),
    ];
    let nested = [("G-root", "G-eng"), ("G-eng", "G-eng-be"), ("G-root", "G-sales")];
    let members = [
        ("G-eng-be", "ann"),
        ("G-eng", "bob"),
        ("G-sales", "cat"),
        ("U-proj", "eve"),
        ("G-sales", "shared"),
        ("G-sales", "fay"),
    ];
    let groups = groups.into_iter().map(|(id, kind)| match id {
        "US-sec" => Group::new(id).named(id).kind(kind).with("securityEnabled", true),
        _ => Group::new(id).named(id).kind(kind),
    });
    let mut changes: Vec<Change> = groups.map(Change::from).collect();
    changes.extend(nested.map(|(group, member)| Membership::group(group, member).into()));
    changes.extend(users.map(Change::from));
    changes.extend(members.map(|(group, member)| Membership::user(group, member).into()));
    changes
}

fn user(id: &str, user_name: &str) -> User {
    let mut display_name = id.to_owned();
    if let Some(initial) = display_name.get_mut(..1) {
        initial.make_ascii_uppercase();
    }
    let user = User::new(id).named(user_name).active(true).with("displayName", display_name);
    user.with("emails", [user_name]).with("licensed", true)
}

/// T1 as a source.
pub fn script() -> Script {
    Script::full(changes()).checked(Check {
        findings: vec![Finding {
            standing: Standing::Good,
            what: "signed in to T1".to_owned(),
            advice: None,
        }],
        counts: Some(crate::Counts::default()),
        verified_domains: VERIFIED_DOMAINS.map(str::to_owned).to_vec(),
    })
}
