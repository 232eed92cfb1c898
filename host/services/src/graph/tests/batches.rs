//! Many GETs in one request.

use super::*;
use serde_json::Value;

/// Answers each item of a batch as `answer` says, by its path and how often the batch has been asked.
async fn server(
    answer: impl Fn(usize, &str) -> Option<Value> + Send + Sync + 'static,
    order: impl Fn(&mut Vec<Value>) + Send + Sync + 'static,
) -> Server {
    let shared = Arc::new((answer, order));
    Server::answering(move |number, seen: Seen| {
        let shared = shared.clone();
        async move {
            assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1.0/$batch"));
            let asked: Value = serde_json::from_str(&seen.body).unwrap();
            let mut responses = Vec::new();
            for request in asked["requests"].as_array().unwrap() {
                assert_eq!(request["method"], "GET");
                if let Some(mut response) = (shared.0)(number, request["url"].as_str().unwrap()) {
                    response["id"] = request["id"].clone();
                    responses.push(response);
                }
            }
            (shared.1)(&mut responses);
            Reply::ok(json!({ "responses": responses }).to_string())
        }
    })
    .await
}

fn good(path: &str) -> Value {
    json!({ "status": 200, "headers": { "Content-Type": "application/json" }, "body": { "path": path } })
}

fn items(seen: &Seen) -> Vec<String> {
    let asked: Value = serde_json::from_str(&seen.body).unwrap();
    asked["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["url"].as_str().unwrap().to_owned())
        .collect()
}

fn users(count: usize) -> Vec<Request> {
    requests((0..count).map(|number| format!("/users/{number}?$select=id")))
}

fn bodies(outcomes: Vec<Result<String, Failure>>) -> Vec<String> {
    outcomes.into_iter().map(|outcome| outcome.unwrap()).collect()
}

#[tokio::test]
async fn many_requests_go_by_twenty_and_come_in_order() {
    let set = set(server(|_, path| Some(good(path)), |responses| responses.reverse()).await).await;
    let got = bodies(set.graph.batch(users(1_000)).await.unwrap());
    let expected: Vec<String> =
        (0..1_000).map(|number| format!("{{\"path\":\"/users/{number}?$select=id\"}}")).collect();
    assert_eq!(got, expected);
    assert_eq!(set.server.count(), 50);
    assert!(set.server.seen().iter().all(|seen| items(seen).len() == 20));
    assert!(set.graph.batch(Vec::new()).await.unwrap().is_empty());
    let Fault::Bug(why) = set.graph.batch(users(1_001)).await.unwrap_err() else { panic!() };
    assert_eq!(why, "asked for 1001 answers in one batch; 1000 fit");
}

#[tokio::test]
async fn several_batches_go_at_once_within_the_budget() {
    let under_way = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let four = Arc::new(tokio::sync::Barrier::new(4));
    let counted = under_way.clone();
    let server = Server::answering(move |_, seen: Seen| {
        let (under_way, four) = (counted.clone(), four.clone());
        async move {
            let now = under_way.0.fetch_add(1, Ordering::SeqCst) + 1;
            under_way.1.fetch_max(now, Ordering::SeqCst);
            four.wait().await;
            under_way.0.fetch_sub(1, Ordering::SeqCst);
            let asked: Value = serde_json::from_str(&seen.body).unwrap();
            let responses: Vec<Value> = asked["requests"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| json!({ "id": item["id"], "status": 200, "body": {} }))
                .collect();
            Reply::ok(json!({ "responses": responses }).to_string())
        }
    })
    .await;
    let set = set(server).await;
    assert_eq!(set.graph.batch(users(160)).await.unwrap().len(), 160);
    assert_eq!(under_way.1.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn only_what_failed_is_sent_again_after_its_own_pause() {
    let answer = |number: usize, path: &str| {
        Some(match (number, path) {
            (0, "/users/1?$select=id") => {
                json!({ "status": 429, "headers": { "Retry-After": "7" }, "body": { "error": { "code": "TooManyRequests", "message": "" } } })
            }
            (0, "/users/2?$select=id") => json!({ "status": 503, "headers": { "retry-after": 3 } }),
            (1, "/users/2?$select=id") => json!({ "status": 500 }),
            (0, "/users/3?$select=id") => json!({ "status": 200, "body": "bm90IGpzb24=" }),
            _ => good(path),
        })
    };
    let set = set(server(answer, |_| {}).await).await;
    let got = bodies(set.graph.batch(users(5)).await.unwrap());
    assert!(got.iter().enumerate().all(|(at, body)| body.contains(&format!("/users/{at}?"))));
    let seen: Vec<Vec<String>> = set.server.seen().iter().map(items).collect();
    assert_eq!(seen[1], ["/users/1?$select=id", "/users/2?$select=id", "/users/3?$select=id"]);
    assert_eq!(seen[2], ["/users/2?$select=id"]);
    assert_eq!(seconds(&set.pauses), [7, 2]);
}

#[tokio::test]
async fn each_item_has_its_own_end() {
    let answer = |_: usize, path: &str| {
        let error = |code: &str| json!({ "error": { "code": code, "message": "m", "innerError": { "request-id": "r" } } });
        Some(match path {
            "/users/0-0" => {
                json!({ "status": 404, "headers": {}, "body": error("Request_ResourceNotFound") })
            }
            "/users/1-1" => json!({ "status": 403, "body": error("Authorization_RequestDenied") }),
            "/users/2-2" => json!({ "status": 429, "headers": { "Retry-After": "100" } }),
            "/users/3-3" => json!({ "status": 302, "headers": { "Location": "https://evil.example" } }),
            "/users/4-4" => json!({ "status": 404, "body": "Tm90IGZvdW5k" }),
            _ => good(path),
        })
    };
    let set = set(server(answer, |_| {}).await).await;
    let asked = requests((0..6).map(|number| format!("/users/{number}-{number}")));
    let got = set.graph.batch(asked).await.unwrap();
    let refused = Refusal {
        status: 404,
        code: "Request_ResourceNotFound".into(),
        message: "m".into(),
        request_id: Some("r".into()),
    };
    assert_eq!(got[0], Err(Failure::Refused(refused)));
    assert!(
        matches!(&got[1], Err(Failure::Failed(Fault::Permission(why))) if why.ends_with("lacks User.Read.All"))
    );
    assert_eq!(got[2], Err(Failure::Failed(Fault::Throttled(Some(100)))));
    assert!(
        matches!(&got[3], Err(Failure::Failed(Fault::Source(why))) if why.contains("somewhere else (302)"))
    );
    assert!(matches!(&got[4], Err(Failure::Failed(_))), "a 404 that isn't Graph's says nothing of anybody");
    assert_eq!(got[5], Ok("{\"path\":\"/users/5-5\"}".into()));
}

#[tokio::test]
async fn answers_that_dont_come_are_asked_for_again_and_then_told() {
    let lost = |number: usize, path: &str| (number > 0 || path != "/users/1?$select=id").then(|| good(path));
    let found = set(server(lost, |_| {}).await).await;
    assert_eq!(bodies(found.graph.batch(users(3)).await.unwrap()).len(), 3);
    assert_eq!(found.server.count(), 2);

    let never = |_: usize, path: &str| (path != "/users/1?$select=id").then(|| good(path));
    let set = set(server(never, |_| {}).await).await;
    let got = set.graph.batch(users(3)).await.unwrap();
    assert!(got[0].is_ok() && got[2].is_ok());
    assert!(
        matches!(&got[1], Err(Failure::Failed(Fault::Source(why))) if why.ends_with("leaves one of the answers of a batch away; tried 5 times"))
    );
}

#[tokio::test]
async fn answers_nobody_asked_for_are_passed_over() {
    let order = |responses: &mut Vec<Value>| {
        responses.push(json!({ "id": "77", "status": 200, "body": { "stray": true } }));
        responses.push(json!({ "id": "x", "status": 200, "body": {} }));
        responses.push(json!({ "id": "0", "status": 404, "body": { "error": { "code": "second" } } }));
    };
    let set = set(server(|_, path| Some(good(path)), order).await).await;
    assert_eq!(bodies(set.graph.batch(users(2)).await.unwrap())[0], "{\"path\":\"/users/0?$select=id\"}");
}

#[tokio::test]
async fn eventual_is_said_of_each_item() {
    let set = set(server(|_, path| Some(good(path)), |_| {}).await).await;
    let asked = vec![
        Request { path: "/users?$count=true".into(), eventual: true },
        Request { path: "/organization".into(), eventual: false },
    ];
    set.graph.batch(asked).await.unwrap();
    let body: Value = serde_json::from_str(&set.server.seen()[0].body).unwrap();
    assert_eq!(body["requests"][0]["headers"]["ConsistencyLevel"], "eventual");
    assert_eq!(body["requests"][1]["headers"], Value::Null);
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_is_one_fault() {
    let throttled = set(Server::script([Reply::new(429, "").with("Retry-After", "31")]).await).await;
    assert_eq!(throttled.graph.batch(users(2)).await, Err(Fault::Throttled(Some(31))));
    let refused = set(Server::script([Reply::new(400, error("BadRequest"))]).await).await;
    let Err(Fault::Source(why)) = refused.graph.batch(users(2)).await else { panic!() };
    assert!(why.ends_with("refuses a batch with 400 BadRequest: Said so. (request-id r-1)"), "{why}");
    let broken = set(Server::script([Reply::ok("{\"responses\":{}}")]).await).await;
    assert!(matches!(broken.graph.batch(users(2)).await, Err(Fault::Source(_))));
}

#[tokio::test]
async fn an_item_whose_token_is_refused_renews_it_once() {
    let once =
        |number: usize, path: &str| Some(if number == 0 { json!({ "status": 401 }) } else { good(path) });
    let renewed = set(server(once, |_| {}).await).await;
    assert_eq!(bodies(renewed.graph.batch(users(2)).await.unwrap()).len(), 2);
    assert_eq!(renewed.server.seen()[1].header("authorization"), "Bearer token-2");
    let always = set(server(|_, _| Some(json!({ "status": 401 })), |_| {}).await).await;
    assert!(matches!(always.graph.batch(users(2)).await, Err(Fault::Auth(_))));
    assert_eq!(always.server.count(), 2);
}

#[tokio::test]
async fn all_answers_together_have_a_limit() {
    let large = |_: usize, _: &str| Some(json!({ "status": 200, "body": { "x": "x".repeat(700 << 10) } }));
    let set = set(server(large, |_| {}).await).await;
    let Err(Fault::Source(why)) = set.graph.batch(users(120)).await else { panic!() };
    assert!(why.ends_with("answers a batch with more than 67108864 bytes; ask for fewer at once"), "{why}");
}
