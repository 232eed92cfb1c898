//! The next page is on its way before it is asked for.

use super::*;

/// A server of endless chains, which tells when a request is there and answers when it is let.
async fn gated() -> (Server, mpsc::UnboundedReceiver<String>, mpsc::UnboundedSender<()>) {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let (let_go, gate) = mpsc::unbounded_channel();
    let gate = Arc::new(tokio::sync::Mutex::new(gate));
    let server = Server::answering(move |number, seen: Seen| {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        async move {
            arrived.send(seen.target.clone()).unwrap();
            gate.lock().await.recv().await;
            let path = seen.target.split('?').next().unwrap();
            let next = format!("http://{}{path}?p={}", seen.header("host"), number + 1);
            Reply::ok(json!({ "number": number, "@odata.nextLink": next }).to_string())
        }
    })
    .await;
    (server, arrivals, let_go)
}

fn next(page: &Page) -> Place {
    let Link::Next(link) = &page.link else { panic!("{page:?}") };
    Place::At(link.clone())
}

#[tokio::test]
async fn the_next_page_is_under_way_before_it_is_asked_for() {
    let (server, mut arrivals, let_go) = gated().await;
    let set = set(server).await;
    let_go.send(()).unwrap();
    let page = set.graph.page(first("/users")).await.unwrap();
    assert_eq!(arrivals.recv().await.unwrap(), "/v1.0/users");
    assert_eq!(arrivals.recv().await.unwrap(), "/v1.0/users?p=1");
    let_go.send(()).unwrap();
    let page = set.graph.page(next(&page)).await.unwrap();
    assert!(page.body.contains("\"number\":1"));
    // One ahead, not more; and what was asked for came from there, not from another request.
    assert_eq!(arrivals.recv().await.unwrap(), "/v1.0/users?p=2");
    assert_eq!(set.server.count(), 3);
}

#[tokio::test]
async fn a_page_that_is_asked_for_twice_is_fetched_twice() {
    let server = Server::answering(|number, seen: Seen| async move {
        let next = format!("http://{}/v1.0/users?p=1", seen.header("host"));
        Reply::ok(if number == 0 { json!({ "@odata.nextLink": next }) } else { json!({}) }.to_string())
    })
    .await;
    let set = set(server).await;
    let at = next(&set.graph.page(first("/users")).await.unwrap());
    set.graph.page(at.clone()).await.unwrap();
    set.graph.page(at).await.unwrap();
    assert_eq!(set.server.count(), 3);
}

#[tokio::test]
async fn trouble_ahead_is_told_when_it_is_asked_for() {
    let (happened, mut happening) = mpsc::unbounded_channel();
    let server = Server::answering(move |number, seen: Seen| {
        let happened = happened.clone();
        async move {
            happened.send(()).unwrap();
            let next = format!("http://{}/v1.0/users?p=1", seen.header("host"));
            match number {
                0 => Reply::ok(json!({ "@odata.nextLink": next }).to_string()),
                _ => Reply::new(400, error("Directory_ExpiredPageToken")),
            }
        }
    })
    .await;
    let set = set(server).await;
    let page = set.graph.page(first("/users")).await.unwrap();
    happening.recv().await;
    happening.recv().await;
    assert!(matches!(
        set.graph.page(next(&page)).await,
        Err(Failure::Refused(Refusal { status: 400, code, .. })) if code == "Directory_ExpiredPageToken"
    ));
    assert_eq!(set.server.count(), 2);
}

#[tokio::test]
async fn the_oldest_of_many_chains_is_given_up() {
    let server = Server::answering(|_, seen: Seen| async move {
        let path = seen.target.split('?').next().unwrap();
        let next = format!("http://{}{path}?p=1", seen.header("host"));
        Reply::ok(json!({ "@odata.nextLink": next }).to_string())
    })
    .await;
    let set = set(server).await;
    let mut places = Vec::new();
    for number in 0..5 {
        places.push(next(&set.graph.page(first(&format!("/chain/{number}"))).await.unwrap()));
    }
    let ahead = |place: &Place| {
        let Place::At(link) = place else { panic!() };
        set.graph.0.ahead.take(link).is_some()
    };
    assert_eq!(places.iter().map(ahead).collect::<Vec<_>>(), [false, true, true, true, true]);
}

#[tokio::test]
async fn a_run_that_ends_gives_up_what_is_under_way() {
    let (server, mut arrivals, let_go) = gated().await;
    let set = set(server).await;
    let_go.send(()).unwrap();
    set.graph.page(first("/users")).await.unwrap();
    arrivals.recv().await;
    arrivals.recv().await;
    let client = Arc::downgrade(&set.graph.0.client.0);
    drop(set.graph);
    // The task's own hold on the client goes with it.
    while client.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_large_page_is_not_kept_ahead() {
    let server = Server::answering(|number, seen: Seen| async move {
        let next = format!("http://{}/v1.0/users?p=1", seen.header("host"));
        match number {
            0 => Reply::ok(json!({ "@odata.nextLink": next }).to_string()),
            _ => Reply::ok(json!({ "value": "x".repeat(9 << 20) }).to_string()),
        }
    })
    .await;
    let set = set(server).await;
    let page = set.graph.page(first("/users")).await.unwrap();
    assert!(set.graph.page(next(&page)).await.unwrap().body.len() > 9 << 20);
    assert_eq!(set.server.count(), 3);
}
