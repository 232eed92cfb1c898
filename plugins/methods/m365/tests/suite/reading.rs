//! Reads: what is handed over, counted and sealed, whatever Graph repeats and whichever instance goes on.

use crate::graph::{Graph, chosen, full, group, member, read, user};
use serde_json::json;
use usher_plugin::{Change, Counts, Coverage, Fault, ObjectRef, Position};

fn removed(id: &str) -> serde_json::Value {
    json!({ "id": id, "@removed": { "reason": "changed" } })
}

/// A first round with everything that Graph may do: the same again, out of order, removed, slices that interleave, an empty page.
fn unruly() -> Graph {
    let cat_left =
        json!({ "@odata.type": "#microsoft.graph.user", "id": "cat", "@removed": { "reason": "deleted" } });
    Graph::default()
        .page("/users/delta", json!([user("ANN"), user("bob"), removed("old")]), "users2")
        .page("users2", json!([]), "users3")
        .page("users3", json!([user("ann"), removed("bob"), user("cat"), user("cat"), user("dan")]), "users4")
        .page("users4", json!([user("bob"), removed("dan")]), "users?deltatoken=1")
        .page("/groups/delta", json!([group("g", ["ann", "bob"]), group("h", [])]), "groups2")
        .page("groups2", json!([group("G", ["CAT", "ann"]), group("i", ["dan"])]), "groups3")
        .page(
            "groups3",
            json!([{ "id": "g", "members@delta": [cat_left] }, removed("i"), removed("never")]),
            "groups?deltatoken=1",
        )
}

#[test]
fn f12_a_first_round_is_counted_once_whatever_comes_again() {
    for fresh_every in [1, 2, 3, 100] {
        let graph = unruly().shared();
        let whole = read(&graph, &full(), Position::Fresh, fresh_every).unwrap();
        let staged = graph.0.borrow().staged.clone();
        assert_eq!(staged.users.iter().collect::<Vec<_>>(), ["ann", "bob", "cat"], "{fresh_every}");
        assert_eq!(staged.groups.iter().collect::<Vec<_>>(), ["g", "h"]);
        // The list of a group that is gone stays handed over: its memberships go with it.
        assert_eq!(staged.members.len(), 3, "{staged:?}");
        assert_eq!(staged.whole, staged.groups);
        let counts = Counts { users: 3, groups: 2, memberships: 3 };
        assert_eq!(whole.covers, Coverage::Everything(counts), "a new instance every {fresh_every} pages");
        assert!(whole.cursor.unwrap().contains("users?deltatoken=1"));
    }
}

#[test]
fn a_large_page_of_graph_is_several_of_ours() {
    let ids: Vec<_> = (0..12_345).map(|number| format!("u{number}")).collect();
    let members: Vec<_> = ids.iter().map(|id| member(id, "user")).collect();
    let mut large = group("g", []);
    large["members@delta"] = members.into();
    let users: Vec<_> = ids.iter().map(|id| user(id)).collect();
    let graph = Graph::default()
        .page("/groups/delta", json!([large, group("h", ["u1"])]), "groups?deltatoken=1")
        .page("/users/delta", users.into(), "users?deltatoken=1");
    // One that goes on with a part of a page of Graph begins that page again, so it must last for a whole one.
    for fresh_every in [16, 1_000] {
        let graph = graph.clone().shared();
        let whole = read(&graph, &full(), Position::Fresh, fresh_every).unwrap();
        let counts = Counts { users: 12_345, groups: 2, memberships: 12_346 };
        assert_eq!(whole.covers, Coverage::Everything(counts), "{fresh_every}");
        assert!(whole.pages > 10);
    }
}

#[test]
fn f34_of_a_record_that_cant_be_read_the_group_is_listed_anew() {
    let broken = || {
        Graph::default()
            .page("/users/delta", json!([user("ann")]), "users?deltatoken=1")
            .page("/groups/delta", json!([group("g", ["ann"]), group("h", [])]), "groups2")
            .page("groups2", json!([{ "id": "G", "displayName": 5 }]), "groups?deltatoken=1")
    };
    // What it said of its members is read by itself; where that can't be, nobody is missing for being passed over.
    let graph = broken()
        .object("/groups/g", group("g", []))
        .page("/groups/g/members", json!([member("ann", "user"), member("bob", "user")]), "")
        .shared();
    read(&graph, &full(), Position::Fresh, 100).unwrap();
    assert_eq!(graph.0.borrow().staged.whole.iter().collect::<Vec<_>>(), ["g", "h"]);
    assert_eq!(graph.0.borrow().staged.members.len(), 2);
    for graph in [broken(), broken().object("/groups/g", json!({ "id": "g", "displayName": 5 }))] {
        let graph = graph.page("/groups/g/members", json!([]), "").shared();
        read(&graph, &full(), Position::Fresh, 100).unwrap();
        assert_eq!(graph.0.borrow().staged.whole.iter().collect::<Vec<_>>(), ["h"]);
    }
}

