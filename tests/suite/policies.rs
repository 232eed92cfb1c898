//! Policies in the run: the deny list, addresses of bare ids, and the tenant's chain.

use crate::t1::{GROUPS, MEMBERSHIPS, USERS, connected, names, people, reason, sync, synced, write};

#[tokio::test]
async fn f23_the_denied_do_not_come_in_whichever_address_matches() {
    for entry in [
        "cat@alt.example",
        " CAT@ALT.EXAMPLE ",
        "cat@acme.example",
        "@alt.example",
        "c*@a*.example",
        "*@alt.*",
    ] {
        let inst = connected(&[]).await;
        inst.usher(&["policy", "add", "deny-list", "--set", &format!("entries={entry}")]).await.ended(0);
        let plan = inst.json(0, &["plan"]).await;
        assert!(reason(&plan, "skipped", "cat@alt.example").starts_with("deny-list: "), "{entry}: {plan:#}");
        let report = sync(&inst, 0).await;
        assert_eq!(
            (&report["users"]["created"], &report["users"]["skipped"]),
            (&6.into(), &1.into()),
            "{entry}"
        );
        assert!(!names(&inst).await.contains(&"cat@alt.example".to_owned()), "{entry}");
        // It is told in every run.
        reason(&sync(&inst, 0).await, "skipped", "cat@alt.example");
    }
}

