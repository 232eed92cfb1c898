//! What is tried again, after which pause, and when it is enough.

use super::*;

#[tokio::test]
async fn retry_after_is_kept_in_all_its_forms() {
    for (value, date, waited) in [
        ("3", None, Duration::from_secs(3)),
        ("2.128", None, Duration::from_millis(2128)),
        ("Sun, 22 Nov 2026 08:00:07 GMT", None, Duration::from_secs(7)),
        ("Sun, 22 Nov 2026 09:00:07 GMT", Some("Sun, 22 Nov 2026 09:00:00 GMT"), Duration::from_secs(7)),
        ("soon", None, Duration::from_secs(1)),
    ] {
        for status in [429, 503, 504] {
            let mut reply = Reply::new(status, error("TooManyRequests")).with("Retry-After", value);
            if let Some(date) = date {
                reply = reply.with("Date", date);
            }
            let set = set(Server::script([reply, Reply::ok("{}")]).await).await;
            set.graph.page(first("/users")).await.unwrap();
            assert_eq!(set.pauses.made(), [waited], "{value}");
        }
    }
}

#[tokio::test]
async fn without_a_word_pauses_grow_and_end() {
    for (status, throttled) in
        [(429, true), (500, false), (502, false), (503, false), (504, false), (408, false)]
    {
        let set = set(Server::script([Reply::new(status, error("Busy"))]).await).await;
        let fault = fault(set.graph.page(first("/users")).await.unwrap_err());
        match fault {
            Fault::Throttled(None) => assert!(throttled),
            Fault::Network(why) => {
                assert!(!throttled);
                assert!(
                    why.ends_with(&format!(
                        "answers with {status} Busy: Said so. (request-id r-1); tried 5 times"
                    )),
                    "{why}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(seconds(&set.pauses), [1, 2, 4, 8]);
        assert_eq!(set.server.count(), 5);
    }
}

#[tokio::test]
async fn who_must_wait_long_is_told_at_once() {
    let set = set(Server::script([Reply::new(503, "").with("Retry-After", "120.5")]).await).await;
    assert_eq!(fault(set.graph.page(first("/users")).await.unwrap_err()), Fault::Throttled(Some(121)));
    assert!(set.pauses.made().is_empty());
    assert_eq!(set.server.count(), 1);
}

#[tokio::test]
async fn pauses_of_one_call_add_up() {
    let set = set(Server::script([Reply::new(429, "").with("Retry-After", "12")]).await).await;
    assert_eq!(fault(set.graph.page(first("/users")).await.unwrap_err()), Fault::Throttled(Some(12)));
    assert_eq!(seconds(&set.pauses), [12, 12]);
}

#[tokio::test]
async fn broken_answers_are_asked_for_again() {
    let body = json!({ "value": ["a", "b"] }).to_string();
    for broken in [
        Reply::ok(body.clone()).cut(10),
        Reply::ok(body.clone()).chunked().cut(10),
        Reply::ok("{\"value\":[\"a\""),
        Reply::ok("<html>please sign in to the network</html>"),
        Reply::ok("[]"),
        Reply::ok(""),
        Reply::ok(vec![b'{', 0xff, b'}']),
        Reply::ok("not gzip").with("Content-Encoding", "gzip"),
        // Not Graph's own words: a proxy, which must not pass for Graph saying that somebody is gone.
        Reply::new(404, "<html>Not found</html>"),
        Reply::new(403, ""),
    ] {
        let set = set(Server::script([broken.clone(), Reply::ok(body.clone())]).await).await;
        let page =
            set.graph.page(first("/users")).await.unwrap_or_else(|error| panic!("{broken:?} {error:?}"));
        assert_eq!(page.body, body);
        assert_eq!(set.server.count(), 2);
    }
    let set = set(Server::script([Reply::new(404, "<html>")]).await).await;
    let Fault::Source(why) = fault(set.graph.page(first("/users/1-2")).await.unwrap_err()) else { panic!() };
    assert!(why.ends_with("refuses with 404, and not in Graph's words; tried 5 times"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_away_is_named_without_the_query() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (pace, pauses) = still();
    let graph =
        graph_with(&address, GraphOptions { pace, ..GraphOptions::default() }, Arc::new(Numbered::default()));
    let Fault::Network(why) = fault(graph.page(first("/users?$skiptoken=hush")).await.unwrap_err()) else {
        panic!()
    };
    assert!(why.starts_with(&format!("can't reach {}: ", &address["http://".len()..])), "{why}");
    assert!(why.contains("refused") && why.ends_with("; tried 5 times"), "{why}");
    assert!(!why.contains("hush") && !why.contains("token-1"));
    assert_eq!(seconds(&pauses), [1, 2, 4, 8]);
}

#[tokio::test]
async fn who_doesnt_answer_is_asked_again_and_then_given_up() {
    let timeouts = Timeouts { connect: Duration::from_secs(5), whole: Duration::from_millis(40) };
    let (pace, _) = still();
    let server = Server::script([Reply::silence(), Reply::ok("{}")]).await;
    graph(&server, GraphOptions { pace: pace.clone(), timeouts, ..GraphOptions::default() })
        .page(first("/users"))
        .await
        .unwrap();
    assert_eq!(server.count(), 2);
    // What was spent in waiting is off the patience.
    let pace = Pace { patience: Duration::from_millis(40), ..pace };
    let server = Server::script([Reply::silence()]).await;
    let graph = graph(&server, GraphOptions { pace, timeouts, ..GraphOptions::default() });
    let Fault::Network(why) = fault(graph.page(first("/users")).await.unwrap_err()) else { panic!() };
    assert!(why.ends_with("doesn't answer within 0.04 s"), "{why}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn answers_have_a_limit_folded_or_not() {
    let (pace, _) = still();
    let options = || GraphOptions { pace: pace.clone(), body_bytes: 64 << 10, ..GraphOptions::default() };
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat((64 << 10) - 8));
    assert_eq!(fits.len(), 64 << 10);
    let folded = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let bomb = folded(&format!("{{\"a\":\"{}\"}}", "x".repeat(64 << 20)));
    assert!(bomb.len() < 100 << 10);
    let gzip = |body: Vec<u8>| Reply::ok(body).with("Content-Encoding", "gzip");
    for (reply, is_taken) in [
        (Reply::ok(fits.clone()), true),
        (Reply::ok(fits.clone()).chunked(), true),
        (gzip(folded(&fits)), true),
        (Reply::ok(format!("{fits} ")), false),
        (Reply::ok(format!("{fits} ")).chunked(), false),
        (gzip(folded(&format!("{fits} "))), false),
        (gzip(bomb), false),
    ] {
        let server = Server::script([reply]).await;
        let got = graph(&server, options()).page(first("/users")).await;
        match got {
            Ok(page) => assert!(is_taken && page.body == fits),
            Err(failure) => {
                assert!(!is_taken);
                assert!(why(fault(failure)).ends_with("answers with more than 65536 bytes"));
            }
        }
        assert_eq!(server.count(), 1, "what is too long stays too long");
    }
}

/// Nobody vouches for this server's certificate.
async fn untrusted() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            assert!(acceptor.accept(stream).await.is_err(), "the client goes away before it says anything");
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_no_token() {
    let address = untrusted().await;
    let (pace, _) = still();
    let options = GraphOptions { pace, ..GraphOptions::default() };
    let graph = graph_with(&address, options, Arc::new(Numbered::default()));
    let Fault::Network(why) = fault(graph.page(first("/users")).await.unwrap_err()) else { panic!() };
    assert!(why.starts_with("can't reach localhost:") && why.contains("invalid peer certificate"), "{why}");
}
