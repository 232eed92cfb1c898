//! F34: every way in which a page can fail, at every page.

use crate::directory::{Directory, Source, member, person};
use usher_sync::Class;
use usher_test_scripted::{Change, Fault, Group, Problem, Read, Script};

const PAGES: u32 = 4;

/// What the source has: before, and after `old` left and `new` came.
fn people(last: &str) -> Vec<Change> {
    let mut changes = vec![Group::new("g").named("G").into()];
    for id in ["ann", "bob", last] {
        changes.extend([person(id).into(), member("g", id)]);
    }
    changes
}

fn full() -> Read {
    Read::of(people("new")).paged(2)
}

fn incremental() -> Read {
    let [new, membership] = [person("new").into(), member("g", "new")];
    let title = person("ann").with("title", "Lead").into();
    let tombstone = Change::UserGone("old".into());
    Read::of([title, tombstone, new, membership]).paged(1).cursor("2")
}

async fn begun<'a>(directory: &'a Directory, name: &str) -> Source<'a> {
    let mut script = Script::full(people("old"));
    script.fresh.cursor = Some("1".into());
    let source = directory.scripted(name, &script).await;
    source.sync().await;
    source
}

async fn converged(source: &Source<'_>) {
    assert_eq!(source.people().await, ["ann", "bob", "new"]);
    assert_eq!(source.members("G").await, ["ann", "bob", "new"]);
}

/// The fault at each page of a full and of an incremental read, one after the other in one connection: marks of a read that
/// failed are gone on with by the next, which fails later.
async fn at_every_page(fault: Fault, class: Class, says: &str) {
    let directory = Directory::new().await;
    let source = begun(&directory, "full").await;
    for page in 1..=PAGES {
        // No `since`: the cursor is expired.
        let said = source
            .refuses(&Script { fresh: full().fault(page, fault.clone()), ..Script::default() }, class)
            .await;
        assert!(said.contains(says), "{said}");
    }
    source.takes(&Script { fresh: full(), ..Script::default() }).await;
    converged(&source).await;
    let source = begun(&directory, "incremental").await;
    for page in 1..=PAGES {
        let script = Script::full(people("new")).since("1", incremental().fault(page, fault.clone()));
        let said = source.refuses(&script, class).await;
        assert!(said.contains(says), "{said}");
    }
    source.takes(&Script::full(people("new")).since("1", incremental())).await;
    converged(&source).await;
    assert_eq!(source.attribute("ann", "title").await, r#""Lead""#);
}

#[tokio::test]
async fn f34_network() {
    at_every_page(Fault::Network("graph.example: no route".into()), Class::Network, "no route").await;
}

#[tokio::test]
async fn f34_auth() {
    at_every_page(Fault::Auth("the secret expired".into()), Class::Auth, "the secret expired").await;
}

#[tokio::test]
async fn f34_permission() {
    at_every_page(Fault::Permission("Group.Read.All is missing".into()), Class::Permission, "Group.Read.All")
        .await;
}

#[tokio::test]
async fn f34_throttled() {
    at_every_page(Fault::Throttled(None), Class::Throttled, "asks to wait").await;
    at_every_page(Fault::Throttled(Some(600)), Class::Throttled, "asks to wait for 600 seconds").await;
}

#[tokio::test]
async fn f34_throttled_again_and_again() {
    // Short waits are waited for; a source that never ends asking for them is left for later.
    at_every_page(Fault::Throttled(Some(0)), Class::Throttled, "asks to wait").await;
}

#[tokio::test]
async fn f34_settings() {
    let problem = Problem { place: "tenant_id".into(), why: "no such tenant".into() };
    at_every_page(Fault::Settings(problem), Class::Settings, "tenant_id: no such tenant").await;
}

#[tokio::test]
async fn f34_source() {
    at_every_page(Fault::Source("the answer is HTML".into()), Class::Source, "the answer is HTML").await;
}

#[tokio::test]
async fn f34_plugin() {
    at_every_page(
        Fault::Bug("index out of range".into()),
        Class::Plugin,
        "plugin scripted: index out of range",
    )
    .await;
}

#[tokio::test]
async fn f34_a_read_that_always_loses_its_place() {
    at_every_page(Fault::ResumeLost, Class::Plugin, "lost its place in the source again and again").await;
}