#[test]
fn an_expired_token_means_to_begin_again() {
    for (status, code) in [
        (400, "syncStateNotFound"),
        (410, "SyncStateNotFound"),
        (400, "resyncRequired"),
        (410, ""),
        (400, "Directory_ExpiredPageToken"),
        (400, "SYNCSTATENOTFOUND"),
    ] {
        let graph = Graph::default().refuses("u", status, code).refuses("/users/delta", status, code);
        let graph = graph.page("/groups/delta", json!([]), "groups?deltatoken=1");
        let cursor = r#"{"users":"u","groups":null}"#.to_owned();
        let since = read(&graph.clone().shared(), &full(), Position::Since(cursor), 100);
        assert!(matches!(since, Err(Fault::CursorExpired)), "{status} {code}");
        let fresh = read(&graph.shared(), &full(), Position::Fresh, 100);
        assert!(matches!(fresh, Err(Fault::ResumeLost)), "{status} {code}");
    }
    let graph = Graph::default().refuses("/users/delta", 400, "Request_BadRequest");
    let graph = graph.page("/groups/delta", json!([]), "groups?deltatoken=1").shared();
    assert!(matches!(read(&graph, &full(), Position::Fresh, 100), Err(Fault::Source(_))));
    assert!(matches!(
        read(&graph, &full(), Position::Since("not ours".into()), 1),
        Err(Fault::CursorExpired)
    ));
    assert!(matches!(read(&graph, &full(), Position::Resume("{}".into()), 1), Err(Fault::ResumeLost)));
}

#[test]
fn a_round_without_an_end_proves_nothing() {
    let graph = Graph::default()
        .page("/users/delta", json!([user("ann")]), "")
        .page("/groups/delta", json!([]), "groups?deltatoken=1")
        .shared();
    assert!(matches!(read(&graph, &full(), Position::Fresh, 100), Err(Fault::Source(_))));
}

#[test]
fn f17_chosen_groups_are_walked_with_what_is_nested_in_them_once_and_cycles_end() {
    let plain = |id: &str| {
        let mut plain = group(id, []);
        plain.as_object_mut().unwrap().remove("members@delta");
        plain
    };
    let mut unified = plain("uni");
    unified["groupTypes"] = json!(["Unified"]);
    let many: Vec<_> = (0..30).map(|number| member(&format!("u{number}"), "user")).collect();
    let graph = Graph::default()
        .page("/users/delta", json!([]), "users?deltatoken=1")
        .page("/groups/delta", json!([]), "groups?deltatoken=1")
        .object("/groups/root", plain("ROOT"))
        .object("/groups/eng", plain("eng"))
        .object("/groups/big", plain("big"))
        .object("/groups/uni", unified)
        .page(
            "/groups/root/members",
            json!([member("ENG", "group"), member("uni", "group"), member("ann", "user")]),
            "",
        )
        .page(
            "/groups/eng/members",
            json!([member("root", "group"), member("big", "group"), member("ann", "user")]),
            "",
        )
        .page("/groups/big/members", many.clone().into(), "big2")
        .page("big2", json!([member("late", "group"), member("u5", "user")]), "")
        .page("/groups/uni/members", json!([member("hidden", "user")]), "");
    let mut scope = chosen(&["Root", "gone"]);
    scope.group_types = vec!["security".into()];
    for fresh_every in [1, 2, 100] {
        let graph = graph.clone().shared();
        let whole = read(&graph, &scope, Position::Fresh, fresh_every).unwrap();
        let staged = graph.0.borrow().staged.clone();
        assert_eq!(staged.groups.iter().collect::<Vec<_>>(), ["big", "eng", "root", "uni"]);
        assert_eq!(staged.whole.iter().collect::<Vec<_>>(), ["big", "eng", "root"]);
        assert_eq!(staged.members.len(), 3 + 3 + 31, "{fresh_every}");
        assert!(staged.users.is_empty(), "members are asked for by lookup");
        let counts = Counts { users: 0, groups: 4, memberships: 37 };
        assert_eq!(whole.covers, Coverage::Everything(counts));
        assert!(graph.0.borrow().asked[0].contains("deltatoken=latest"));
    }
}

