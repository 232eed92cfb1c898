//! Errors in Graph's terms: status and code are the documented ones, since programs read them; the messages are words of our own, since
//! none should.

use crate::tenant::EditError;

/// An error on its way into Graph's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// The HTTP status.
    pub status: u16,
    /// `error.code`.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// Headers of its own: `Retry-After`, `Location`, `WWW-Authenticate`.
    pub headers: Vec<(&'static str, String)>,
}

/// An error of any kind.
pub fn error(status: u16, code: &str, message: impl Into<String>) -> GraphError {
    GraphError { status, code: code.to_owned(), message: message.into(), headers: Vec::new() }
}

/// A request that can't be understood.
pub fn bad_request(message: impl Into<String>) -> GraphError {
    error(400, "Request_BadRequest", message)
}

/// A query that can be understood and isn't supported.
pub fn unsupported(message: impl Into<String>) -> GraphError {
    error(400, "Request_UnsupportedQuery", message)
}

/// A property that the type doesn't have, or an option that can't be read.
pub fn invalid_option(message: impl Into<String>) -> GraphError {
    error(400, "BadRequest", message)
}

/// An object that isn't there.
pub fn not_found(what: &str) -> GraphError {
    error(404, "Request_ResourceNotFound", format!("There is no '{what}' here."))
}

/// An address that leads nowhere.
pub fn no_segment(path: &str) -> GraphError {
    error(400, "BadRequest", format!("Nothing is found at the segment '{path}'."))
}

/// A method that an address doesn't have.
pub fn no_method() -> GraphError {
    error(405, "Request_BadRequest", "The request target doesn't allow this HTTP method.")
}

/// Permissions that don't reach.
pub fn denied() -> GraphError {
    error(403, "Authorization_RequestDenied", "The permissions of the token don't reach this.")
}

/// A token that is missing, unknown or expired.
pub fn unauthenticated(message: &str) -> GraphError {
    let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                     client_id=\"00000003-0000-0000-c000-000000000000\"";
    GraphError {
        headers: vec![("www-authenticate", challenge.to_owned())],
        ..error(401, "InvalidAuthenticationToken", message)
    }
}

/// Too many requests.
pub fn throttled(retry_after: Option<String>) -> GraphError {
    let headers = retry_after.map(|after| ("retry-after", after)).into_iter().collect();
    GraphError { headers, ..error(429, "TooManyRequests", "There were too many requests; come again later.") }
}

impl From<EditError> for GraphError {
    fn from(refused: EditError) -> Self {
        let message = refused.to_string();
        match refused {
            EditError::NotFound(what) | EditError::NotDeleted(what) => not_found(&what),
            EditError::Taken { property, .. } => {
                bad_request(format!("The value of property {property} is taken by another object."))
            }
            EditError::UnverifiedDomain(_) => {
                bad_request(format!("Property userPrincipalName can't be so: {message}."))
            }
            EditError::NotMember { member, .. } => not_found(&member),
            EditError::Missing(_)
            | EditError::Invalid { .. }
            | EditError::AlreadyMember { .. }
            | EditError::NoNesting(_)
            | EditError::NoUnitLeft(_) => bad_request(message),
        }
    }
}
