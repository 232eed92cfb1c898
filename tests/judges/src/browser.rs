//! A browser without a face: follows redirections, keeps cookies, fills in forms.

use std::collections::{BTreeMap, BTreeSet};
use url::{Url, form_urlencoded};

/// What somebody says who is asked to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Accept,
    Cancel,
}

impl Says {
    fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Cancel => "cancel",
        }
    }
}

/// More pages than any sign-in has.
const MOST: usize = 20;

/// A browser that nobody has signed in at.
pub struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    /// What is written into forms, by the field's name.
    writes: BTreeMap<&'static str, String>,
}

/// Where a visit ended.
#[derive(Debug)]
pub enum End {
    /// It was sent to an address that isn't the provider's.
    Elsewhere(Url),
    /// A page with nothing to do on it.
    Page(String),
}

/// A form as it is sent.
struct Form {
    action: String,
    fields: Vec<String>,
    filled: String,
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// What is at an address: where it sends a browser, or its text.
pub async fn called(address: &Url) -> End {
    let answer = http().get(address.clone()).send().await.unwrap();
    match answer.headers().get("location") {
        Some(to) => End::Elsewhere(address.join(to.to_str().unwrap()).unwrap()),
        None => End::Page(answer.text().await.unwrap()),
    }
}

/// Status and text of an address.
pub async fn fetch(address: &str) -> (u16, String) {
    let answer = http().get(address).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

impl Browser {
    /// Somebody sits down, who will sign in so.
    pub fn of(account: &str, says: Says) -> Self {
        let writes = BTreeMap::from([("account", account.to_owned()), ("answer", says.word().to_owned())]);
        Self { http: http(), cookies: BTreeMap::new(), writes }
    }

    /// With a code that a device shows.
    pub fn with_code(mut self, code: &str) -> Self {
        self.writes.insert("user_code", code.to_owned());
        self
    }

    /// Opens an address and does what its pages ask for; what the address is come back to with, behind its question mark.
    pub async fn come_back(self, address: &Url) -> String {
        match self.visit(address).await {
            End::Elsewhere(back) => back.query().unwrap().to_owned(),
            End::Page(text) => panic!("nobody came back from {address}: {text}"),
        }
    }

    /// Opens an address and does what its pages ask for, to the end.
    pub async fn visit(mut self, address: &Url) -> End {
        let (mut at, mut form) = (address.clone(), None::<String>);
        let mut filled_in = BTreeSet::new();
        for _ in 0..MOST {
            let request = match form.take() {
                None => self.http.get(at.clone()),
                Some(filled) => self
                    .http
                    .post(at.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(filled),
            };
            let jar: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = request.header("cookie", jar.join("; ")).header("accept", "text/html");
            let answer = request.send().await.unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
                let value = value.split(';').next().unwrap_or_default();
                match value {
                    "" => self.cookies.remove(name),
                    value => self.cookies.insert(name.to_owned(), value.to_owned()),
                };
            }
            if let Some(to) = answer.headers().get("location") {
                let to = at.join(to.to_str().unwrap()).unwrap();
                if to.origin() != address.origin() {
                    return End::Elsewhere(to);
                }
                at = to;
                continue;
            }
            let text = answer.text().await.unwrap();
            match self.fill(&text) {
                // A form that is there again after it was filled in is the answer to what was in it.
                Some(Form { action, fields, filled })
                    if filled_in.insert((action.clone(), fields.clone())) =>
                {
                    (at, form) = (at.join(&action).unwrap(), Some(filled));
                }
                _ => return End::Page(text),
            }
        }
        panic!("{address} leads nowhere");
    }

    /// The first form of a page, filled in.
    fn fill(&self, page: &str) -> Option<Form> {
        let form = page.split_once("<form")?.1.split_once("</form>")?.0;
        let attribute = |tag: &str, name: &str| {
            let value = tag.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
            Some(value.replace("&amp;", "&"))
        };
        let action = attribute(form.split_once('>')?.0, "action")?;
        let mut filled = form_urlencoded::Serializer::new(String::new());
        let (mut fields, mut answered) = (Vec::new(), false);
        for tag in form.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("button")) {
            let Some(name) = attribute(tag, "name") else { continue };
            // Of several buttons one is pressed.
            if tag.starts_with("button") && std::mem::replace(&mut answered, true) {
                continue;
            }
            let value = self.writes.get(name.as_str()).cloned().or_else(|| attribute(tag, "value"));
            filled.append_pair(&name, &value.unwrap_or_default());
            fields.push(name);
        }
        Some(Form { action, fields, filled: filled.finish() })
    }
}
