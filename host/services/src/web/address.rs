//! Where requests may go: https to anywhere, plain http to this machine.

use std::fmt;
use url::{Host, Url};
use usher_runtime::one_line;

/// The address of a service, without query, fragment and credentials, and without a slash at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// An address that can't be used, and the setting it stands in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct BadAddress {
    /// The setting's name.
    pub setting: &'static str,
    /// A sentence for the operator.
    pub why: String,
}

impl Address {
    /// Reads what an operator wrote in this setting. Plain http is for 127.0.0.0/8, `::1` and `localhost`, where nobody listens in between.
    pub fn parse(setting: &'static str, text: &str) -> Result<Self, BadAddress> {
        let bad = |why: String| Err(BadAddress { setting, why });
        let text = text.trim();
        // Before parsing, which would drop some of them without a word.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return bad("an address has no blanks, control characters or backslashes".to_owned());
        }
        // Where there may be a password in it, the text isn't repeated.
        let shown = if text.contains('@') { "it".to_owned() } else { format!("`{}`", one_line(text, 200)) };
        let Ok(mut url) = Url::parse(text) else {
            return bad(format!("{shown} is not an address such as `https://graph.microsoft.com`"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return bad("an address has no user name or password in it".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return bad(format!("{shown} has a query or a fragment; an address ends with its path"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&url) => {}
            "http" => {
                return bad(format!(
                    "{shown} is plain http, which goes to this machine only (127.0.0.0/8, [::1], localhost); use https"
                ));
            }
            _ => return bad(format!("{shown} is not https")),
        }
        if !url.has_host() {
            return bad(format!("{shown} names no host"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// An address below this one; `path` begins with a slash.
    pub(crate) fn below(&self, path: &str) -> Option<Url> {
        Url::parse(&format!("{self}{path}")).ok().filter(|url| self.is_origin_of(url))
    }

    /// Whether scheme, host and port are these.
    pub(crate) fn is_origin_of(&self, url: &Url) -> bool {
        url.origin() == self.0.origin()
    }

    /// The path, without a slash at its end: empty for a bare host.
    pub(crate) fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// Host and port, as in sentences for the operator.
    pub(crate) fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub(crate) fn is_this_machine(&self) -> bool {
        is_this_machine(&self.0)
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Address::parse("graph_url", text).unwrap_err().to_string()
    }

    #[test]
    fn https_goes_anywhere_and_http_to_this_machine() {
        for (text, shown) in [
            ("https://graph.microsoft.com", "https://graph.microsoft.com"),
            ("https://proxy.example.org/graph/", "https://proxy.example.org/graph"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://127.8.9.10", "http://127.8.9.10"),
            ("http://[::1]:9/x", "http://[::1]:9/x"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(Address::parse("graph_url", text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_setting() {
        assert_eq!(
            refused("http://10.0.0.1"),
            "graph_url: `http://10.0.0.1` is plain http, which goes to this machine only (127.0.0.0/8, [::1], localhost); use https"
        );
        for text in
            ["http://localhost.example.org", "http://127.0.0.1.nip.io", "http://0.0.0.0", "http://[::]"]
        {
            assert!(refused(text).contains("plain http"), "{text}");
        }
        assert!(refused("ftp://graph.microsoft.com").ends_with("is not https"));
        assert!(refused("graph.microsoft.com").contains("is not an address"));
        assert!(refused("https://a.example/?x=1").contains("query or a fragment"));
        assert!(refused("https://a.example/#x").contains("query or a fragment"));
        assert!(refused("https://a.exam\tple").contains("control characters"));
        assert!(refused("https:\\\\a.example").contains("backslashes"));
        assert!(refused("").contains("is not an address"));
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        assert_eq!(
            refused("https://me:hunter2@a.example"),
            "graph_url: an address has no user name or password in it"
        );
        assert!(!refused("https://me:hunter2@[bad").contains("hunter2"));
        assert!(!refused("ftp://me:hunter2@a.example").contains("hunter2"));
    }

    #[test]
    fn nothing_below_an_address_leads_elsewhere() {
        let bare = Address::parse("graph_url", "https://graph.microsoft.com").unwrap();
        assert_eq!(bare.below("/v1.0/users").unwrap().as_str(), "https://graph.microsoft.com/v1.0/users");
        assert!(bare.below(".evil.example/v1.0").is_none());
        assert!(bare.below("@evil.example/v1.0").is_none());
        assert!(bare.below(":444/v1.0").is_none());
    }
}
