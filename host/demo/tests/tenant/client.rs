//! A small HTTP/1.1 client that sees what a library would hide: cut bodies, closed connections.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use usher_demo::{Identity, Server, Tenant};

/// Everything that reading needs.
pub const READER: [&str; 2] = ["Directory.Read.All", "Application.Read.All"];

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and code of an error.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

pub struct Client {
    pub server: Server,
    pub headers: Vec<(String, String)>,
    open: Option<BufReader<TcpStream>>,
}

impl Client {
    /// Serves a tenant and speaks with it as a reader of everything.
    pub async fn of(tenant: &Tenant) -> Self {
        tenant.accept_token("reader", Identity::application(READER));
        let server = tenant.serve_at("127.0.0.1:0").await.unwrap();
        Self { server, headers: Vec::new(), open: None }.with_token("reader")
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.headers.retain(|(name, _)| name != "authorization");
        self.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub async fn get(&mut self, target: &str) -> Reply {
        self.send("GET", target, "").await.unwrap()
    }

    /// What is there, which has to be.
    pub async fn json(&mut self, target: &str) -> Value {
        let reply = self.get(target).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        reply.json()
    }

    /// The elements of all pages.
    pub async fn all(&mut self, target: &str) -> Vec<Value> {
        let (mut elements, mut next) = (Vec::new(), Some(target.to_owned()));
        while let Some(target) = next {
            let page = self.json(&target).await;
            elements.extend(page["value"].as_array().unwrap().iter().cloned());
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        elements
    }

    pub async fn post(&mut self, target: &str, body: &Value) -> Reply {
        self.send("POST", target, &body.to_string()).await.unwrap()
    }

    /// Sends a request to an address or a link.
    pub async fn send(&mut self, method: &str, target: &str, body: &str) -> io::Result<Reply> {
        let url = self.server.url();
        let target = target.strip_prefix(&url).unwrap_or(target).replace(' ', "%20").replace('"', "%22");
        let host = url.trim_start_matches("http://").to_owned();
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let kind = if body.starts_with(['{', '[']) {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        head.push_str(&format!("content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&host).await?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        stream.get_mut().write_all(head.as_bytes()).await?;
        let reply = read(&mut stream).await?;
        self.open = Some(stream);
        Ok(reply)
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Reply> {
    let status = line(stream).await?;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut headers = BTreeMap::new();
    loop {
        let line = line(stream).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    (&mut *stream).take(length).read_to_end(&mut body).await?;
    if (body.len() as u64) < length {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{} of {length} bytes", body.len()),
        ));
    }
    Ok(Reply { status, headers, body })
}