#[test]
fn what_is_said_to_be_removed_is_looked_at_once_more() {
    let graph = Graph::default()
        .page(
            "u",
            json!([removed("ann"), removed("bob"), { "id": "cat", "jobTitle": null }]),
            "users?deltatoken=2",
        )
        .page(
            "g",
            json!([removed("x"), { "id": "y", "members@delta": [member("cat", "user")] }]),
            "groups?deltatoken=2",
        )
        .object("/users/bob", user("bob"))
        .refuses("/groups/x", 500, "odd")
        .shared();
    let cursor = r#"{"users":"u","groups":"g"}"#.to_owned();
    let whole = read(&graph, &full(), Position::Since(cursor), 100).unwrap();
    assert_eq!(whole.covers, Coverage::Changes);
    let told: Vec<_> = whole
        .changes
        .iter()
        .map(|change| match change {
            Change::UserGone(id) => format!("gone {id}"),
            Change::User(user) => format!("whole {}", user.id),
            Change::UserPatch(user) => format!("patch {}", user.id),
            Change::GroupPatch(group) => format!("patch {}", group.id),
            Change::Member(member) => format!("{} in {}", member.member, member.group),
            Change::Unreadable(bad) => format!("unsure {:?}", bad.what),
            other => format!("{other:?}"),
        })
        .collect();
    let unsure = format!("unsure {:?}", Some(ObjectRef::Group("x".into())));
    assert_eq!(
        told,
        ["patch y", "cat in y", unsure.as_str(), "patch cat", "gone ann", "whole bob"],
        "{:?}",
        whole.changes
    );
}

#[test]
fn f15_chosen_groups_by_delta_take_what_the_host_has_and_walk_what_is_nested_anew() {
    let renamed = json!({ "id": "far", "displayName": "far away" });
    let grown = json!({ "id": "root", "members@delta": [member("new", "group"), member("ann", "user"), member("eng", "group")] });
    let mut graph = Graph::default()
        .page("u", json!([user("ann"), user("stranger")]), "users?deltatoken=2")
        .page("g", json!([renamed, grown]), "groups?deltatoken=2")
        .object("/groups/new", group("new", []))
        .page("/groups/new/members", json!([member("zoe", "user")]), "");
    for known in ["root", "eng"] {
        graph.mirrored.insert((false, known.into()));
    }
    graph.mirrored.insert((true, "ann".into()));
    for fresh_every in [1, 100] {
        let graph = graph.clone().shared();
        let cursor = r#"{"users":"u","groups":"g"}"#.to_owned();
        read(&graph, &chosen(&["root"]), Position::Since(cursor), fresh_every).unwrap();
        let graph = graph.0.borrow();
        assert_eq!(graph.staged.groups.iter().collect::<Vec<_>>(), ["new", "root"]);
        assert_eq!(graph.staged.users.iter().collect::<Vec<_>>(), ["ann"]);
        assert_eq!(graph.staged.whole.iter().collect::<Vec<_>>(), ["new"]);
        assert!(!graph.asked.iter().any(|path| path.starts_with("/groups/eng")), "{:?}", graph.asked);
    }
}

#[test]
fn f15_a_chosen_group_that_is_there_again_is_walked() {
    let graph = Graph::default()
        .page("u", json!([]), "users?deltatoken=2")
        .page("g", json!([{ "id": "ROOT", "displayName": "root" }, { "id": "far" }]), "groups?deltatoken=2")
        .object("/groups/root", group("root", []))
        .page("/groups/root/members", json!([member("zoe", "user")]), "")
        .shared();
    let cursor = r#"{"users":"u","groups":"g"}"#.to_owned();
    read(&graph, &chosen(&["root"]), Position::Since(cursor), 100).unwrap();
    let graph = graph.0.borrow();
    assert_eq!(graph.staged.groups.iter().collect::<Vec<_>>(), ["root"]);
    assert_eq!(graph.staged.members.len(), 1);
}

#[test]
fn a_large_group_that_goes_while_it_is_listed_begins_the_walk_again() {
    let mut many = Graph::default()
        .page("/users/delta", json!([]), "users?deltatoken=1")
        .page("/groups/delta", json!([]), "groups?deltatoken=1")
        .object("/groups/big", group("big", []))
        .page("/groups/big/members", json!([member("a", "user")]), "big2");
    many.refusals.insert("big2".into(), (404, "Request_ResourceNotFound"));
    let lost = read(&many.shared(), &chosen(&["big"]), Position::Fresh, 100);
    assert!(matches!(lost, Err(Fault::ResumeLost)));
}
