//! What is asked, whether it came over a connection or in a batch.

use super::query::Query;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// From the first slash to the query, as it was sent.
    pub path: String,
    /// Behind the question mark, as it was sent.
    pub query: String,
    /// Headers by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Where the links of the answer lead: `http://127.0.0.1:4000`.
    pub base: String,
}

impl Request {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The bearer token.
    pub fn token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    }

    /// Path and query.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Whether the client takes what may be a little old: `ConsistencyLevel: eventual`.
    pub fn eventual(&self) -> bool {
        self.header("consistencylevel").is_some_and(|level| level.trim().eq_ignore_ascii_case("eventual"))
    }

    /// Whether the client wants only what changed: `Prefer: return=minimal`.
    pub fn minimal(&self) -> bool {
        self.header("prefer").is_some_and(|prefer| {
            prefer.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case("return=minimal"))
        })
    }

    /// The body as a JSON object.
    pub fn object(&self) -> Result<serde_json::Map<String, serde_json::Value>, super::GraphError> {
        match serde_json::from_slice(&self.body) {
            Ok(serde_json::Value::Object(object)) => Ok(object),
            Ok(_) => Err(super::error::invalid_option("The body of the request has to be a JSON object.")),
            Err(error) => {
                Err(super::error::invalid_option(format!("The body of the request can't be read: {error}.")))
            }
        }
    }
}

/// A request under way, its address taken apart.
pub struct Call<'a> {
    /// The request.
    pub request: &'a Request,
    /// Who asks.
    pub identity: &'a crate::tenant::Identity,
    /// `v1.0` or `beta`.
    pub version: &'a str,
    /// The segments behind the version, decoded, in the form `users`, `{id}`.
    pub segments: Vec<String>,
    /// The query's options.
    pub query: Query,
}

impl Call<'_> {
    /// The address of the version: `http://127.0.0.1:4000/v1.0`.
    pub fn root(&self) -> String {
        format!("{}/{}", self.request.base, self.version)
    }

    /// `@odata.context` of something.
    pub fn context(&self, what: &str) -> String {
        format!("{}/$metadata#{what}", self.root())
    }
}