#[tokio::test]
async fn f23_who_is_in_and_then_denied_leaves_with_a_grace_and_may_return() {
    let inst = synced(&[]).await;
    let before = inst.user("cat@alt.example").await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@alt.example"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["deactivated"], &report["memberships"]["removed"]), (&1.into(), &1.into()));
    assert_eq!(inst.user("cat@alt.example").await["active"], false);
    inst.usher(&["policy", "remove", "deny-list"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["reactivated"], 1);
    assert_eq!(inst.user("cat@alt.example").await, before);
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@alt.example"]).await.ended(0);
    sync(&inst, 0).await;
    inst.pass_days(30);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f23_a_change_of_the_list_that_takes_many_is_held_by_the_guard() {
    let inst = synced(&[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@acme.example"]).await.ended(0);
    assert_eq!(sync(&inst, 3).await["users"]["deactivated"], 7);
    assert_eq!(inst.active().await.len(), 6);
}

#[tokio::test]
async fn f24_a_list_from_csv_tells_its_bad_and_repeated_lines() {
    let inst = connected(&[]).await;
    let list = inst.file("deny.csv", "email\ncat@alt.example\nnot an address\nCat@Alt.example\n");
    let ran = inst.usher(&["policy", "add", "deny-list", "--csv", &list]).await.ended(0);
    assert!(ran.out.contains("deny.csv line 3: not an address: "), "{}", ran.out);
    assert!(ran.out.contains("deny.csv line 4: cat@alt.example stands on line 2 already"), "{}", ran.out);
    assert!(ran.out.contains("1 entries taken") || ran.out.contains("1 entry taken"), "{}", ran.out);
    let chain = inst.json(0, &["policy", "list"]).await;
    assert_eq!(chain[0]["settings"]["entries"], serde_json::json!(["cat@alt.example"]));
    assert_eq!(sync(&inst, 0).await["users"]["skipped"], 1);
}

#[tokio::test]
async fn f24_a_list_is_appended_or_replaced() {
    let inst = connected(&[]).await;
    let entries = async || {
        let chain = inst.json(0, &["policy", "list"]).await;
        chain[0]["settings"]["entries"].clone()
    };
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@alt.example"]).await.ended(0);
    let more = inst.file("more.csv", "dan@acme.example\ncat@alt.example\n@beta.example\n");
    inst.usher(&["policy", "set", "deny-list", "--csv", &more, "--append"]).await.ended(0);
    assert_eq!(entries().await, serde_json::json!(["cat@alt.example", "dan@acme.example", "@beta.example"]));
    let other = inst.file("other.csv", "eve@acme.example\n");
    inst.usher(&["policy", "set", "deny-list", "--csv", &other]).await.ended(0);
    assert_eq!(entries().await, serde_json::json!(["eve@acme.example"]));
    let junk = inst.file("junk.csv", "nonsense here\n");
    let ran = inst.usher(&["policy", "set", "deny-list", "--csv", &junk]).await.ended(2);
    assert!(ran.text().contains("line 1"), "{}", ran.text());
    assert_eq!(entries().await, serde_json::json!(["eve@acme.example"]));
}

#[tokio::test]
async fn f79_a_bare_id_becomes_an_address_and_an_address_stays() {
    let inst = people(
        "id,userName,mail\n1,gd.hong,\n2,ann@acme.example,ann@acme.example\n3,kim,k@other.example\n",
        &[],
    )
    .await;
    inst.usher(&["policy", "add", "domain", "--set", "domain=domain.com"]).await.ended(0);
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await, ["ann@acme.example", "gd.hong@domain.com", "kim@domain.com"]);
    let mail = async |who: &str| inst.user(who).await["emails"][0]["value"].clone();
    assert_eq!(mail("gd.hong@domain.com").await, "gd.hong@domain.com");
    assert_eq!(mail("kim@domain.com").await, "k@other.example");
    let id = inst.user("gd.hong@domain.com").await["id"].clone();
    // Another domain renames the same people.
    inst.usher(&["policy", "set", "domain", "--set", "domain=new.example"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["updated"], 2);
    assert_eq!(inst.user("gd.hong@new.example").await["id"], id);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f79_what_cannot_become_an_address_is_held_as_it_is() {
    let inst = people("id,userName\n1,gd.hong\n2,two words\n", &[]).await;
    inst.usher(&["policy", "add", "domain", "--set", "domain=domain.com"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["created"], &report["users"]["held"]), (&1.into(), &1.into()));
    assert!(reason(&report, "held", "two words").starts_with("domain: userName"), "{report:#}");
}

#[tokio::test]
async fn the_chain_goes_in_its_order() {
    let inst = people("id,userName\n1,cat\n2,dan\n", &[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@acme.example"]).await.ended(0);
    inst.usher(&["policy", "add", "domain", "--set", "domain=acme.example"]).await.ended(0);
    // The list looks before there is an address.
    assert_eq!(inst.json(0, &["plan"]).await["users"]["created"], 2);
    inst.usher(&["policy", "move", "domain", "1"]).await.ended(0);
    let chain = inst.json(0, &["policy", "list"]).await;
    assert_eq!((&chain[0]["name"], &chain[1]["name"]), (&"domain".into(), &"deny-list".into()));
    assert_eq!(inst.json(0, &["plan"]).await["users"]["created"], 1);
    let text = inst.usher(&["policy", "list"]).await.ended(0).out;
    assert!(text.contains("1\tdomain\tdomain\t"), "{text}");
    inst.usher(&["policy", "remove", "deny-list"]).await.ended(0);
    assert_eq!(inst.json(0, &["plan"]).await["users"]["created"], 2);
}

#[tokio::test]
async fn one_plugin_may_stand_in_the_chain_twice() {
    let inst = connected(&[]).await;
    for (name, entry) in [("leavers", "cat@alt.example"), ("robots", "shared@acme.example")] {
        inst.usher(&["policy", "add", "deny-list", "--name", name, "--set", &format!("entries={entry}")])
            .await
            .ended(0);
    }
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "skipped", "cat@alt.example").starts_with("leavers: "), "{report:#}");
    assert!(reason(&report, "skipped", "shared@acme.example").starts_with("robots: "), "{report:#}");
}

#[tokio::test]
async fn what_is_wrong_with_a_policy_is_told_when_it_is_saved() {
    let inst = connected(&[]).await;
    for (words, told) in [
        (vec!["policy", "add", "nothing"], "there is no plugin nothing"),
        (vec!["policy", "add", "csv"], "csv is a method, not a policy"),
        (vec!["policy", "add", "domain"], "domain"),
        (vec!["policy", "add", "domain", "--set", "domain=a b"], "domain: "),
        (vec!["policy", "add", "deny-list", "--set", "entries=@@"], "entries[0]"),
        (vec!["policy", "add", "deny-list", "--set", "colour=red"], "colour"),
        (vec!["policy", "add", "domain", "--csv", "x.csv"], "--csv is for deny-list, not for domain"),
        (vec!["policy", "move", "nobody", "1"], "the chain has no policy nobody"),
        (vec!["policy", "remove", "nobody"], "the chain has no policy nobody"),
        (vec!["policy", "set", "nobody", "--set", "a=b"], "the chain has no policy nobody"),
    ] {
        let ran = inst.usher(&words).await.ended(2);
        assert!(ran.err.contains(told), "{words:?}: {}", ran.err);
        assert!(ran.err.contains("what to do") || words.len() == 3, "{words:?}: {}", ran.err);
    }
    assert_eq!(inst.json(0, &["policy", "list"]).await, serde_json::json!([]));
    inst.usher(&["policy", "add", "deny-list"]).await.ended(0);
    inst.usher(&["policy", "add", "deny-list"]).await.ended(2);
    inst.usher(&["policy", "move", "deny-list", "2"]).await.ended(2);
    let text = inst.usher(&["policy", "list"]).await.ended(0).out;
    assert!(text.contains("deny-list"), "{text}");
}

#[tokio::test]
async fn verdicts_follow_the_record() {
    let inst = connected(&[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=old@acme.example"]).await.ended(0);
    sync(&inst, 0).await;
    write(&inst, &USERS.replace("4,dan@acme.example", "4,old@acme.example"), GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 1);
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["reactivated"], 1);
}
